"""Jumps of a function of one variable: found on a grid, closed in on by bisection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from openmm_innff.audit.structure import Array

Function = Callable[[float], float]

_WIDTH = 2e-4
"""Last interval, and spacing of the points that are extrapolated."""
_NEAR = 5
"""Neighbours on each side that tell how large a second difference is usual."""
_SHOWS = 2
"""A jump shows in two second differences, which are one place apart."""


@dataclass(frozen=True)
class Jump:
    """A jump.

    Parameters
    ----------
    where
        Coordinate.
    size, error
        Absolute difference of the limits from both sides, and its uncertainty.
    """

    where: float
    size: float
    error: float


def largest_jump(
    function: Function, grid: Array, values: Array, count: int, suspects: Sequence[float]
) -> Jump:
    """Find the largest jump of a function.

    On the grid, a jump shows as a second difference that is large for its surroundings. The most
    suspicious intervals are halved, following the half that departs more from how its side goes on,
    which for a jump stays as it is while it shrinks everywhere else. What is left is the difference
    of parabolas through three points on either side; by how much straight lines give another one is
    the uncertainty.

    Parameters
    ----------
    function
        The function.
    grid, values
        Coordinates, evenly spaced, and the function there.
    count
        Number of intervals to look into.
    suspects
        Coordinates to look into besides.
    """
    step = grid[1] - grid[0]
    chosen = [float(grid[i]) for i in _suspicious(values, count)]
    inside = [s for s in suspects if grid[0] + step < s < grid[-1] - step]
    jumps = [_close_in(function, s - step, s + step) for s in [*chosen, *inside]]
    return max(jumps, key=lambda jump: jump.size)


def _suspicious(values: Array, count: int) -> list[int]:
    """Places of the second differences that stand out most from those on both sides."""
    bend = np.abs(values[2:] - 2 * values[1:-1] + values[:-2])
    reach = _NEAR + _SHOWS - 1
    padded = np.pad(bend, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    before, after = windows[:, :_NEAR], windows[:, -_NEAR:]
    usual = np.maximum(np.median(before, axis=1), np.median(after, axis=1))
    ratio = bend / (usual + 1e-12 * (np.ptp(values) + 1e-300))
    chosen: list[int] = []
    for place in np.argsort(ratio)[::-1]:
        if all(abs(place + 1 - other) >= _SHOWS for other in chosen):
            chosen.append(int(place) + 1)
        if len(chosen) == count:
            break
    return chosen


def _close_in(function: Function, low: float, high: float) -> Jump:
    at_low, at_high = function(low), function(high)
    while high - low > _WIDTH:
        half = (high - low) / 2
        middle = low + half
        here = function(middle)
        before, after = at_low - function(low - half), function(high + half) - at_high
        if abs(here - at_low - before) > abs(at_high - here - after):
            high, at_high = middle, here
        else:
            low, at_low = middle, here
    # Not the ends themselves: a difference quotient that straddles a jump is no value of its side.
    left = [function(low - n * _WIDTH) for n in (1, 2, 3)]
    right = [function(high + n * _WIDTH) for n in (1, 2, 3)]
    half = (high - low) / 2 / _WIDTH + 1.0  # from the innermost points to the middle, in spacings
    parabola = _extrapolate(right, half, 2) - _extrapolate(left, half, 2)
    line = _extrapolate(right, half, 1) - _extrapolate(left, half, 1)
    return Jump((low + high) / 2, abs(parabola), abs(parabola - line))


def _extrapolate(values: Sequence[float], distance: float, order: int) -> float:
    """Go on beyond evenly spaced values, the first of which is the nearest."""
    first, second, third = values
    linear = first + distance * (first - second)
    if order == 1:
        return linear
    return linear + distance * (distance + 1) / 2 * (first - 2 * second + third)
