"""Predictions for reference data, made once for all tests of accuracy."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from openmm_innff.audit.bench import Bench, Labelled
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structure import Array
from openmm_innff.audit.subjects import Evaluation, Subject


@dataclass(frozen=True, eq=False)
class Predictions:
    """Reference data and what a potential makes of them.

    Parameters
    ----------
    frames
        The reference.
    found
        The predictions.
    energies
        Energies of reference and prediction in eV, shape (2, frames), each without what depends
        on the numbers of atoms alone: potentials differ in their zero.
    """

    frames: tuple[Labelled, ...]
    found: tuple[Evaluation, ...]
    energies: Array

    @property
    def sizes(self) -> Array:
        """Atoms of each frame."""
        return np.array([len(frame.structure) for frame in self.frames], dtype=float)


def predictions(bench: Bench) -> Predictions:
    """Return predictions for all frames, or for some that are evenly spaced.

    Raises
    ------
    NotApplicable
        If there are no reference data.
    """
    return predictions_of(bench, bench.subject)


def predictions_of(bench: Bench, subject: Subject) -> Predictions:
    """Return predictions of another subject than the one that is audited, see `predictions`."""
    if not bench.frames:
        raise NotApplicable("no reference data were given (--data)")
    most = bench.pick(60, 500, len(bench.frames))
    step = -(-len(bench.frames) // most)
    return _predict(subject, bench.frames[::step], bench.tick)


@lru_cache(maxsize=1)
def _predict(
    subject: Subject, frames: tuple[Labelled, ...], tick: Callable[[], None]
) -> Predictions:
    found = []
    for frame in frames:
        tick()
        structure = frame.structure
        found.append(subject.bind(structure)(structure.positions, structure.cell))
    energies = np.array([[f.energy for f in frames], [f.energy for f in found]])
    return Predictions(frames, tuple(found), energies - _compositions(frames, energies))


def _compositions(frames: tuple[Labelled, ...], energies: Array) -> Array:
    """Fit energies by numbers of atoms of each element (least squares), shape (2, frames)."""
    elements = sorted({int(z) for frame in frames for z in frame.structure.numbers})
    counts = np.array([[np.sum(f.structure.numbers == z) for z in elements] for f in frames], float)
    return np.asarray((counts @ np.linalg.lstsq(counts, energies.T, rcond=None)[0]).T)


def jackknife(squares: Array, reference: Array) -> float:
    """Return the standard error of the root of a ratio of sums, leaving out one frame at a time.

    Parameters
    ----------
    squares, reference
        Sums of squared errors and of squared reference values of each frame, shape (frames,).
    """
    n = len(squares)
    if n < 2:
        return float("inf")
    kept = (squares.sum() - squares) / np.maximum(reference.sum() - reference, 1e-300)
    return float(np.sqrt((n - 1) * np.var(np.sqrt(kept))))
