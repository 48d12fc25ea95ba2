"""The nodal density: neighbours are summed on the interpolation basis before channels are mixed.

    D[i, lm, (s, n)] = sum_{j of species s} B_n(r_ij) f_c(r_ij) Y_lm(r_ij / |r_ij|)
    A[i, lm, k]      = sum_{s, n} C[z_i, l, (s, n), k] D[i, lm, (s, n)]

The nodal values C are a product of radial functions shared by all channels and of weights that
mix them per pair of species: few parameters, smooth functions.
"""

import math

import torch
from torch import Tensor, nn

from openmm_innff.nn.interpolant import smooth_nodal_values


def smooth_cutoff(squared: Tensor) -> Tensor:
    """Return (1 - q^2)^3 for q < 1, else 0, from q^2: smooth everywhere, C2 at q = 1."""
    p = (1.0 - squared).clamp(min=0.0)
    return p * p * p


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
