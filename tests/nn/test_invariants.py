"""Harmonics and the invariants made of them."""

import math

import pytest
import torch

from openmm_innff.nn.density import smooth_cutoff
from openmm_innff.nn.harmonics import spherical_harmonics
from openmm_innff.nn.invariants import Invariants, invariant_count, quadrupole_matrix


def directions(count: int) -> torch.Tensor:
    u = torch.randn(3, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return u / u.norm(dim=0)


def random_rotation() -> torch.Tensor:
    matrix = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    q, r = torch.linalg.qr(matrix)
    q = q * torch.sign(torch.diagonal(r))
    return q * torch.sign(torch.linalg.det(q))


def test_harmonics_of_each_degree_have_unit_norm():
    y = spherical_harmonics(*directions(50), l_max=2).square()
    for block in (y[:1], y[1:4], y[4:9]):
        torch.testing.assert_close(block.sum(0), torch.ones(50, dtype=torch.float64))


def test_addition_theorem():
    # sum_m Y_lm(u) Y_lm(v) = P_l(u.v)
    u, v = directions(40)[:, :20], directions(40)[:, 20:]
    products = spherical_harmonics(*u, l_max=2) * spherical_harmonics(*v, l_max=2)
    x = (u * v).sum(0)
    torch.testing.assert_close(products[1:4].sum(0), x)
    torch.testing.assert_close(products[4:9].sum(0), 1.5 * x * x - 0.5)


def test_quadrupole_matrix_of_one_direction():
    u = directions(10)
    matrix = quadrupole_matrix(spherical_harmonics(*u, l_max=2)[4:9])
    traceless = u[:, None] * u[None] - torch.eye(3, dtype=torch.float64)[..., None] / 3
    torch.testing.assert_close(matrix, math.sqrt(1.5) * traceless)


@pytest.mark.parametrize("l_max", [0, 1, 2])
def test_invariants_do_not_change_under_rotation_and_inversion(l_max: int):
    u = directions(12)
    weights = torch.randn(12, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    module = Invariants(l_max).double()

    def invariants(vectors: torch.Tensor) -> torch.Tensor:
        a = spherical_harmonics(*vectors, l_max=l_max) @ weights
        return module(a.unsqueeze(1))

    reference = invariants(u)
    assert reference.shape == (1, invariant_count(l_max, 5))
    torch.testing.assert_close(invariants(random_rotation() @ u), reference)
    torch.testing.assert_close(invariants(-u), reference)


def test_invariants_tell_mirror_free_environments_apart():
    # Same pair distances and angles seen by v.v alone, different third-order terms.
    u = directions(3)
    module = Invariants(2).double()
    flat = torch.tensor([[1.0, -0.5, -0.5], [0.0, math.sqrt(0.75), -math.sqrt(0.75)], [0, 0, 0]])
    a = [spherical_harmonics(*x.double(), l_max=2).sum(1).reshape(9, 1, 1) for x in (u, flat)]
    assert not torch.allclose(module(a[0]), module(a[1]))


def test_cutoff_and_its_two_derivatives_vanish():
    q2 = torch.tensor([1.0 - 1e-6, 1.0, 1.5], dtype=torch.float64, requires_grad=True)
    value = smooth_cutoff(q2)
    first = torch.autograd.grad(value.sum(), q2, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), q2)[0]
    for found in (value, first, second):
        assert found.abs().max() < 1e-5
    assert smooth_cutoff(torch.zeros(1)) == 1.0
