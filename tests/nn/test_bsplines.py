"""The cubic B-spline basis: partition of unity, reproduction, smoothness, derivatives."""

import pytest
import torch

from openmm_innff.nn.bsplines import bspline_weights, node_count
from openmm_innff.nn.interpolant import CPInterpolant, interpolate, soft_clip

INTERVALS = 7
X = torch.linspace(0.0, INTERVALS, 141, dtype=torch.float64)


def evaluate(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return interpolate(values.unsqueeze(0), torch.zeros(x.shape, dtype=torch.int64), x)


def basis(x: torch.Tensor) -> torch.Tensor:
    cell = x.floor().clamp(0, INTERVALS - 1)
    weights = torch.stack(bspline_weights(x - cell), -1)
    columns = cell.to(torch.int64).unsqueeze(-1) + torch.arange(4)
    return torch.zeros(*x.shape, node_count(INTERVALS), dtype=x.dtype).scatter(-1, columns, weights)


def test_weights_are_a_partition_of_unity():
    weights = basis(X)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(X))
    assert weights.min() >= 0.0
    assert (weights > 0).sum(-1).max() <= 4


def test_interpolation_equals_sum_over_the_basis():
    values = torch.randn(
        node_count(INTERVALS), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    torch.testing.assert_close(evaluate(values, X), basis(X) @ values)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_splines_reproduce_cubic_polynomials(degree: int):
    # A cubic spline space contains all cubics: fit the nodal values, look at the residual.
    target = (X / INTERVALS) ** degree
    values = torch.linalg.lstsq(basis(X), target.unsqueeze(1)).solution.squeeze(1)
    torch.testing.assert_close(evaluate(values, X), target, atol=1e-12, rtol=0)


def test_second_derivative_is_continuous_at_the_nodes():
    values = torch.randn(
        node_count(INTERVALS), generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )

    def derivatives(at: torch.Tensor) -> list[torch.Tensor]:
        x = at.clone().requires_grad_(True)
        found = [evaluate(values, x)]
        for _ in range(2):
            found.append(torch.autograd.grad(found[-1].sum(), x, create_graph=True)[0])
        return found

    knots = torch.arange(1, INTERVALS, dtype=torch.float64)
    for left, right in zip(derivatives(knots - 1e-9), derivatives(knots + 1e-9), strict=True):
        torch.testing.assert_close(left, right, atol=1e-7, rtol=0)


def test_gradients_agree_with_finite_differences():
    generator = torch.Generator().manual_seed(2)
    values = torch.randn(3, node_count(4), generator=generator, dtype=torch.float64)
    x = 4.0 * torch.rand(5, 3, generator=generator, dtype=torch.float64)
    functions = torch.arange(3).expand(5, 3)
    inputs = (values.requires_grad_(True), x.requires_grad_(True))
    assert torch.autograd.gradcheck(lambda v, y: interpolate(v, functions, y), inputs)
    assert torch.autograd.gradgradcheck(lambda v, y: interpolate(v, functions, y), inputs)


def test_soft_clip_is_the_identity_near_zero_and_bounded_far_away():
    x = torch.tensor([0.0, 1e-3, 1e6, -1e6], dtype=torch.float64)
    clipped = soft_clip(x, 4.0)
    torch.testing.assert_close(clipped[:2], x[:2], atol=1e-9, rtol=0)
    torch.testing.assert_close(clipped[2:], torch.tensor([4.0, -4.0], dtype=torch.float64))


def test_cp_interpolant_is_a_sum_of_products():
    model = CPInterpolant(dimensions=3, modes=2, intervals=5, seed=0).double()
    x = 5.0 * torch.rand(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.zeros(6, dtype=torch.float64)
    for mode in range(2):
        product = torch.ones(6, dtype=torch.float64)
        for axis in range(3):
            product = product * evaluate(model.values[2 * axis + mode], x[:, axis])
        expected = expected + product
    torch.testing.assert_close(model(x), expected)


def test_cp_interpolant_learns_a_separable_function():
    # One mode suffices for exp(-x) cos(y); least squares by Adam shows that gradients are right.
    generator = torch.Generator().manual_seed(0)
    x = 4.0 * torch.rand(400, 2, generator=generator)
    target = torch.exp(-x[:, 0]) * torch.cos(x[:, 1])
    model = CPInterpolant(dimensions=2, modes=2, intervals=4, seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(400):
        loss = (model(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.sqrt() < 0.01
