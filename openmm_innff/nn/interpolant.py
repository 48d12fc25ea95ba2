"""One-dimensional interpolants with trainable nodal values, and CP sums of their products."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from openmm_innff.nn.bsplines import bspline_weights, node_count


def interpolate(values: Tensor, functions: Tensor, x: Tensor) -> Tensor:
    """Evaluate cubic-spline interpolants, a chosen one at each point.

    Parameters
    ----------
    values : Tensor, shape (f, g)
        Nodal values of f functions on g - 3 intervals.
    functions : Tensor, shape (...), int64
        Function at each point.
    x : Tensor, shape (...)
        Grid coordinates. Outside [0, g - 3] the polynomial of the last interval goes on.

    Returns
    -------
    Tensor, shape (...)
    """
    intervals = values.shape[1] - 3
    cell = x.detach().floor().clamp(0.0, float(intervals - 1))
    rows = functions * values.shape[1] + cell.to(torch.int64)
    flat = values.reshape(-1)
    result = torch.zeros_like(x)
    for node, weight in enumerate(bspline_weights(x - cell)):
        acting = flat.index_select(0, (rows + node).reshape(-1)).reshape(x.shape)
        result = result + weight * acting
    return result


def soft_clip(x: Tensor, bound: float) -> Tensor:
    """Map the real line smoothly into (-bound, bound); the identity near zero.

    A function of the result stays bounded however far x lies outside the range met in training.
    """
    scaled = x * (1.0 / bound)
    return x * torch.rsqrt(1.0 + scaled * scaled)


def smooth_nodal_values(
    functions: int, nodes: int, generator: torch.Generator, roughness: float
) -> Tensor:
    """Return random nodal values of smooth functions.

    Cosine modes with amplitudes 1 / (1 + m / roughness): few wiggles, unit scale.

    Returns
    -------
    Tensor, shape (functions, nodes)
    """
    modes = torch.arange(min(6, nodes))
    amplitude = torch.randn(functions, len(modes), generator=generator) / (1 + modes / roughness)
    x = (torch.arange(nodes) - 1) / (nodes - 3)
    return amplitude @ torch.cos(math.pi * modes[:, None] * x[None, :])


def bending(curves: Sequence[Tensor]) -> Tensor:
    """Return the sum of the mean squared second differences of nodal values: a smoothness prior.

    Parameters
    ----------
    curves : sequence of Tensor, shape (..., g)
    """
    total = torch.zeros(())
    for values in curves:
        bend = values[..., 2:] - 2.0 * values[..., 1:-1] + values[..., :-2]
        total = total + bend.square().mean()
    return total


class CPInterpolant(nn.Module):
    """A function of several variables as a CP sum of products of 1-D interpolants.

    f(x_1 ... x_D) = sum_m prod_d phi_{m,d}(x_d) with M modes (arXiv:2505.18141).

    Parameters
    ----------
    dimensions : int
        Number of variables D.
    modes : int
        CP rank M.
    intervals : int
        Grid intervals per variable; the grid coordinate of each runs over [0, intervals].
    seed : int
        Seed of the initial nodal values.
    """

    functions: Tensor

    def __init__(self, dimensions: int, modes: int, intervals: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        values = torch.randn(dimensions * modes, node_count(intervals), generator=generator)
        self.values = nn.Parameter(values * modes ** (-0.5 / dimensions))
        functions = torch.arange(dimensions * modes).reshape(dimensions, modes)
        self.register_buffer("functions", functions, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return f, shape (n,), at grid coordinates of shape (n, D)."""
        points = x.unsqueeze(-1).expand(-1, -1, self.functions.shape[1])
        factors = interpolate(self.values, self.functions.expand(points.shape), points)
        return factors.prod(1).sum(-1)
