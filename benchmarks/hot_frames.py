"""Makes acac-600K.xyz.gz, frames of acetylacetone at 600 K for uncertainty.py. An hour on a core.

    pip install ase tblite pyscf dftd3
    INNFF_DATA=/path/to/data python benchmarks/hot_frames.py labels/

The structures are from molecular dynamics with GFN2-xTB, twelve runs of five frames 150 fs apart.
The labels are PBE with D3(BJ) and def2-SVP by PySCF with density fitting, the level of the 300 K
data (whose forces these settings repeat to 1.4 and 2.9 meV/A in the two frames compared). Labels
are kept one by one in the folder given, so that it can be stopped and started again.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

RUNS, FRAMES = 12, 5
TEMPERATURE = 600.0  # K
OUTPUT = Path(__file__).parent / "acac-600K.xyz.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where labels are kept")
    parser.add_argument("--frames", type=int, default=RUNS * FRAMES, help="how many to label")
    parser.add_argument("--compare", type=int, default=0, help="label so many 300 K frames instead")
    arguments = parser.parse_args()
    if arguments.compare:
        compare(arguments.compare)
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    trajectory = arguments.folder / "structures.xyz"
    if not trajectory.exists():
        write(trajectory, run())
    frames = read(trajectory, ":")
    # The first frame of each run, then the second of each, and so on.
    order = sorted(range(len(frames)), key=lambda i: (i % FRAMES, i))[: arguments.frames]
    for number in order:
        file = arguments.folder / f"{number:03d}.xyz"
        if not file.exists():
            write(file, label(frames[number]), format="extxyz")
            print(file, flush=True)
    done = [read(file) for file in sorted(arguments.folder.glob("[0-9]*.xyz"))]
    write(OUTPUT, done, format="extxyz")
    print(f"{len(done)} frames written to {OUTPUT}")


def compare(count: int) -> None:
    """Print by how much our labels of frames at 300 K differ from the published ones."""
    frames = read(Path(os.environ["INNFF_DATA"]) / "dataset_acac" / "test_MD_300K.xyz.gz", ":")
    for number in np.linspace(0, len(frames) - 1, count).astype(int):
        published = frames[number]
        ours = label(Atoms(published.numbers, published.positions))
        energy = ours.get_potential_energy() - published.get_potential_energy()
        force = np.sqrt(np.mean((ours.get_forces() - published.get_forces()) ** 2))
        print(f"frame {number}: {1e3 * energy:.2f} meV, {1e3 * force:.2f} meV/A", flush=True)


def run() -> list[Atoms]:
    """Return structures of short runs from random frames of the 300 K data."""
    from tblite.ase import TBLite

    cold = read(Path(os.environ["INNFF_DATA"]) / "dataset_acac" / "train_300K.xyz.gz", ":")
    random, found = np.random.default_rng(1), []
    for _ in range(RUNS):
        atoms = cold[random.integers(len(cold))].copy()
        atoms.pbc, atoms.cell = False, None
        atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
        MaxwellBoltzmannDistribution(atoms, temperature_K=TEMPERATURE, rng=random)
        step, friction = 0.5 * units.fs, 0.01 / units.fs
        motion = Langevin(atoms, step, temperature_K=TEMPERATURE, friction=friction, rng=random)
        motion.run(600)
        for _ in range(FRAMES):
            motion.run(300)
            found.append(Atoms(atoms.numbers, atoms.positions))
    return found


def label(atoms: Atoms) -> Atoms:
    """Return a frame with its energy and forces."""
    import dftd3.pyscf
    from pyscf import dft, gto

    places = list(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True))
    molecule = gto.M(atom=places, basis="def2-svp", verbose=0)
    calculation = dft.RKS(molecule).density_fit(auxbasis="def2-universal-jfit")
    calculation.xc, calculation.grids.level, calculation.conv_tol = "pbe", 3, 1e-9
    energy = calculation.kernel()
    gradient = calculation.nuc_grad_method().kernel()
    dispersion = dftd3.pyscf.DFTD3Dispersion(molecule, xc="PBE", version="d3bj").kernel()
    labelled = atoms.copy()
    labelled.calc = SinglePointCalculator(
        labelled,
        energy=(energy + dispersion[0]) * units.Hartree,
        forces=-(gradient + dispersion[1]) * units.Hartree / units.Bohr,
    )
    return labelled


if __name__ == "__main__":
    main()
