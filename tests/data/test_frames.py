"""Frames check what they are made of; frame sets are sequences with a content hash."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from openmm_innff.data import Frame, FrameSet
from openmm_innff.errors import DataError


def make_frame(**changes: Any) -> Frame:
    values: dict[str, Any] = {
        "numbers": [8, 1, 1],
        "positions": [[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]],
        "cell": np.diag([3.0, 3.0, 3.0]),
        "periodic": True,
        "energy": -460.0,
        "forces": [[0.0, 0.1, 0.0], [0.0, -0.1, 0.0], [0.0, 0.0, 0.0]],
    }
    return Frame(**values | changes)


def test_types_and_shapes() -> None:
    frame = make_frame(numbers=np.array([8, 1, 1], dtype=np.int32))
    assert frame.numbers.dtype == np.int64
    assert frame.positions.dtype == frame.forces.dtype == frame.cell.dtype == np.float64
    assert len(frame) == frame.n_atoms == 3
    assert frame.symbols == ("O", "H", "H")


def test_isolated_frames_forget_their_cell() -> None:
    assert not make_frame(periodic=False).cell.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": np.zeros((2, 3))}, r"positions must have shape \(3, 3\), found \(2, 3\)"),
        ({"forces": np.zeros(9)}, r"forces must have shape \(3, 3\), found \(9,\)"),
        ({"forces": [["a"] * 3] * 3}, "forces must be numbers, found"),
        ({"energy": np.nan}, "energy must be finite"),
        ({"forces": np.diag([0.0, np.inf, 0.0])}, "forces must be finite, .* of atom 1"),
        ({"numbers": [8, 1, 0]}, "atomic numbers must be 1 to 118, found 0"),
        ({"numbers": [8, 1, 119]}, "found 119"),
        ({"cell": np.diag([3.0, 3.0, 0.0])}, "box has a volume of 0 .* is the cell in angstrom"),
        ({"positions": np.eye(3) * 0.1}, "0.141 angstrom apart, wanted at least 0.3"),
        ({"positions": np.zeros((3, 3))}, "0 angstrom apart"),
    ],
)
def test_bad_values(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_frame(**changes)


def test_no_atoms() -> None:
    with pytest.raises(DataError, match="at least one atom"):
        make_frame(numbers=[], positions=np.zeros((0, 3)), forces=np.zeros((0, 3)))


def test_overlap_is_seen_across_images() -> None:
    positions = [[0.1, 0.1, 0.1], [6.1, 3.1, 0.2], [1.5, 1.5, 1.5]]
    with pytest.raises(DataError, match=r"atoms 0 and 1 are 0\.1 angstrom apart"):
        make_frame(positions=positions)


@pytest.mark.parametrize("shift", [[3.05, 0.1, 0.0], [-0.1, 0.0, -9.0], [0.05, 3.1, 2.95]])
def test_overlap_is_seen_across_faces(shift: list[float]) -> None:
    cell = np.array([[3.0, 0.0, 0.0], [1.0, 3.0, 0.0], [-0.5, 1.0, 3.0]])
    start = np.array([0.0, 0.02, 0.03])
    image = start + np.round(shift @ np.linalg.inv(cell)) @ cell + 0.1
    with pytest.raises(DataError, match=r"atoms 0 and 2 are 0\.173 angstrom apart"):
        make_frame(positions=[start, [1.4, 1.5, 1.6], image], cell=cell)


def test_a_large_box_is_checked_quickly() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(20.0)] * 3), axis=-1).reshape(-1, 3)
    values = {"numbers": np.ones(8000), "cell": 20.0 * np.eye(3), "forces": 0 * grid}
    make_frame(positions=grid, **values)
    grid[4321] = grid[17] + [0.0, 0.0, 0.2]
    with pytest.raises(DataError, match="atoms 17 and 4321"):
        make_frame(positions=grid, **values)


def test_sequence() -> None:
    frames = FrameSet([make_frame(energy=float(i)) for i in range(5)])
    assert len(frames) == 5
    assert frames.n_atoms == 15
    assert isinstance(frames[1:3], FrameSet)
    assert frames[-1].energy == 4.0
    assert frames.select([4, 0]).energies.tolist() == [4.0, 0.0]
    assert len(frames + frames[:2]) == 7
    assert frames.elements == ("H", "O")
    assert frames.counts(("O", "H", "C")).tolist() == [[1, 2, 0]] * 5
    assert "5 periodic frames" in repr(frames)


def test_hash_follows_the_content_only() -> None:
    frames = FrameSet([make_frame(), make_frame(energy=1.0)])
    assert frames.sha256 == FrameSet([make_frame(info={"a": 1}), frames[1]]).sha256
    changed = np.array(frames[0].positions)
    changed[0, 0] += 1e-12
    others = [
        frames[::-1],
        frames[:1],
        FrameSet([make_frame(positions=changed), frames[1]]),
        FrameSet([make_frame(periodic=False), frames[1]]),
    ]
    assert len({other.sha256 for other in others} | {frames.sha256}) == 5


def test_copies() -> None:
    frames = FrameSet([make_frame(info={"source": "a"})])
    assert pickle.loads(pickle.dumps(frames)).sha256 == frames.sha256
    assert copy.deepcopy(frames)[0].info == {"source": "a"}


def test_frames_may_be_of_one_molecule() -> None:
    liquid, vacuum = make_frame(), {"cell": np.zeros((3, 3)), "periodic": False}
    water, methylene = make_frame(**vacuum), make_frame(numbers=[6, 1, 1], **vacuum)
    assert FrameSet([water, water]).one_molecule
    assert not FrameSet([water, methylene]).one_molecule
    assert not FrameSet([liquid]).one_molecule
