"""How far predictions are from the reference: numbers, a table for people, JSON for programs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from openmm_innff.data import FrameSet
from openmm_innff.errors import DataError

MILLI: Final = 1000.0  # eV to meV


@dataclass(frozen=True)
class Errors:
    """Summary of prediction minus reference.

    Parameters
    ----------
    mae, rmse, maximum
        Mean absolute, root-mean-square and largest absolute error.
    spread
        Standard deviation of the reference itself: the RMSE of a constant guess.
    """

    mae: float
    rmse: float
    maximum: float
    spread: float

    @classmethod
    def of(cls, errors: ArrayLike, reference: ArrayLike) -> "Errors":
        """Summarise errors, given the reference values they belong to."""
        values = np.abs(np.asarray(errors, dtype=np.float64))
        return cls(
            mae=float(values.mean()),
            rmse=float(np.sqrt(np.mean(values**2))),
            maximum=float(values.max()),
            spread=float(np.std(np.asarray(reference, dtype=np.float64))),
        )


@dataclass(frozen=True)
class Metrics:
    """Errors of energies (meV) and forces (meV/angstrom).

    Parameters
    ----------
    n_frames, n_atoms
        How much was compared.
    unit
        What `energy_per_unit` refers to: the formula unit of a periodic set of one composition
        ("H2O"), else "frame".
    energy_offset
        Mean error of the energy per atom, which "shifted" errors leave out, in meV.
    energy_per_atom, energy_per_atom_shifted, energy_per_unit, energy_per_unit_shifted
        Energy errors in meV.
    forces
        Errors of all Cartesian components in meV/angstrom.
    forces_by_element
        The same by symbol.
    force_cosine
        Mean cosine of the angle between predicted and reference force of an atom; NaN where
        every force is zero.
    """

    n_frames: int
    n_atoms: int
    unit: str
    energy_offset: float
    energy_per_atom: Errors
    energy_per_atom_shifted: Errors
    energy_per_unit: Errors
    energy_per_unit_shifted: Errors
    forces: Errors
    forces_by_element: Mapping[str, Errors]
    force_cosine: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a dictionary that JSON can hold (NaN becomes None)."""
        values = asdict(self)
        if not math.isfinite(self.force_cosine):
            values["force_cosine"] = None
        return values

    def __rich__(self) -> Table:
        """Return a table for the terminal."""
        title = f"Errors on {self.n_frames} frames, {self.n_atoms} atoms"
        table = Table(title=title, box=SIMPLE_HEAD, title_style="bold", caption_justify="left")
        table.add_column("quantity", no_wrap=True)
        table.add_column("unit", style="dim", no_wrap=True)
        for name in ("MAE", "RMSE", "largest", "spread", "RMSE/spread"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_row("energy", "meV/atom", *_cells(self.energy_per_atom))
        table.add_row("  shifted", "meV/atom", *_cells(self.energy_per_atom_shifted))
        table.add_row("energy", f"meV/{self.unit}", *_cells(self.energy_per_unit))
        table.add_row("  shifted", f"meV/{self.unit}", *_cells(self.energy_per_unit_shifted))
        table.add_section()
        table.add_row("force", "meV/Å", *_cells(self.forces), style="bold")
        for symbol, errors in self.forces_by_element.items():
            table.add_row(f"  on {symbol}", "meV/Å", *_cells(errors))
        table.caption = (
            f"shifted: without the mean error of {self.energy_offset:+.3f} meV/atom\n"
            "spread: standard deviation of the reference\n"
            f"mean cosine of predicted and reference force: {self.force_cosine:.5f}"
        )
        return table


def _cells(errors: Errors) -> list[str]:
    numbers = (errors.mae, errors.rmse, errors.maximum, errors.spread)
    relative = f"{100 * errors.rmse / errors.spread:.4g} %" if errors.spread > 0 else "-"
    return [*(f"{value:.3f}" if value < 100 else f"{value:.1f}" for value in numbers), relative]


def compare(
    frames: FrameSet, energies: ArrayLike, forces: Sequence[NDArray[np.floating]]
) -> Metrics:
    """Compare predictions with the reference.

    Parameters
    ----------
    frames
        The reference.
    energies
        Predicted energies with the reference energies of the elements, in eV, shape (frames,).
    forces
        Predicted forces of each frame in eV/angstrom, each of shape (N, 3).

    Raises
    ------
    DataError
        If there are no frames, or shapes disagree.
    """
    predicted = np.asarray(energies, dtype=np.float64)
    _check_shapes(frames, predicted, forces)
    unit, units = formula_units(frames)
    sizes = frames.sizes
    difference = MILLI * (predicted - frames.energies)
    offset = float(np.mean(difference / sizes))
    shifted = difference - offset * sizes
    reference = MILLI * frames.energies
    numbers = np.concatenate([frame.numbers for frame in frames])
    wanted = MILLI * np.concatenate([frame.forces for frame in frames])
    found = MILLI * np.concatenate([np.asarray(force, dtype=np.float64) for force in forces])
    error = found - wanted
    masks = {s: numbers == z for s, z in zip(frames.elements, np.unique(numbers), strict=True)}
    return Metrics(
        n_frames=len(frames),
        n_atoms=frames.n_atoms,
        unit=unit,
        energy_offset=offset,
        energy_per_atom=Errors.of(difference / sizes, reference / sizes),
        energy_per_atom_shifted=Errors.of(shifted / sizes, reference / sizes),
        energy_per_unit=Errors.of(difference / units, reference / units),
        energy_per_unit_shifted=Errors.of(shifted / units, reference / units),
        forces=Errors.of(error, wanted),
        forces_by_element={s: Errors.of(error[m], wanted[m]) for s, m in masks.items()},
        force_cosine=_mean_cosine(found, wanted),
    )


def _check_shapes(
    frames: FrameSet, energies: NDArray[np.float64], forces: Sequence[NDArray[np.floating]]
) -> None:
    if len(frames) == 0:
        raise DataError("errors need at least one frame, found none")
    if energies.shape != (len(frames),):
        raise DataError(f"energies must have shape ({len(frames)},), found {energies.shape}")
    wanted = [frame.forces.shape for frame in frames]
    found = [np.shape(force) for force in forces]
    if wanted != found:
        raise DataError(
            f"forces must have shapes {wanted[:3]}... for {len(wanted)} frames, "
            f"found {found[:3]}... for {len(found)}"
        )


def _mean_cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    valid = norms > 0
    if not valid.any():
        return math.nan
    return float(np.mean(np.sum(a[valid] * b[valid], axis=1) / norms[valid]))


def formula_units(frames: FrameSet) -> tuple[str, NDArray[np.int64]]:
    """Return the formula unit of a periodic set, and how many of them each frame holds.

    Returns
    -------
    name : str
        Such as "H2O"; "frame" (one in each) if compositions differ or a frame is isolated, for
        there the frame is the molecule.
    counts : array of int, shape (frames,)
    """
    counts = frames.counts(frames.elements)
    units = np.array([reduce(math.gcd, row.tolist()) for row in counts], dtype=np.int64)
    reduced = counts // units[:, None]
    if (reduced != reduced[0]).any() or not all(frame.periodic for frame in frames):
        return "frame", np.ones(len(frames), dtype=np.int64)
    pairs = zip(frames.elements, reduced[0].tolist(), strict=True)
    return "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in pairs), units
