"""Water corrected by CCSD(T): from the labels to a model, and what it changed.

    INNFF_DATA=/path/to/data python recipes/water-ccsdt/study.py --out runs/water-ccsdt

The liquid keeps the forces of its own data, which hold what many molecules do to each other; what
CCSD(T) adds to PBE0 for each molecule and each pair of them is learned from the labels as a model
of the difference, and added (a many-body expansion to second order). Then water-pbe0 is trained on:
the liquid with its new labels, molecules and dimers. Finished steps are kept.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from pairs import WATER, PairCorrection, evaluate, molecules_of

from openmm_innff.model import Model, load_model
from openmm_innff.reference.store import write_frames
from openmm_innff.training import load_config, train

HERE = Path(__file__).parent
BASE = "water-pbe0"
REPEAT = 3
"""So many times molecules and dimers are shown for each time that the liquid is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/water-ccsdt"))
    parser.add_argument("--frames", type=int, default=240, help="of the liquid")
    given = parser.parse_args()
    difference = trained("difference", given.out, differences, None)
    correction = PairCorrection(difference)
    gas = isolated(given.out, correction)
    liquid = corrected_liquid(given.out, correction, given.frames)
    model = load_model(BASE)
    for name in ("first", "final"):

        def frames(out: Path, model: Model = model) -> list[Atoms]:
            return REPEAT * gas + shifted(liquid, gas, model)

        model = trained(name, given.out, frames, model)
    print(f"written: {given.out / 'final' / 'water-ccsdt.innff'}")


def trained(name, out, make, base: Model | None) -> Model:
    """Train with NAME.toml on frames, or go on, or load what is there."""
    folder = out / name
    file = out / f"{name}-train.xyz"
    if not file.is_file():
        write_frames(file, make(out))
    os.environ["STUDY"] = str(out.resolve())
    config = load_config(HERE / f"{name}.toml", base.potential.config if base else None)
    model = folder / f"{config.card.name}.innff"
    if not model.is_file():
        train(config, folder, resume=(folder / "checkpoint.pt").is_file(), base=base)
    return load_model(model)


def differences(out: Path) -> list[Atoms]:
    """Return CCSD(T) minus PBE0 of the structures that have both."""
    best = {key(a): a for a in read(out / "dear-ccsdt.xyz", ":")}
    cheap = {key(a): a for a in read(out / "dear-pbe0.xyz", ":")}
    found = []
    for name in best.keys() & cheap.keys():
        one, other = best[name], cheap[name]
        energy = one.get_potential_energy() - other.get_potential_energy()
        found.append(labelled(one, energy, one.get_forces() - other.get_forces()))
    return sorted(found, key=len)


def isolated(out: Path, correction: PairCorrection) -> list[Atoms]:
    """Return molecules and dimers: with CCSD(T), or with PBE0 and what is learned of the rest."""
    found = read(out / "dear-ccsdt.xyz", ":")
    for atoms in read(out / "cheap-pbe0.xyz", ":"):
        energy, forces = correction.whole(atoms.positions)
        found.append(
            labelled(atoms, atoms.get_potential_energy() + energy, atoms.get_forces() + forces)
        )
    return found


def corrected_liquid(out: Path, correction: PairCorrection, count: int) -> list[Atoms]:
    """Return the frames of the liquid with what CCSD(T) adds for molecules and pairs."""
    file = out / "liquid.xyz"
    if not file.is_file():
        data = Path(os.environ["INNFF_DATA"]) / "water_pbe0" / "water_pbe0_train.xyz.gz"
        frames = []
        for atoms in read(data, ":")[:count]:
            energy, forces = correction.liquid(atoms)
            frames.append(
                labelled(atoms, atoms.get_potential_energy() + energy, atoms.get_forces() + forces)
            )
        write_frames(file, frames)
    return read(file, ":")


def shifted(liquid: list[Atoms], gas: list[Atoms], model: Model) -> list[Atoms]:
    """Return the liquid with its energies on the scale of the molecules.

    No label says how much less energy a molecule has in the liquid than alone: pseudopotentials on
    one side, all electrons on the other. It is taken from the model that training goes on from.
    """
    alone = [a for a in gas if len(a) == len(WATER)]
    offset = mean_difference(model, liquid) - mean_difference(model, alone)
    print(f"liquid: {offset:.4f} eV for each molecule")
    return [
        labelled(a, a.get_potential_energy() + offset * molecules_of(a), a.get_forces())
        for a in liquid
    ]


def mean_difference(model: Model, frames: list[Atoms]) -> float:
    """Return the mean of model minus label for each molecule, eV."""
    found = [(evaluate(model, a)[0] - a.get_potential_energy()) / molecules_of(a) for a in frames]
    return float(np.mean(found))


def labelled(atoms: Atoms, energy: float, forces: np.ndarray) -> Atoms:
    """Return a copy with a label."""
    made = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    made.calc = SinglePointCalculator(made, energy=energy, forces=forces)
    return made


def key(atoms: Atoms) -> bytes:
    """Return what tells structures apart."""
    return np.round(1e5 * atoms.positions).astype(int).tobytes()


if __name__ == "__main__":
    main()
