"""The frames that each row of the benchmark is trained and tested on."""

import gzip
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

DATA = Path(os.environ.get("INNFF_DATA", "../shared/data"))
EXTRA = Path(__file__).parents[1] / "acac-600K.xyz.gz"
OFFSET = 1.91e-3
"""Energy of our own labels less that of the published ones, in eV: 1.87 to 1.94 meV in six frames
of `test_MD_300K` labelled by `hot_frames.label`, whose forces differ by 0.9 to 1.4 meV/angstrom."""


def write_splits(folder: Path) -> None:
    """Write all files, always the same, but for those that are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    acac = _read("dataset_acac/train_300K.xyz.gz")
    _write(folder, "acac", _parts(acac, train=460, validation=40))
    _write(folder, "acac-test", {"300K": _read("dataset_acac/test_MD_300K.xyz.gz")})
    _write(folder, "acac-test", {"600K": _shifted(read(EXTRA, ":"))})
    _write(folder, "acac-cold", _without_highest_decile(acac))
    aspirin = _read("rmd17_aspirin/train.xyz.gz")
    _write(folder, "aspirin-50", _parts(aspirin, train=50, validation=40, test=400))
    _write(folder, "aspirin-curve", _parts(aspirin, train=500, validation=40))
    # Nothing is chosen by the validation frames, so they are the test too.
    large = _parts(aspirin, train=950, validation=50)
    _write(folder, "aspirin-950", {**large, "test": large["valid"]})
    ethanol = _read("dataset_ethanol/train.xyz.gz")
    _write(folder, "ethanol", _parts(ethanol, train=950, validation=50))
    _write(folder, "ethanol", {"test": _read("dataset_ethanol/test_MD.xyz.gz")})
    for part in ("train", "valid"):
        _write(folder, "water", {part: _read(f"water_pbe0/water_pbe0_{part}.xyz.gz")})
    bpa = _read("dataset_3BPA/train_300K.xyz.gz")
    _write(folder, "3bpa", _parts(bpa, train=400, validation=20, test=80))


def _read(name: str) -> list[Atoms]:
    found: list[Atoms] = read(DATA / name, ":")
    return found


def _shifted(frames: list[Atoms]) -> list[Atoms]:
    """Return our own labels on the scale of the published ones."""
    for atoms in frames:
        energy, forces = atoms.get_potential_energy() - OFFSET, atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return frames


def _parts(frames: list[Atoms], **sizes: int) -> dict[str, list[Atoms]]:
    """Return frames in a random order that is always the same; the test frames are the last.

    So those of a small training set are among those of a larger one.
    """
    order = np.random.RandomState(0).permutation(len(frames))
    train, valid = sizes["train"], sizes["validation"]
    parts = {"train": order[:train], "valid": order[train : train + valid]}
    if "test" in sizes:
        parts["test"] = order[len(order) - sizes["test"] :]
    return {name: [frames[i] for i in chosen] for name, chosen in parts.items()}


def _without_highest_decile(frames: list[Atoms]) -> dict[str, list[Atoms]]:
    """Return the highest tenth by energy as the test, the rest for training."""
    order = np.argsort([atoms.get_potential_energy() for atoms in frames])
    cold, hot = order[: -len(order) // 10], order[-len(order) // 10 :]
    parts = _parts([frames[i] for i in cold], train=len(cold) - 40, validation=40)
    return {**parts, "test": [frames[i] for i in hot]}


def _write(folder: Path, name: str, parts: dict[str, Sequence[Atoms]]) -> None:
    for part, frames in parts.items():
        path = folder / f"{name}-{part}.xyz.gz"
        if not path.exists():
            with gzip.open(path, "wt") as file:
                write(file, frames, format="extxyz")
