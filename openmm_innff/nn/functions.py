"""Rows of cubic-spline interpolants that go on safely beyond their ends, with their slopes."""

from typing import NamedTuple

import torch
from torch import Tensor

from openmm_innff.nn.bsplines import bspline_slopes, bspline_weights

PADDING = 3
"""Nodal values beyond those that are trained, at either end of a row."""


class Functions(NamedTuple):
    """Interpolants of one variable, a row each.

    Between ``low`` and ``high`` a row is a cubic spline; its outermost nodal values are such that
    it goes on as a straight line or a constant beyond. A wall w d^3 rises with the distance d
    from either end.

    Attributes
    ----------
    values : Tensor, shape (F, n)
        Nodal values in eV, or without a unit in products; the fourth belongs one spacing below
        ``low``.
    low, high : Tensor, shape (F,)
        Ends of the range.
    spacing : Tensor, shape (F,)
        Of the grid.
    wall_low, wall_high : Tensor, shape (F,)
        Height w of the walls.
    """

    values: Tensor
    low: Tensor
    high: Tensor
    spacing: Tensor
    wall_low: Tensor
    wall_high: Tensor


def evaluate_rows(
    functions: Functions, rows: Tensor, x: Tensor, padding: int = PADDING
) -> tuple[Tensor, Tensor]:
    """Return values and derivatives, each of shape (n,), of one row at each point.

    Parameters
    ----------
    functions : Functions
    rows : Tensor, shape (n,), int64
    x : Tensor, shape (n,)
    padding : int
        Of the rows.
    """
    values, width = functions.values.reshape(-1), functions.values.shape[1]
    low, high = functions.low.index_select(0, rows), functions.high.index_select(0, rows)
    spacing = functions.spacing.index_select(0, rows)
    grid = (x - low) / spacing + padding
    inside = grid.clamp(0.0, float(width - 3))
    cell = inside.detach().floor().clamp(0.0, float(width - 4))
    first = rows * width + cell.to(torch.int64)
    t = inside - cell
    value, slope = torch.zeros_like(x), torch.zeros_like(x)
    weights, slopes = bspline_weights(t), bspline_slopes(t)
    for node in range(4):
        acting = values.index_select(0, first + node)
        value = value + weights[node] * acting
        slope = slope + slopes[node] * acting
    value = value + slope * (grid - inside)  # straight on, where the grid ends
    slope = slope / spacing
    below, above = torch.relu(low - x), torch.relu(x - high)
    wall_low = functions.wall_low.index_select(0, rows)
    wall_high = functions.wall_high.index_select(0, rows)
    value = value + wall_low * below * below * below + wall_high * above * above * above
    slope = slope - 3.0 * wall_low * below * below + 3.0 * wall_high * above * above
    return value, slope


def extend(values: Tensor, left: str, right: str) -> Tensor:
    """Add the nodal values beyond both ends.

    Parameters
    ----------
    values : Tensor, shape (..., n)
    left, right : str
        How the function goes on: "straight", "constant" or "zero".

    Returns
    -------
    Tensor, shape (..., n + 2 PADDING)
    """
    before = _beyond(values[..., :2], left).flip(-1)
    after = _beyond(values[..., -2:].flip(-1), right)
    return torch.cat([before, values, after], -1)


def _beyond(outermost: Tensor, how: str) -> Tensor:
    """Return what follows the outermost value (index 0) and the one next to it (index 1)."""
    end = outermost[..., :1]
    if how == "zero":
        return torch.zeros_like(end.expand(*end.shape[:-1], PADDING))
    step = end - outermost[..., 1:] if how == "straight" else torch.zeros_like(end)
    return end + step * torch.arange(1, PADDING + 1, dtype=end.dtype, device=end.device)
