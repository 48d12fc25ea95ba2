"""Errors of a model in labelled frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from openmm_innff.data import read_frames
from openmm_innff.model import Model
from openmm_innff.training.predict import predict


def rms(errors: Sequence[float]) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(errors))))


def mean_size(errors: Sequence[float]) -> float:
    """Return the mean absolute value."""
    return float(np.mean(np.abs(errors)))


def errors_of(model: Model, path: Path) -> dict[str, tuple[float, float]]:
    """Return errors of energies (meV per molecule) and forces (meV/A) of the whole potential."""
    frames = read_frames(path)
    found = predict(model.potential, frames)
    energy = [1e3 * (e - frame.energy) for e, frame in zip(found.energies, frames, strict=True)]
    force = [
        1e3 * float(error)
        for forces, frame in zip(found.forces, frames, strict=True)
        for error in (forces - frame.forces).reshape(-1)
    ]
    return {
        "RMSE": (rms(energy), rms(force)),
        "MAE": (mean_size(energy), mean_size(force)),
    }
