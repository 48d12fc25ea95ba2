"""The C-HiDeNN patch basis: interpolation, partition of unity, polynomial reproduction."""

import pytest
import torch

from openmm_innff.errors import ConfigError
from openmm_innff.nn.hidenn import PatchBasis

X = torch.linspace(0.0, 8.0, 161, dtype=torch.float64)
NODES = torch.arange(9, dtype=torch.float64)


@pytest.mark.parametrize(("patch", "order"), [(1, 1), (1, 2), (2, 2), (2, 3), (3, 4)])
def test_polynomials_up_to_the_order_are_reproduced(patch: int, order: int):
    weights = PatchBasis(8, patch, order)(X)
    for degree in range(order + 1):
        torch.testing.assert_close(
            weights @ (NODES / 8) ** degree, (X / 8) ** degree, atol=1e-9, rtol=0
        )


def test_polynomials_beyond_the_order_are_not():
    weights = PatchBasis(8, patch=2, order=2)(X)
    error = weights @ (NODES / 8) ** 4 - (X / 8) ** 4
    assert error.abs().max() > 1e-6


def test_it_passes_through_its_nodal_values():
    torch.testing.assert_close(PatchBasis(8)(NODES), torch.eye(9, dtype=torch.float64))


def test_the_first_derivative_is_continuous_at_the_nodes():
    basis = PatchBasis(8)
    values = torch.randn(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def slope(at: torch.Tensor) -> torch.Tensor:
        x = at.clone().requires_grad_(True)
        return torch.autograd.grad((basis(x) @ values).sum(), x)[0]

    inner = NODES[1:-1]
    torch.testing.assert_close(slope(inner - 1e-9), slope(inner + 1e-9), atol=1e-6, rtol=0)


def test_the_derivative_agrees_with_finite_differences():
    basis = PatchBasis(8)
    x = torch.tensor([0.3, 2.7, 7.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(basis, x)


def test_impossible_orders_are_refused():
    with pytest.raises(ConfigError, match="order: at most 2 for patch = 1, found 3"):
        PatchBasis(8, patch=1, order=3)
    with pytest.raises(ConfigError, match="intervals: at least 4, found 3"):
        PatchBasis(3, patch=2)
