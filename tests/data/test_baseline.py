"""Baselines: tables, least squares, and compositions that don't determine every element."""

import numpy as np
import pytest
from ase.data import atomic_numbers

from openmm_innff.data import Baseline, Frame, FrameSet, fit_baseline
from openmm_innff.errors import DataError

TABLE = {"H": -13.6, "C": -1029.0, "O": -2041.0}


def make(*compositions: dict[str, int]) -> FrameSet:
    """Frames whose energy is exactly that of the table."""

    def frame(composition: dict[str, int]) -> Frame:
        numbers = [atomic_numbers[s] for s, n in composition.items() for _ in range(n)]
        positions = np.arange(len(numbers))[:, None] * [1.0, 0.0, 0.0]
        energy = sum(TABLE[s] * n for s, n in composition.items())
        return Frame(numbers, positions, np.zeros((3, 3)), False, energy, 0 * positions)

    return FrameSet(frame(composition) for composition in compositions)


def test_full_rank_least_squares() -> None:
    frames = make({"H": 2, "O": 1}, {"C": 1, "H": 4}, {"C": 1, "O": 2}, {"H": 2, "O": 2})
    baseline = fit_baseline(frames)
    assert baseline.energies == pytest.approx(TABLE, abs=1e-8)
    assert baseline.method == "least squares over 4 frames"
    np.testing.assert_allclose(baseline.of(frames), frames.energies, atol=1e-8)


def test_one_composition_gives_one_offset() -> None:
    frames = make(*[{"H": 4, "O": 2}] * 3)
    baseline = fit_baseline(frames)
    assert baseline.energies["H"] == pytest.approx(baseline.energies["O"], abs=1e-9)
    assert "one offset per atom" in baseline.method
    np.testing.assert_allclose(baseline.of(frames), frames.energies, atol=1e-8)


def test_the_size_of_the_box_does_not_raise_the_rank() -> None:
    baseline = fit_baseline(make({"H": 4, "O": 2}, {"H": 8, "O": 4}))
    assert "one offset per atom" in baseline.method


def test_partial_rank() -> None:
    frames = make({"H": 2, "O": 1, "C": 2}, {"H": 2, "O": 1, "C": 1})
    baseline = fit_baseline(frames)
    assert "determine only 2 of 3 elements" in baseline.method
    np.testing.assert_allclose(baseline.of(frames), frames.energies, atol=1e-8)


@pytest.mark.parametrize("as_frames", [True, False])
def test_isolated_atoms(as_frames: bool) -> None:
    atoms = make({"H": 1}, {"C": 1}, {"O": 1}) if as_frames else TABLE
    frames = make({"H": 2, "O": 1})
    baseline = fit_baseline(frames, atoms)
    assert baseline == Baseline({"H": -13.6, "O": -2041.0}, "energies of isolated atoms")


def test_isolated_atoms_must_fit() -> None:
    frames = make({"H": 2, "O": 1})
    with pytest.raises(DataError, match="must cover H, O: O missing, found H"):
        fit_baseline(frames, {"H": -13.6})
    with pytest.raises(DataError, match="H is there twice, again in frame 1"):
        fit_baseline(frames, make({"H": 1}, {"H": 1}))
    with pytest.raises(DataError, match="wanted 1 atom in frame 0, found 3"):
        fit_baseline(frames, frames)


def test_no_frames() -> None:
    with pytest.raises(DataError, match="at least one frame"):
        fit_baseline(FrameSet([]))


def test_unknown_element() -> None:
    with pytest.raises(DataError, match="no energy for C; it has H"):
        Baseline({"H": 0.0}, "").of(make({"C": 1, "H": 1}))
