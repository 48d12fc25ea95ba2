"""A choice of structures that have little in common.

Structures of one molecule are compared by the inverse distances of their atoms, which neither
move nor turn with them. Farthest points: each next one is that whose nearest chosen one is farthest
(T. F. Gonzalez, doi:10.1016/0304-3975(85)90224-5).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ALIKE = 2e-3
"""Root mean square of inverse distances, 1/angstrom: nearer structures teach the same."""


def fingerprints(structures: Sequence[FloatArray]) -> FloatArray:
    """Return inverse distances of all pairs over the root of their number, shape (M, pairs).

    Parameters
    ----------
    structures : sequence of array, shape (N, 3)
        Of the same atoms, in angstrom.
    """
    rows = []
    for positions in structures:
        first, second = np.triu_indices(len(positions), 1)
        distances = np.linalg.norm(positions[first] - positions[second], axis=1)
        rows.append(1.0 / (distances * np.sqrt(len(distances))))
    return np.array(rows)


def without_doubles(
    structures: Sequence[FloatArray],
    known: Sequence[FloatArray] = (),
    tolerance: float = ALIKE,
) -> list[int]:
    """Return the numbers of structures that resemble neither known ones nor earlier ones.

    Parameters
    ----------
    structures : sequence of array, shape (N, 3)
        In angstrom.
    known : sequence of array, shape (N, 3)
        What is there already.
    tolerance : float
        In 1/angstrom.
    """
    if not structures:
        return []
    here = fingerprints(structures)
    kept = list(fingerprints(known)) if known else []
    found = []
    for number, row in enumerate(here):
        if not kept or np.linalg.norm(np.array(kept) - row, axis=1).min() > tolerance:
            kept.append(row)
            found.append(number)
    return found


def farthest(
    structures: Sequence[FloatArray],
    count: int,
    known: Sequence[FloatArray] = (),
    weights: FloatArray | None = None,
) -> list[int]:
    """Return the numbers of the structures that are farthest from those known and each other.

    Parameters
    ----------
    structures : sequence of array, shape (N, 3)
        In angstrom.
    count : int
        How many at most.
    known : sequence of array, shape (N, 3)
        What is there already.
    weights : array, shape (M,), optional
        Factors of each structure's distance, such as its uncertainty.
    """
    if not structures:
        return []
    here = fingerprints(structures)
    factor = np.ones(len(here)) if weights is None else np.asarray(weights, dtype=np.float64)
    if known:
        nearest = np.full(len(here), np.inf)
        for row in fingerprints(known):
            nearest = np.minimum(nearest, np.linalg.norm(here - row, axis=1))
        chosen: list[int] = []
    else:
        first = int(np.argmax(factor))
        chosen, nearest = [first], np.linalg.norm(here - here[first], axis=1)
    while len(chosen) < min(count, len(here)):
        score = factor * nearest
        score[chosen] = -1.0
        best = int(np.argmax(score))
        chosen.append(best)
        nearest = np.minimum(nearest, np.linalg.norm(here - here[best], axis=1))
    return chosen[:count]
