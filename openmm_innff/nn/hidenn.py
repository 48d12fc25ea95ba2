"""The C-HiDeNN patch basis of the INN papers.

A convolution hierarchical deep-learning neural network interpolates
u(x) = sum_i N_i(x) sum_{j in patch(i)} W^i_j(x) u_j: linear finite-element hats N_i times patch
functions W^i_j, which are radial-basis interpolants that reproduce polynomials up to a chosen
order (Park et al., Nat. Commun. 16 (2025), doi:10.1038/s41467-025-63790-8; Lu et al., Comput.
Mech. 72, 333 (2023), doi:10.1007/s00466-023-02333-8). The result passes through its nodal values
and is C1; where an energy must be C2 use cubic B-splines.
"""

import torch
from torch import Tensor, nn

from openmm_innff.errors import ConfigError


class PatchBasis(nn.Module):
    """Patch functions on the uniform grid 0, 1, ... ``intervals``.

    Parameters
    ----------
    intervals : int
        Number of intervals of the grid; the nodal values are ``intervals + 1``.
    patch : int
        Number of neighbours on either side of a node that belong to its patch.
    order : int
        Polynomials up to this degree are reproduced exactly; at most ``2 * patch``.
    dilation : float
        Range of the radial basis in grid spacings.
    """

    starts: Tensor
    moments: Tensor

    def __init__(
        self, intervals: int, patch: int = 2, order: int = 3, dilation: float = 3.0
    ) -> None:
        super().__init__()
        size = 2 * patch + 1
        if order + 1 > size:
            raise ConfigError(f"order: at most {size - 1} for patch = {patch}, found {order}")
        if intervals < size - 1:
            raise ConfigError(f"intervals: at least {size - 1}, found {intervals}")
        self.intervals = intervals
        self.size = size
        self.order = order
        self.dilation = dilation
        starts = (torch.arange(intervals + 1) - patch).clamp(0, intervals + 1 - size)
        self.register_buffer("starts", starts)
        self.register_buffer("moments", self._moment_matrix(starts.to(torch.float64)))

    def _radial(self, distance: Tensor) -> Tensor:
        q = distance.abs() / self.dilation
        return torch.exp(-q * q)

    def _moment_matrix(self, starts: Tensor) -> Tensor:
        """Return the map from (radial, polynomial) values to nodal weights of each patch."""
        size, degree = self.size, self.order + 1
        local = torch.arange(size, dtype=torch.float64)
        system = torch.zeros(size + degree, size + degree, dtype=torch.float64)
        system[:size, :size] = self._radial(local[:, None] - local[None, :])
        powers = (local - 0.5 * (size - 1)).unsqueeze(-1) ** torch.arange(degree)
        system[:size, size:] = powers
        system[size:, :size] = powers.T
        return torch.linalg.inv(system)[:, :size].expand(len(starts), -1, -1).clone()

    def _patch_weights(self, x: Tensor, node: Tensor) -> Tensor:
        local = x - self.starts[node].to(x.dtype)
        nodes = torch.arange(self.size, dtype=x.dtype, device=x.device)
        radial = self._radial(local.unsqueeze(-1) - nodes)
        centred = (local - 0.5 * (self.size - 1)).unsqueeze(-1)
        powers = [torch.ones_like(centred)]
        for _ in range(self.order):
            powers.append(powers[-1] * centred)
        features = torch.cat([radial, *powers], dim=-1)
        return torch.einsum("...a,...ab->...b", features, self.moments[node].to(x.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Return the weight of every nodal value at every point.

        Parameters
        ----------
        x : Tensor, shape (...)
            Grid coordinate in [0, intervals].

        Returns
        -------
        Tensor, shape (..., intervals + 1)
        """
        left = x.detach().floor().clamp(0, self.intervals - 1).to(torch.int64)
        fraction = x - left.to(x.dtype)
        weights = x.new_zeros([*x.shape, self.intervals + 1])
        columns = torch.arange(self.size, device=x.device)
        for node, hat in ((left, 1.0 - fraction), (left + 1, fraction)):
            values = hat.unsqueeze(-1) * self._patch_weights(x, node)
            index = self.starts[node].unsqueeze(-1) + columns
            weights = weights.scatter_add(-1, index, values)
        return weights
