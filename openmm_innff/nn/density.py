"""The nodal density: neighbours are summed on the interpolation basis before channels are mixed.

    D[i, lm, (s, n)] = sum_{j of species s} B_n(r_ij) f_c(r_ij) Y_lm(r_ij / |r_ij|)
    A[i, lm, k]      = sum_{s, n} C[z_i, l, (s, n), k] D[i, lm, (s, n)]

The nodal values C are a product of radial functions shared by all channels and of weights that
mix them per pair of species: few parameters, smooth functions.
"""

import math

import torch
from torch import Tensor, nn

from openmm_innff.nn.bsplines import bspline_weights, spread
from openmm_innff.nn.interpolant import smooth_nodal_values


def smooth_cutoff(squared: Tensor) -> Tensor:
    """Return (1 - q^2)^3 for q < 1, else 0, from q^2: smooth everywhere, C2 at q = 1."""
    p = (1.0 - squared).clamp(min=0.0)
    return p * p * p


class RadialBasis(nn.Module):
    """Cubic B-splines on a warped grid of distances, times the cutoff function.

    The grid is uniform in log(1 + (r / warp)^2), which is smooth for every r >= 0 and puts the
    nodes where bonds and contacts are rather than inside the atomic cores.

    Parameters
    ----------
    cutoff : float
        Distance in angstrom at which everything vanishes, with its second derivative.
    nodes : int
        Number of nodal values.
    warp : float
        Distance in angstrom where the grid is densest.
    """

    def __init__(self, cutoff: float, nodes: int, warp: float) -> None:
        super().__init__()
        self.nodes = nodes
        self.inverse_warp2 = warp**-2
        self.inverse_cutoff2 = cutoff**-2
        self.density = (nodes - 3) / math.log1p((cutoff / warp) ** 2)

    def forward(self, squared: Tensor) -> Tensor:
        """Return the basis, shape (..., g), at squared distances in square angstrom."""
        grid = torch.log1p(squared * self.inverse_warp2) * self.density
        cell = grid.detach().floor().clamp(0.0, float(self.nodes - 4))
        envelope = smooth_cutoff(squared * self.inverse_cutoff2)
        weights = [weight * envelope for weight in bspline_weights(grid - cell)]
        return spread(torch.stack(weights, dim=-1), cell.to(torch.int64), self.nodes)


def nodal_density(harmonics: Tensor, basis: Tensor, widths: list[int]) -> Tensor:
    """Sum harmonics times basis over the neighbours of each species.

    Parameters
    ----------
    harmonics : Tensor, shape (lm, n, m)
        Y_lm of the m neighbour slots of n atoms; the slots are grouped by species.
    basis : Tensor, shape (n, m, g)
        Radial basis of the slots (zero in empty ones).
    widths : list of int
        Number of slots of each species; their sum is m.

    Returns
    -------
    Tensor, shape (lm, n, s * g)
    """
    blocks: list[Tensor] = []
    basis_blocks = basis.split(widths, 1)
    for s, block in enumerate(harmonics.split(widths, 2)):
        blocks.append(torch.bmm(block.transpose(0, 1), basis_blocks[s]))
    return torch.cat(blocks, dim=2).transpose(0, 1)


class ChannelMixing(nn.Module):
    """Nodal values C[z, l, (s, n), k] as shared radial functions times species weights.

    Parameters
    ----------
    species, l_max, nodes, radials, channels : int
        Sizes; ``radials`` functions are shared by all channels of a degree l.
    generator : torch.Generator
        Source of the initial values.
    """

    degree_of_row: Tensor
    norms: Tensor

    def __init__(
        self,
        species: int,
        l_max: int,
        nodes: int,
        radials: int,
        channels: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        degrees = l_max + 1
        start = smooth_nodal_values(degrees * radials, nodes, generator, roughness=0.7)
        self.radial = nn.Parameter(start.reshape(degrees, radials, nodes))
        mixing = torch.randn(species, degrees, species, radials, channels, generator=generator)
        self.mixing = nn.Parameter(mixing / math.sqrt(radials))
        degree_of_row = torch.cat([torch.full((2 * d + 1,), d) for d in range(degrees)])
        self.register_buffer("degree_of_row", degree_of_row, persistent=False)
        self.register_buffer("norms", torch.ones(degrees))

    def nodal_values(self) -> Tensor:
        """Return C, shape (z, l, s * g, k)."""
        scaled = self.radial * self.norms.reshape(-1, 1, 1)
        values = torch.einsum("lrg,zlsrk->zlsgk", scaled, self.mixing)
        return values.flatten(2, 3)

    def forward(self, density: Tensor, counts: list[int]) -> Tensor:
        """Return A, shape (lm, n, k), for atoms that are sorted by species."""
        values = self.nodal_values().index_select(1, self.degree_of_row)
        parts: list[Tensor] = []
        for z, part in enumerate(density.split(counts, 1)):
            parts.append(torch.bmm(part, values[z]))
        return torch.cat(parts, dim=1)
