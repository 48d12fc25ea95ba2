"""Products of spherical tensors: Gaunt couplings of natural parity, one for each pair of degrees.

    (x, y)_LM = sum_{l1 m1, l2 m2} G^{l1 l2 L}_{m1 m2 M} x_{l1 m1} y_{l2 m2}

G is the integral of three real harmonics over the sphere, scaled so that unit tensors in give
tensors of unit size per component out on average. l1 + l2 + L is even: products keep the parity
of polynomials of the directions, as those of a many-body expansion do (Dusson et al., J. Comput.
Phys. 454, 110946 (2022), doi:10.1016/j.jcp.2022.110946).
"""

import math
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from openmm_innff.nn.harmonics import spherical_harmonics


def sphere_quadrature(degree: int) -> tuple[Tensor, Tensor]:
    """Return points (P, 3) and weights (P,), sum 1, exact for polynomials up to a degree."""
    z, of_z = np.polynomial.legendre.leggauss(degree // 2 + 1)
    angle = 2.0 * math.pi * np.arange(degree + 1) / (degree + 1)
    ring = np.sqrt(1.0 - z**2)
    points = np.stack(
        [
            np.outer(ring, np.cos(angle)),
            np.outer(ring, np.sin(angle)),
            np.outer(z, np.ones_like(angle)),
        ],
        -1,
    )
    weights = np.outer(of_z, np.full(degree + 1, 0.5 / (degree + 1)))
    return torch.from_numpy(points.reshape(-1, 3)), torch.from_numpy(weights.reshape(-1))


def coupled_degrees(left: int, right: int, degree: int) -> list[tuple[int, int]]:
    """Return the pairs (l1, l2), l1 <= left and l2 <= right, that couple to a degree."""
    return [
        (a, b)
        for a in range(left + 1)
        for b in range(right + 1)
        if abs(a - b) <= degree <= a + b and (a + b + degree) % 2 == 0
    ]


def gaunt_tensor(left: int, right: int, degree: int) -> Tensor:
    """Return the couplings to one degree, a path for each pair of degrees.

    Returns
    -------
    Tensor, shape (2 L + 1, paths, (left + 1)^2, (right + 1)^2), float64
    """
    highest = max(left, right, degree)
    points, weights = sphere_quadrature(3 * highest)
    x, y, z = points.unbind(1)
    harmonics = spherical_harmonics(x, y, z, highest)
    paths = []
    for a, b in coupled_degrees(left, right, degree):
        rows = [slice(d * d, (d + 1) ** 2) for d in (degree, a, b)]
        found = torch.einsum("p,mp,ap,bp->mab", weights, *(harmonics[row] for row in rows))
        path = torch.zeros(2 * degree + 1, (left + 1) ** 2, (right + 1) ** 2, dtype=x.dtype)
        path[:, rows[1], rows[2]] = found * math.sqrt(2 * degree + 1) / found.norm()
        paths.append(path)
    return torch.stack(paths, 1)


class Coupling(nn.Module):
    """Products of two sets of tensors, channel by channel.

    Parameters
    ----------
    left, right : int
        Highest degrees of the factors.
    highest : int
        Highest degree of the products.

    Attributes
    ----------
    paths : list of int
        Pairs of degrees that couple to each degree.
    """

    matrix: Tensor

    def __init__(self, left: int, right: int, highest: int) -> None:
        super().__init__()
        tensors = [gaunt_tensor(left, right, degree) for degree in range(highest + 1)]
        self.paths: list[int] = [tensor.shape[1] for tensor in tensors]
        self.rows: list[int] = [tensor.shape[0] * tensor.shape[1] for tensor in tensors]
        matrix = torch.cat([tensor.flatten(2).flatten(0, 1) for tensor in tensors])
        self._exact = matrix.numpy()
        self.register_buffer("matrix", matrix.to(torch.get_default_dtype()), persistent=False)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Convert, always from the exact constants: rounded ones would turn with the axes."""
        super()._apply(fn, recurse)
        self.matrix = torch.from_numpy(self._exact).to(self.matrix)
        return self

    def forward(self, x: Tensor, y: Tensor) -> list[Tensor]:
        """Return the products of each degree, shape (n, 2 L + 1, paths * k).

        Parameters
        ----------
        x : Tensor, shape (n, (left + 1)^2, k)
        y : Tensor, shape (n, (right + 1)^2, k)
        """
        x, y = x.transpose(1, 2), y.transpose(1, 2)
        return self.couple((x.unsqueeze(3) * y.unsqueeze(2)).flatten(2))

    def couple(self, outer: Tensor) -> list[Tensor]:
        """Return the same from the outer products, shape (n, k, (left + 1)^2 (right + 1)^2)."""
        n, k = outer.shape[0], outer.shape[1]
        # One product of two matrices for all atoms and channels.
        products = torch.mm(outer.reshape(n * k, -1), self.matrix.t()).reshape(n, k, -1)
        out: list[Tensor] = []
        for part, paths in zip(products.split(self.rows, 2), self.paths):  # noqa: B905
            components = part.reshape(n, k, part.shape[2] // paths, paths)
            out.append(components.permute(0, 2, 3, 1).flatten(2))
        return out
