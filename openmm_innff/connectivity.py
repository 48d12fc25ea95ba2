"""Which atoms are bonded, by their distances, and which hang together by bonds."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_BOND = 1.2
"""Atoms closer than this many sums of covalent radii are bonded."""


def bonds_of(atoms: Atoms) -> list[tuple[int, int]]:
    """Return the pairs of bonded atoms, the smaller index first, in order.

    Parameters
    ----------
    atoms : Atoms
        If their box repeats, bonds reach across its faces.
    """
    first, second = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=_BOND))
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return sorted({(i, j) for i, j in pairs if i < j})


def molecule_numbers(count: int, bonds: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Return the number of the molecule of each atom, in the order of their first atoms.

    Parameters
    ----------
    count : int
        Of atoms.
    bonds : sequence of tuple of int

    Returns
    -------
    array, shape (count,)
    """
    first, second = np.array(bonds, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
