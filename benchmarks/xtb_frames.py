"""Frames of a molecule from molecular dynamics with GFN2-xTB, for a base model to learn from.

    pip install ase tblite
    python benchmarks/xtb_frames.py start.xyz base.xyz.gz --frames 3000 --temperatures 300 500 800

Runs of 25 frames, 20 fs apart, each from a structure of start.xyz at one of the temperatures. About
20 frames a second for 15 atoms on one core. A run that was stopped goes on where it was.
"""

import argparse
import gzip
import shutil
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

FRAMES, EVERY, SETTLE = 25, 20, 80
"""Frames of a run, steps between them, and steps before the first; steps are of 1 fs."""
LARGEST_FORCE = 25.0  # eV/A: what comes from a molecule that falls apart is left out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("start", type=Path, help="structures to start from")
    parser.add_argument("out", type=Path, help="extended XYZ file to write, .xyz.gz")
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[300.0, 500.0, 800.0])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    make_frames(**vars(arguments))


def make_frames(start: Path, out: Path, frames: int, temperatures: list[float], seed: int) -> None:
    """Write labelled frames; what a stopped run has left is gone on with."""
    structures = read(start, ":")
    kept = out.with_suffix(".partial.xyz")
    found = read(kept, ":") if kept.exists() else []
    while len(found) < frames:
        random = np.random.default_rng([seed, len(found)])
        structure = structures[random.integers(len(structures))]
        found += run(structure, float(random.choice(temperatures)), random)
        write(kept, found, format="extxyz")
        print(f"{len(found)} of {frames} frames", flush=True)
    write(kept, found[:frames], format="extxyz")
    unfinished = out.with_suffix(".unfinished")
    with kept.open("rb") as source, gzip.open(unfinished, "wb") as target:
        shutil.copyfileobj(source, target)
    unfinished.replace(out)
    kept.unlink()


def run(structure: Atoms, temperature: float, random: np.random.Generator) -> list[Atoms]:
    """Return the frames of one run with their energies and forces."""
    from tblite.ase import TBLite

    atoms = Atoms(structure.numbers, structure.positions)
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    MaxwellBoltzmannDistribution(atoms, temperature_K=temperature, rng=random)
    motion = Langevin(
        atoms, units.fs, temperature_K=temperature, friction=0.02 / units.fs, rng=random
    )
    motion.run(SETTLE)
    found: list[Atoms] = []
    for _ in range(FRAMES):
        motion.run(EVERY)
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        if not np.isfinite(forces).all() or np.abs(forces).max() > LARGEST_FORCE:
            break
        frame = Atoms(atoms.numbers, atoms.positions)
        frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces.copy())
        found.append(frame)
    return found


if __name__ == "__main__":
    main()
