"""Neighbour lists for peers that take them as an argument."""

import numpy as np
from numpy.typing import NDArray

from peers.description import Array

PREBUILT = "made beforehand, not timed, which favours it"


def ordered_pairs(
    positions: Array, box: Array | None, cutoff: float
) -> tuple[NDArray[np.int64], Array]:
    """Return all ordered pairs within a cutoff, shape (2, p), and lattice shifts, shape (p, 3)."""
    from matscipy.neighbours import neighbour_list

    # Without a box matscipy wants a cell that holds all atoms.
    cell = np.eye(3) * (np.ptp(positions) + 2 * cutoff) if box is None else box
    first, second, shifts = neighbour_list(
        "ijS", positions=positions, cell=cell, pbc=[box is not None] * 3, cutoff=cutoff
    )
    return np.stack([first, second]).astype(np.int64), shifts.astype(np.float64)
