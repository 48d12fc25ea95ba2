"""Harmonics are orthonormal, and products of tensors turn with their factors."""

import pytest
import torch

from openmm_innff.nn.coupling import (
    Coupling,
    coupled_degrees,
    gaunt_tensor,
    sphere_quadrature,
)
from openmm_innff.nn.harmonics import spherical_harmonics


def random_rotation() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    return turn * torch.linalg.det(turn)


def harmonics(vectors: torch.Tensor, l_max: int) -> torch.Tensor:
    """Y_lm of unit vectors, shape (n, (l_max + 1)^2)."""
    return spherical_harmonics(*vectors.unbind(1), l_max).T


def random_directions(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return found / found.norm(dim=1, keepdim=True)


def turned(tensors: torch.Tensor, turn: torch.Tensor, l_max: int) -> torch.Tensor:
    """Tensors (n, lm) after a rotation, by what it does to harmonics."""
    directions = random_directions(40, seed=7)
    before, after = harmonics(directions, l_max), harmonics(directions @ turn.T, l_max)
    return tensors @ torch.linalg.lstsq(before, after).solution


def test_harmonics_up_to_three_are_orthogonal_and_of_equal_size():
    points, weights = sphere_quadrature(6)
    y = harmonics(points, 3)
    sizes = torch.cat(
        [torch.full((2 * d + 1,), 1.0 / (2 * d + 1), dtype=torch.float64) for d in range(4)]
    )
    overlap = torch.einsum("p,pa,pb->ab", weights, y, y)
    torch.testing.assert_close(overlap, torch.diag(sizes), atol=1e-14, rtol=0)


def test_quadrature_is_exact_for_polynomials():
    points, weights = sphere_quadrature(6)
    x, y, z = points.unbind(1)
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-14)
    assert float((weights * x**2 * y**2 * z**2).sum()) == pytest.approx(1 / 105, abs=1e-14)


def test_vectors_couple_to_their_dot_product():
    u, v = random_directions(5, 1), random_directions(5, 2)
    coupled = torch.einsum(
        "mpab,na,nb->nmp", gaunt_tensor(1, 1, 0), harmonics(u, 1), harmonics(v, 1)
    )
    path = coupled_degrees(1, 1, 0).index((1, 1))
    expected = (u * v).sum(1)
    ratio = coupled[:, 0, path] / expected
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))


@pytest.mark.parametrize(("left", "right"), [(2, 3), (2, 2)])
def test_products_turn_with_their_factors(left, right):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(4, (left + 1) ** 2, generator=generator, dtype=torch.float64)
    y = torch.randn(4, (right + 1) ** 2, generator=generator, dtype=torch.float64)
    coupling, turn = Coupling(left, right, 2).double(), random_rotation()
    before = coupling(x.unsqueeze(2), y.unsqueeze(2))
    after = coupling(turned(x, turn, left).unsqueeze(2), turned(y, turn, right).unsqueeze(2))
    for degree, (one, other) in enumerate(zip(before, after, strict=True)):
        for path in range(one.shape[2]):
            full = torch.zeros(4, 9, dtype=torch.float64)
            full[:, degree**2 : (degree + 1) ** 2] = one[:, :, path]
            expected = turned(full, turn, 2)[:, degree**2 : (degree + 1) ** 2]
            torch.testing.assert_close(other[:, :, path], expected, atol=1e-12, rtol=0)


def test_paths_keep_the_parity_of_polynomials():
    assert coupled_degrees(2, 3, 1) == [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3)]
    assert all((a + b) % 2 == 0 for a, b in coupled_degrees(2, 3, 2))


def test_constants_are_exact_in_double_precision_whatever_they_were_before():
    coupling = Coupling(2, 2, 2)
    exact = torch.cat([gaunt_tensor(2, 2, d).flatten(2).flatten(0, 1) for d in range(3)])
    torch.testing.assert_close(coupling.float().double().matrix, exact, atol=0, rtol=0)
