"""How smooth curves of forces are: a score, and minima that should not be there."""

import numpy as np

from openmm_innff.audit.structure import Array

WINDOW, ORDER = 11, 4
"""Points of the local fits, and their order."""


def roughness(forces: Array) -> float:
    """RMS distance of a force from its local polynomials, over its own RMS.

    Each inner point is compared with a polynomial of order 4 through the 11 points around it
    (the residual of a Savitzky-Golay filter, doi:10.1021/ac60214a047). What is smooth over the
    length of the window leaves nothing; kinks, jumps, noise and ripples leave what they are.

    Parameters
    ----------
    forces
        At evenly spaced coordinates, shape (n,), n at least 11.
    """
    x = np.linspace(-1.0, 1.0, WINDOW)
    powers = np.vander(x, ORDER + 1)
    residual = np.eye(WINDOW) - powers @ np.linalg.pinv(powers)
    windows = np.lib.stride_tricks.sliding_window_view(forces, WINDOW)
    left = windows @ residual[WINDOW // 2]
    size = float(np.sqrt(np.mean(forces**2)))
    return float(np.sqrt(np.mean(left**2))) / size if size > 0 else 0.0


def barriers(energies: Array) -> Array:
    """Heights of the walls around each minimum but the deepest, the lower side, in eV.

    Parameters
    ----------
    energies
        Along a path, shape (n,).

    Returns
    -------
    ndarray, shape (minima - 1,)
        Empty if there is one minimum or none inside the path.
    """
    inner = np.flatnonzero((energies[1:-1] < energies[:-2]) & (energies[1:-1] <= energies[2:])) + 1
    if len(inner) < 2:
        return np.empty(0)
    deepest = inner[np.argmin(energies[inner])]
    heights = []
    for place in inner[inner != deepest]:
        low, high = sorted((place, deepest))
        heights.append(energies[low : high + 1].max() - energies[place])
    return np.array(heights)
