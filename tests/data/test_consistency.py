"""Energies that don't follow from the forces are noticed; good and unclear sets pass."""

import os
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from openmm_innff.data import Frame, FrameSet, read_frames
from openmm_innff.data.consistency import check_labels
from openmm_innff.errors import DataError

START = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.1, 0.3], [0.9, 1.2, -0.8]])


def springs(
    count: int = 12, energy: float = 1.0, forces: float = 1.0, periodic: bool = False
) -> FrameSet:
    """Four atoms joined by springs, with labels in a wrong unit by the given factors."""
    rng = np.random.default_rng(5)
    pairs = np.triu_indices(4, 1)

    def frame() -> Frame:
        x = START + 0.06 * rng.normal(size=START.shape)
        bonds = x[pairs[0]] - x[pairs[1]]
        lengths = np.linalg.norm(bonds, axis=1)
        stretch = lengths - np.linalg.norm(START[pairs[0]] - START[pairs[1]], axis=1)
        pull = -20.0 * (stretch / lengths)[:, None] * bonds
        f = np.zeros_like(x)
        np.add.at(f, pairs[0], pull)
        np.add.at(f, pairs[1], -pull)
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        rotation *= np.linalg.det(rotation)
        if periodic:  # moved by box vectors instead
            rotation, x = np.eye(3), x + 6.0 * rng.integers(-2, 3, size=x.shape)
        e = 10.0 * np.sum(stretch**2)
        f = forces * f @ rotation
        return Frame([6, 1, 1, 1], x @ rotation, 6.0 * np.eye(3), periodic, energy * e, f)

    return FrameSet(frame() for _ in range(count))


@pytest.mark.parametrize("periodic", [False, True])
def test_good_labels_pass(periodic: bool) -> None:
    check_labels(springs(periodic=periodic))


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"forces": -1.0}, "have the opposite sign.* wanted about 1"),
        ({"energy": 23.06}, "don't match"),
        ({"energy": 1 / 27.2114}, "don't match"),
        ({"forces": 96.485}, "don't match"),
    ],
)
def test_bad_labels(factors: dict[str, float], message: str, periodic: bool) -> None:
    with pytest.raises(DataError, match=message):
        check_labels(springs(periodic=periodic, **factors))


def test_nothing_is_said_where_nothing_can_be_known() -> None:
    check_labels(springs(count=5, forces=-1.0))
    check_labels(springs(energy=0.0))
    check_labels(FrameSet([*springs(1), Frame([1], [[0, 0, 0]], np.eye(3), False, 0, [[0, 0, 0]])]))


def test_reading_checks_labels(tmp_path: Path) -> None:
    images = []
    for frame in springs(forces=-1.0):
        atoms = Atoms(frame.numbers, frame.positions)
        atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces)
        images.append(atoms)
    ase.io.write(tmp_path / "a.xyz", images, format="extxyz")
    with pytest.raises(DataError, match=r"a\.xyz: energies and forces have the opposite sign"):
        read_frames(tmp_path / "a.xyz")
    assert len(read_frames(tmp_path / "a.xyz", check_labels=False)) == 12


@pytest.mark.parametrize(
    "name", ["water_pbe0/water_pbe0_train.xyz.gz", "dataset_ethanol/train.xyz.gz"]
)
def test_a_wrong_sign_is_seen_in_real_data(name: str) -> None:
    default = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("INNFF_DATA", default)) / name
    if not path.is_file():
        pytest.skip(f"the reference data are not at {path} (set INNFF_DATA)")
    frames = read_frames(path, ":100")
    flipped = FrameSet(
        Frame(f.numbers, f.positions, f.cell, f.periodic, f.energy, -f.forces) for f in frames
    )
    with pytest.raises(DataError, match="opposite sign"):
        check_labels(flipped)
