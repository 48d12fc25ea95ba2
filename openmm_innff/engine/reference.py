"""The nodal density in plain torch: the definition that the compiled kernels are tested against."""

import math

import torch
from torch import Tensor

from openmm_innff.nn.bsplines import bspline_weights
from openmm_innff.nn.density import smooth_cutoff
from openmm_innff.nn.harmonics import spherical_harmonics

TINY = 1e-12  # square angstrom: keeps the direction of coincident atoms finite


def nodal_density(
    positions: Tensor,
    offsets: Tensor,
    starts: Tensor,
    second: Tensor,
    species: Tensor,
    features: Tensor,
    n_species: int,
    l_max: int,
    nodes: int,
    cutoff: float,
    warp: float,
    tiny: float = TINY,
) -> Tensor:
    """Return the nodal density; see `openmm_innff.engine.density` for what it is made of.

    Parameters
    ----------
    positions : Tensor, shape (N, 3), float64
        In angstrom.
    offsets : Tensor, shape (P, 3), float64
        Added to the vector to the second atom of each pair, in angstrom.
    starts : Tensor, shape (N + 1), int64
        Pairs of atom i are starts[i] ... starts[i + 1] - 1.
    second : Tensor, shape (P), int64
        Neighbour in each pair.
    species : Tensor, shape (N), int64
    features : Tensor, shape (N, F)
        What each neighbour contributes; its type is that of the result.
    n_species, l_max, nodes : int
    cutoff, warp : float
        In angstrom.
    tiny : float
        Added to squared distances, in square angstrom.

    Returns
    -------
    Tensor, shape ((l_max + 1)^2, N, n_species * nodes * F)
    """
    n, width = features.shape
    sizes = starts[1:] - starts[:-1]
    first = torch.repeat_interleave(sizes, output_size=second.shape[0])
    between = positions.index_select(0, second) - positions.index_select(0, first)
    x, y, z = (between + offsets).t().to(features.dtype).contiguous().unbind(0)
    squared = x * x + y * y + z * z + tiny
    inverse = torch.rsqrt(squared)
    harmonics = spherical_harmonics(x * inverse, y * inverse, z * inverse, l_max)

    grid = torch.log1p(squared * warp**-2) * ((nodes - 3) / math.log1p((cutoff / warp) ** 2))
    cell = grid.detach().floor().clamp(0.0, float(nodes - 4))
    envelope = smooth_cutoff(squared * cutoff**-2)
    weights = torch.stack([w * envelope for w in bspline_weights(grid - cell)])

    # Padded to the longest list: a batched product of small matrices is quicker than a scatter.
    longest = int(sizes.max()) if n > 0 else 0
    columns = n_species * nodes
    slot = first * longest + torch.arange(len(second), device=second.device)
    slot = slot - starts[:-1].index_select(0, first)
    place = slot * columns + species.index_select(0, second) * nodes + cell.to(torch.int64)
    place = torch.stack([place, place + 1, place + 2, place + 3])
    basis = torch.zeros([n * longest * columns], dtype=x.dtype, device=x.device)
    basis = basis.scatter(0, place.reshape(-1), weights.reshape(-1))
    pull = harmonics.unsqueeze(1) * features.t().index_select(1, second)
    padded = torch.zeros([len(harmonics), width, n * longest], dtype=x.dtype, device=x.device)
    padded = padded.index_copy(2, slot, pull).reshape(-1, n, longest).transpose(0, 1)
    density = torch.bmm(padded, basis.reshape(n, longest, columns))
    density = density.reshape(n, len(harmonics), width, columns).permute(1, 0, 3, 2)
    return density.reshape(len(harmonics), n, columns * width)
