"""Rotation invariants of atomic densities as CP-decomposed symmetric products.

Within each channel k the components of A form a scalar s, a vector v and a symmetric traceless
matrix T. Products of the same channel with itself are the CP form of the symmetric tensors of a
many-body expansion, because the channels are already mixed (Dusson et al., J. Comput. Phys. 454,
110946 (2022), doi:10.1016/j.jcp.2022.110946; Darby et al., Phys. Rev. Lett. 131, 028001 (2023),
doi:10.1103/PhysRevLett.131.028001).
"""

import math

import torch
from torch import Tensor, nn


def invariant_count(l_max: int, channels: int) -> int:
    """Return the number of invariants per atom."""
    return channels * (1, 2, 6)[l_max]


def invariant_orders(l_max: int, channels: int) -> list[tuple[int, int]]:
    """Return how many densities are multiplied in each block of invariants, and its width."""
    orders = {0: (1,), 1: (1, 2), 2: (1, 2, 2, 3, 4, 3)}[l_max]
    return [(order, channels) for order in orders]


def quadrupole_matrix(t: Tensor) -> Tensor:
    """Return the symmetric traceless matrices of l = 2 components, with the same norm.

    For the harmonics of one direction u it is sqrt(3/2) (u u^T - 1/3).

    Parameters
    ----------
    t : Tensor, shape (5, ...)
        In the order of `spherical_harmonics`.

    Returns
    -------
    Tensor, shape (3, 3, ...)
    """
    xy, yz, xz, difference, axial = (math.sqrt(0.5) * t).unbind(0)
    axial = axial * math.sqrt(1.0 / 3.0)
    rows = [difference - axial, xy, xz, xy, -difference - axial, yz, xz, yz, 2.0 * axial]
    return torch.stack(rows).unflatten(0, [3, 3])


class Invariants(nn.Module):
    """s; v.v; T:T, v.T.v, |T v|^2 and det T of every channel: up to five-body terms.

    Parameters
    ----------
    l_max : int
        Highest degree in A, 0 to 2.
    """

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.l_max = l_max

    def forward(self, a: Tensor) -> Tensor:
        """Return the invariants.

        Parameters
        ----------
        a : Tensor, shape ((l_max + 1)^2, n, k)

        Returns
        -------
        Tensor, shape (n, invariant_count(l_max, k))
        """
        parts = a.split([2 * degree + 1 for degree in range(self.l_max + 1)])
        terms = [parts[0].squeeze(0)]
        if self.l_max >= 1:
            terms.append(parts[1].square().sum(0))
        if self.l_max >= 2:
            terms += self._quadrupole_terms(parts[1], parts[2])
        return torch.cat(terms, dim=1)

    def _quadrupole_terms(self, v: Tensor, t: Tensor) -> list[Tensor]:
        matrix = quadrupole_matrix(t)
        tv = (matrix * v).sum(1)
        minors = torch.linalg.cross(matrix[0], matrix[1], dim=0)
        return [
            (t * t).sum(0),
            (v * tv).sum(0),
            (tv * tv).sum(0),
            (minors * matrix[2]).sum(0),
        ]
