"""Splits are disjoint, complete, ordered and repeatable."""

import numpy as np
import pytest

from openmm_innff.data import Frame, FrameSet, split_frames
from openmm_innff.errors import DataError


@pytest.fixture(scope="module")
def frames() -> FrameSet:
    zeros = np.zeros((1, 3))
    return FrameSet(Frame([1], zeros, zeros, False, float(i), zeros) for i in range(40))


@pytest.mark.parametrize(("validation", "count"), [(0.1, 4), (0.25, 10), (1e-3, 1), (7, 7)])
def test_split(frames: FrameSet, validation: float, count: int) -> None:
    train, valid = split_frames(frames, validation, seed=3)
    assert len(valid) == count
    assert sorted([*train.energies, *valid.energies]) == list(range(40))
    for part in (train, valid):
        assert (np.diff(part.energies) > 0).all()


def test_seed(frames: FrameSet) -> None:
    hashes = [split_frames(frames, 0.2, seed)[1].sha256 for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("validation", [0.0, 1.0, -0.1, 0, 40, 41, -1, float("nan")])
def test_empty_parts_are_refused(frames: FrameSet, validation: float) -> None:
    with pytest.raises(DataError, match="validation must"):
        split_frames(frames, validation)


def test_one_frame_cannot_be_split(frames: FrameSet) -> None:
    with pytest.raises(DataError, match="of 1 frames"):
        split_frames(frames[:1], 0.5)
