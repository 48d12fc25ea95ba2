"""How smooth curves of forces are: a score, and energies that fall where they should rise."""

import numpy as np

from openmm_innff.audit.structure import Array

WINDOW, ORDER = 11, 4
"""Points of the local fits, and their order."""


def left_over(forces: Array) -> Array:
    """Distance of a force from its local polynomials, shape (n - 10,).

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
    return np.asarray(windows @ residual[WINDOW // 2])


def roughness(forces: Array) -> float:
    """RMS of what `left_over` finds, over that of the force.

    Parameters
    ----------
    forces
        At evenly spaced coordinates, shape (n,), n at least 11.
    """
    size = float(np.sqrt(np.mean(forces**2)))
    return float(np.sqrt(np.mean(left_over(forces) ** 2))) / size if size > 0 else 0.0


def fall(energies: Array, start: int) -> float:
    """How far the energy falls on a way that should lead up on both sides of a minimum, in eV.

    Downhill from the start is the minimum. Away from it, the energy may not get lower than it has
    been; by how much it does at most is the fall. It leads to other minima, or out of reach.

    Parameters
    ----------
    energies
        Along a path, shape (n,).
    start
        Index of a point in the basin of the minimum.

    Returns
    -------
    float
        If there is no minimum inside the path: by how much its end lies below the start.
    """
    place = start
    while 0 < place < len(energies) - 1:
        step = 1 if energies[place + 1] < energies[place - 1] else -1
        if energies[place + step] >= energies[place]:
            break
        place += step
    if place in (0, len(energies) - 1):
        return float(energies[start] - energies[place])
    sides = (energies[place:], energies[place::-1])
    return float(max(np.max(np.maximum.accumulate(side) - side) for side in sides))
