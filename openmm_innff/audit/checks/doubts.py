"""Errors on reference data beside what the subject says of them, made once for all tests."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from openmm_innff.audit.bench import Bench, Labelled
from openmm_innff.audit.checks.predictions import predictions
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structure import Array, Indices
from openmm_innff.audit.subjects import Deviations, Subject

FEWEST = 5
"""Frames that error bars need."""
_BLOCKS = 40
"""Of frames, for the jackknife; neighbours resemble each other."""


@dataclass(frozen=True, eq=False)
class Doubts:
    """Errors and predicted standard deviations.

    Parameters
    ----------
    errors
        RMS error of the force components of each atom, eV/angstrom, shape (N,) for each frame.
    deviations
        Predicted standard deviation of such a component.
    energy_errors, energy_deviations
        Of the frames, in eV, shape (frames,).
    """

    errors: tuple[Array, ...]
    deviations: tuple[Array, ...]
    energy_errors: Array
    energy_deviations: Array

    def without(self, left_out: Indices) -> "Doubts":
        """Return all but some frames."""
        kept = np.setdiff1d(np.arange(len(self.errors)), left_out)
        return Doubts(
            tuple(self.errors[i] for i in kept),
            tuple(self.deviations[i] for i in kept),
            self.energy_errors[kept],
            self.energy_deviations[kept],
        )

    def with_error(self, measure: Callable[["Doubts"], float]) -> tuple[float, float]:
        """Return a value and its standard error, leaving out a block of frames at a time."""
        n = len(self.errors)
        blocks = np.array_split(np.arange(n), min(n, _BLOCKS))
        left = [measure(self.without(block)) for block in blocks]
        return measure(self), float(np.sqrt((len(blocks) - 1) * np.var(left)))


def doubts(bench: Bench) -> Doubts:
    """Return errors and uncertainties for all frames, or for some that are evenly spaced.

    Raises
    ------
    NotApplicable
        If there are no or few reference data, or the subject says nothing of its errors.
    """
    made = predictions(bench)
    if len(made.frames) < FEWEST:
        raise NotApplicable(f"{len(made.frames)} frames of data are too few")
    found = _deviations(bench.subject, made.frames, bench.tick)
    if not found:
        raise NotApplicable("it says nothing of its own errors")
    errors = tuple(
        np.sqrt(np.mean((f.forces - frame.forces) ** 2, axis=1))
        for f, frame in zip(made.found, made.frames, strict=True)
    )
    wanted, energies = made.energies
    return Doubts(
        errors,
        tuple(d.forces for d in found),
        np.abs(energies - wanted),
        np.array([d.energy for d in found]),
    )


@lru_cache(maxsize=1)
def _deviations(
    subject: Subject, frames: tuple[Labelled, ...], tick: Callable[[], None]
) -> tuple[Deviations, ...]:
    found = []
    for frame in frames:
        tick()
        deviations = subject.deviations(frame.structure)
        if deviations is None:
            return ()
        found.append(deviations)
    return tuple(found)


def rms(values: Array) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))
