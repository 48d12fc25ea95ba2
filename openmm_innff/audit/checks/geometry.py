"""Distances in boxes, and structures that are liquid water: what several tests need."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structure import Array, Structure

_WATER = ["H", "H", "O"]


def nearest(vectors: Array, cell: Array | None) -> Array:
    """Return vectors between nearest images, shape (..., 3), angstrom.

    Exact for vectors shorter than half the narrowest width of the box.

    Parameters
    ----------
    vectors
        Shape (..., 3), angstrom.
    cell
        Box vectors as rows, angstrom; None: not periodic.
    """
    if cell is None:
        return vectors
    return np.asarray(vectors - np.round(vectors @ np.linalg.inv(cell)) @ cell)


def liquid_water_of(bench: Bench) -> Structure:
    """Return the largest box of water molecules; NotApplicable if there is none."""
    chosen = [
        box
        for box in bench.boxes()
        if len(box.molecules) > 1
        and all(sorted(box.symbols[i] for i in atoms) == _WATER for atoms in box.molecules)
    ]
    if not chosen:
        raise NotApplicable("no liquid water among the structures")
    return max(chosen, key=len)
