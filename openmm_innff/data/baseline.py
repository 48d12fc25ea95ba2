"""Composition baseline: one energy per atom of each element, subtracted before training."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmm_innff.data.frames import FrameSet
from openmm_innff.errors import DataError


@dataclass(frozen=True)
class Baseline:
    """Reference energies of the elements.

    Parameters
    ----------
    energies
        Energy per atom in eV of each element, by symbol.
    method
        How they were found, in words.
    """

    energies: Mapping[str, float]
    method: str

    def of(self, frames: FrameSet) -> NDArray[np.float64]:
        """Baseline energy of each frame in eV, shape (frames,)."""
        missing = [symbol for symbol in frames.elements if symbol not in self.energies]
        if missing:
            raise DataError(
                f"the baseline has no energy for {', '.join(missing)}; "
                f"it has {', '.join(self.energies)}"
            )
        values = np.array(list(self.energies.values()), dtype=np.float64)
        return frames.counts(tuple(self.energies)) @ values


def fit_baseline(
    frames: FrameSet, isolated_atoms: FrameSet | Mapping[str, float] | None = None
) -> Baseline:
    """Take the baseline from isolated atoms, or fit it to the compositions of `frames`.

    The fit minimises the error of the energy per atom. Where the compositions don't determine
    every element (water alone fixes only the sum for H2O), the solution nearest to one common
    energy per atom is taken; for a single composition that is one offset, spread evenly.

    Parameters
    ----------
    frames
        The training frames.
    isolated_atoms
        Energies of single atoms in eV: frames of one atom each, or a mapping from symbols.

    Raises
    ------
    DataError
        If the isolated atoms lack an element or have one twice, or there are no frames.
    """
    if len(frames) == 0:
        raise DataError("a baseline needs at least one frame, found none")
    if isolated_atoms is None:
        return _least_squares(frames)
    table = (
        _table_of(isolated_atoms) if isinstance(isolated_atoms, FrameSet) else dict(isolated_atoms)
    )
    missing = [symbol for symbol in frames.elements if symbol not in table]
    if missing:
        raise DataError(
            f"the isolated atoms must cover {', '.join(frames.elements)}: {', '.join(missing)} "
            f"missing, found {', '.join(table) or 'none'}"
        )
    return Baseline(
        {symbol: float(table[symbol]) for symbol in frames.elements}, "energies of isolated atoms"
    )


def _table_of(atoms: FrameSet) -> dict[str, float]:
    table: dict[str, float] = {}
    for index, frame in enumerate(atoms):
        if len(frame) != 1:
            raise DataError(f"isolated atoms: wanted 1 atom in frame {index}, found {len(frame)}")
        symbol = frame.symbols[0]
        if symbol in table:
            raise DataError(f"isolated atoms: {symbol} is there twice, again in frame {index}")
        table[symbol] = frame.energy
    return table


def _least_squares(frames: FrameSet) -> Baseline:
    elements = frames.elements
    fractions = frames.counts(elements) / frames.sizes[:, None]
    per_atom = frames.energies / frames.sizes
    common = per_atom.mean()
    # Minimum norm of the deviations from the common value, not of the energies themselves:
    # else pure water would get twice as much energy on each H as on the O.
    deviations, _, rank, _ = np.linalg.lstsq(fractions, per_atom - common, rcond=1e-8)
    energies = dict(zip(elements, (common + deviations).tolist(), strict=True))
    if rank == len(elements):
        method = f"least squares over {len(frames)} frames"
    elif rank == 1:
        method = (
            f"one offset per atom, the mean of {len(frames)} frames: "
            "a single composition determines no more"
        )
    else:
        method = (
            f"least squares over {len(frames)} frames, nearest to one common energy per atom: the "
            f"compositions determine only {rank} of {len(elements)} elements"
        )
    return Baseline(energies, method)
