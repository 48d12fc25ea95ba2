"""Water corrected by CCSD(T): from the labels to a model, and what it changed.

    INNFF_DATA=/path/to/data python recipes/water-ccsdt/study.py --out runs/water-ccsdt

Two models of molecules and dimers, of CCSD(T) and of PBE0, go on from one of many cheap labels.
The liquid keeps the forces of its own data, which hold what many molecules do to each other, and
gets the difference of the two models for each molecule and each pair (a many-body expansion to
second order). One model learns all of it: the liquid with its new labels, molecules and dimers.
Finished steps are kept.
"""

import argparse
import dataclasses
import os
from collections.abc import Callable
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
SHIPPED = "water-pbe0"
APART = 20
"""Of so many frames, one is held out."""
REPEAT = 3
"""So many times labelled molecules and dimers are shown for each time that the liquid is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/water-ccsdt"))
    parser.add_argument("--frames", type=int, default=240, help="of the liquid")
    parser.add_argument("--taught", type=int, default=600, help="dimers that a model labels")
    given = parser.parse_args()
    out = given.out
    os.environ["STUDY"] = str(out.resolve())
    base = trained(out, "base", "base.toml", lambda: read(out / "pool-gfn2.xyz", ":"))
    best, cheap = (
        trained(out, name, "pair.toml", lambda f=f"dear-{name}.xyz": read(out / f, ":"), base)
        for name in ("ccsdt", "pbe0")
    )
    labels = read(out / "dear-ccsdt.xyz", ":")
    more = taught(out, best, given.taught)
    liquid = corrected_liquid(out, PairCorrection(best, cheap), given.frames)
    model = None
    for name, toml in (("first", "first.toml"), ("water-ccsdt", "final.toml")):
        scaled = shifted(liquid, labels, model or load_model(SHIPPED))
        held_out = [a for frames in (labels, more, scaled) for a in frames[::APART]]
        write_frames(out / f"{name}-valid.xyz", held_out)
        shown = REPEAT * others(labels) + others(more) + others(scaled)
        model = trained(out, name, toml, lambda shown=shown: shown, model)


def trained(
    out: Path, name: str, toml: str, frames: Callable[[], list[Atoms]], base: Model | None = None
) -> Model:
    """Train on frames, or go on, or load what is there."""
    os.environ["NAME"] = name
    file = out / f"{name}-train.xyz"
    if not file.is_file():
        write_frames(file, frames())
    config = load_config(HERE / toml, base.potential.config if base else None)
    config = dataclasses.replace(config, card=dataclasses.replace(config.card, name=name))
    model = out / name / f"{name}.innff"
    if not model.is_file():
        train(config, model.parent, resume=(model.parent / "checkpoint.pt").is_file(), base=base)
    return load_model(model)


def others(frames: list[Atoms]) -> list[Atoms]:
    """Return the frames that are not held out."""
    return [a for k, a in enumerate(frames) if k % APART]


def taught(out: Path, best: Model, count: int) -> list[Atoms]:
    """Return dimers of all kinds with labels of the dimer model."""
    dimers = [a for a in read(out / "pool-gfn2.xyz", ":") if len(a) == 2 * len(WATER)]
    return [labelled(a, *evaluate(best, a)) for a in dimers[:: len(dimers) // count][:count]]


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


if __name__ == "__main__":
    main()
