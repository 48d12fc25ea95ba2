"""Rotation invariants of atomic densities as CP-decomposed symmetric products.

Within each channel k the components of A form a scalar s, a vector v and a symmetric traceless
matrix T. Products of the same channel with itself are the CP form of the symmetric tensors of a
many-body expansion, because the channels are already mixed (Dusson et al., J. Comput. Phys. 454,
110946 (2022), doi:10.1016/j.jcp.2022.110946; Darby et al., Phys. Rev. Lett. 131, 028001 (2023),
doi:10.1103/PhysRevLett.131.028001).
"""

import torch
from torch import Tensor, nn

from openmm_innff.nn.harmonics import quadrupoles


def invariant_count(l_max: int, channels: int) -> int:
    """Return the number of invariants per atom."""
    return channels * (1, 2, 6)[l_max]


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
        to_matrix = quadrupoles().reshape(5, 9).T.contiguous()
        self.register_buffer("to_matrix", to_matrix.to(torch.float32))

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
        shape = [3, 3, v.shape[1], v.shape[2]]
        matrix = torch.matmul(self.to_matrix, t.flatten(1)).reshape(shape)
        tv = (matrix * v).sum(1)
        minors = torch.linalg.cross(matrix[0], matrix[1], dim=0)
        return [
            (t * t).sum(0),
            (v * tv).sum(0),
            (tv * tv).sum(0),
            (minors * matrix[2]).sum(0),
        ]
