"""Uniform cubic B-splines: the C2 interpolation basis of an INN.

The grid coordinate x runs over [0, n] for n intervals. Node m (m = -1 ... n + 1) carries the
cardinal spline B(x - m), which is non-zero on (m - 2, m + 2); n + 3 nodal values therefore
describe a function on [0, n], and four of them act at any x (de Boor, A Practical Guide to
Splines, Springer 1978, doi:10.1007/978-1-4612-6333-3).
"""

import torch
from torch import Tensor


def node_count(intervals: int) -> int:
    """Return the number of nodal values on a grid of ``intervals`` intervals."""
    return intervals + 3


def bspline_weights(t: Tensor) -> list[Tensor]:
    """Return the weights of the four acting nodal values, which sum to one.

    Parameters
    ----------
    t : Tensor, shape (...)
        Position within the interval, in [0, 1].

    Returns
    -------
    list of four Tensors, shape (...)
    """
    s = 1.0 - t
    t2 = t * t
    t3 = t2 * t
    sixth = 1.0 / 6.0
    return [
        s * s * s * sixth,
        (0.5 * t3 - t2) + 2.0 / 3.0,
        0.5 * (t + t2 - t3) + sixth,
        t3 * sixth,
    ]


def bspline_slopes(t: Tensor) -> list[Tensor]:
    """Return the derivatives of the four weights by the grid coordinate.

    Parameters
    ----------
    t : Tensor, shape (...)
        Position within the interval, in [0, 1].

    Returns
    -------
    list of four Tensors, shape (...)
    """
    s = 1.0 - t
    return [
        -0.5 * s * s,
        (1.5 * t - 2.0) * t,
        0.5 + (1.0 - 1.5 * t) * t,
        0.5 * t * t,
    ]


def bspline_values(x: Tensor, nodes: int) -> Tensor:
    """Return the values of all basis functions, also where they are zero.

    Parameters
    ----------
    x : Tensor, shape (...)
        Grid coordinates.
    nodes : int
        Number of basis functions: nodes -1 ... n + 1 of n intervals.

    Returns
    -------
    Tensor, shape (..., nodes)
    """
    centres = torch.arange(-1, nodes - 1, dtype=x.dtype, device=x.device)
    distance = (x.unsqueeze(-1) - centres).abs()
    outer, inner = (2.0 - distance).clamp(min=0.0), (1.0 - distance).clamp(min=0.0)
    return (outer * outer * outer - 4.0 * inner * inner * inner) * (1.0 / 6.0)
