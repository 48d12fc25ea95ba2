"""Energies and forces that a potential predicts for labelled frames."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from openmm_innff.data import Frame, FrameSet
from openmm_innff.errors import DataError
from openmm_innff.training.bonded import frame_bonds
from openmm_innff.training.metrics import MILLI

if TYPE_CHECKING:
    from openmm_innff.potential import Potential

FloatArray = NDArray[np.float64]
Part = Literal["fast", "slow", "total"]
Precision = Literal["single", "double"]
_DTYPES = {"single": torch.float32, "double": torch.float64}


@dataclass(frozen=True, eq=False)
class Predictions:
    """Energies and forces of one part of a potential.

    Parameters
    ----------
    energies
        In eV, shape (frames,); those of "total" include the reference energies of the elements.
    forces
        In eV/angstrom, one array of shape (N, 3) for each frame.
    """

    energies: FloatArray
    forces: tuple[FloatArray, ...]

    def __add__(self, other: "Predictions") -> "Predictions":
        """Add two parts."""
        forces = (a + b for a, b in zip(self.forces, other.forces, strict=True))
        return Predictions(self.energies + other.energies, tuple(forces))

    @property
    def force_rms(self) -> float:
        """RMS of all force components in meV/angstrom."""
        return MILLI * float(np.sqrt(np.mean(np.concatenate(self.forces) ** 2)))


def predict(
    potential: "Potential",
    frames: FrameSet,
    part: Part = "total",
    *,
    precision: Precision = "single",
    progress: bool = False,
) -> Predictions:
    """Evaluate a part of a potential for every frame.

    Parameters
    ----------
    potential
        The potential.
    frames
        Structures; their labels are not used.
    part
        "fast", "slow" or "total".
    precision
        "single" is what molecular dynamics uses.
    progress
        Whether to show a progress bar.

    Raises
    ------
    DataError
        If a frame can't be evaluated, for instance in a box narrower than twice the cutoff.
    UnsupportedElementError
        If the potential doesn't know an element.
    """
    if precision not in _DTYPES:
        raise ValueError(f"precision must be 'single' or 'double', found {precision!r}")
    evaluators: dict[tuple[Any, ...], Callable[..., Any]] = {}
    energies, forces = [], []
    # Rich would leave an empty line behind where it can't draw, in a file or a pipe.
    silent = not (progress and Console().is_terminal)
    for frame in track(frames, f"{part} forces", disable=silent, transient=True):
        bonds = frame_bonds(frame) if potential.needs_bonds(part) else None
        key = (frame.numbers.tobytes(), frame.periodic, str(bonds))
        if key not in evaluators:
            # No skin: frames have little in common, so a table is never used twice.
            evaluators[key] = potential.evaluator(
                part,
                frame.numbers.tolist(),
                periodic=frame.periodic,
                skin=0.0,
                dtype=_DTYPES[precision],
                bonds=bonds,
            )
        energy, force = _evaluate(evaluators[key], frame)
        energies.append(energy)
        forces.append(force)
    total = np.array(energies, dtype=np.float64)
    if part == "total":
        total += reference_energies(potential, frames)
    return Predictions(total, tuple(forces))


def _evaluate(evaluator: Callable[..., Any], frame: Frame) -> tuple[float, FloatArray]:
    try:
        energy, force = evaluator(torch.tensor(frame.positions), torch.tensor(frame.cell))
    except RuntimeError as error:
        where = ", ".join(f"{k} {frame.info[k]}" for k in ("source", "index") if k in frame.info)
        raise DataError(f"can't evaluate the frame ({where or 'no source'}): {error}") from error
    return float(energy), force.detach().cpu().to(torch.float64).numpy()


def reference_energies(potential: "Potential", frames: FrameSet) -> FloatArray:
    """Sum of the potential's reference energies in eV for each frame, shape (frames,)."""
    values = potential.reference_energies.detach().cpu().to(torch.float64).numpy()
    return np.asarray(frames.counts(potential.elements) @ values, dtype=np.float64)
