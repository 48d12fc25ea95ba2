"""Make training data of one molecule: dynamics with GFN2-xTB (tblite), and frames from it.

    python label_xtb.py p-xylene.xyz p-xylene-gfn2.xyz.gz

Needs `pip install tblite`. GFN2-xTB (doi:10.1021/acs.jctc.8b01176) is a semiempirical method: good
to try a recipe within minutes, no reference for results.
"""

import argparse
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.optimize import BFGS
from tblite.ase import TBLite

STEP_FS = 0.5
FRICTION_PER_FS = 0.01
SETTLE_FS = 500


def sample(
    start: Atoms, temperature: float, count: int, every_fs: float, seed: int
) -> list[tuple[np.ndarray, float, np.ndarray]]:
    """Return positions, energies and forces along a trajectory at one temperature."""
    random = np.random.default_rng(seed)
    atoms = start.copy()
    atoms.calc = start.calc
    spread = np.sqrt(2 * units.kB * temperature / atoms.get_masses())[:, None]  # half will be lost
    atoms.set_velocities(random.normal(size=(len(atoms), 3)) * spread)
    dynamics = Langevin(
        atoms,
        STEP_FS * units.fs,
        temperature_K=temperature,
        friction=FRICTION_PER_FS / units.fs,
        rng=random,
        fixcm=False,
    )
    dynamics.run(round(SETTLE_FS / STEP_FS))
    found = []
    for _ in range(count):
        dynamics.run(round(every_fs / STEP_FS))
        found.append((atoms.positions.copy(), atoms.get_potential_energy(), atoms.get_forces()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("molecule", type=Path, help="a file with its atoms, in any format of ASE")
    parser.add_argument("out", type=Path, help="extended XYZ to write, such as frames.xyz.gz")
    parser.add_argument("--charge", type=int, default=0)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[300.0, 450.0, 600.0])
    parser.add_argument("--frames", type=int, default=80, help="at each temperature")
    parser.add_argument("--every", type=float, default=25.0, help="fs between frames")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    atoms = ase.io.read(given.molecule)
    atoms.pbc = False
    atoms.calc = TBLite(method="GFN2-xTB", charge=given.charge, verbosity=0)
    BFGS(atoms, logfile=None).run(fmax=0.02, steps=300)
    frames = []
    for number, temperature in enumerate(given.temperatures):
        seed = given.seed + number
        for positions, energy, forces in sample(
            atoms, temperature, given.frames, given.every, seed
        ):
            frame = Atoms(atoms.numbers, positions)
            frame.info["energy"] = energy
            frame.arrays["forces"] = forces
            frames.append(frame)
        print(f"{temperature:g} K: {given.frames} frames", flush=True)
    order = np.random.default_rng(given.seed).permutation(len(frames))
    ase.io.write(given.out, [frames[i] for i in order], format="extxyz")


if __name__ == "__main__":
    main()
