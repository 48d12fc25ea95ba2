"""The optimiser finds minima, in directions that no axis has, and can be stopped and resumed."""

import copy

import pytest
import torch

from openmm_innff.training.soap import Soap


def quadratic(shape: tuple[int, ...], condition: float) -> torch.Tensor:
    """Curvatures of a valley whose axes are turned in rows and columns."""
    rows, columns = shape
    turns = [
        torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(n)))[0]
        for n in shape
    ]
    grid = torch.logspace(0, torch.log10(torch.tensor(condition)), rows * columns)
    curvature = torch.diag(grid.reshape(columns, rows).t().flatten())
    turn = torch.kron(*turns)
    return turn @ curvature @ turn.t()


def minimise(make, steps: int) -> float:
    curvature = quadratic((6, 5), 1e3)
    parameter = torch.nn.Parameter(torch.ones(6, 5))
    optimiser = make([parameter])
    for _ in range(steps):
        optimiser.zero_grad()
        x = parameter.flatten()
        loss = 0.5 * x @ curvature @ x
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def test_it_goes_down_a_turned_valley_faster_than_adam():
    ours = minimise(lambda p: Soap(p, lr=0.02), 300)
    adam = minimise(lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.95, 0.98)), 300)
    assert ours < 0.3 * adam


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 3, 4), (2, 2, 3, 1, 4), (1, 5, 1)])
def test_tensors_of_any_shape_are_trained(shape):
    parameter = torch.nn.Parameter(torch.ones(shape))
    optimiser = Soap([parameter], lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        (parameter - 3.0).square().sum().backward()
        optimiser.step()
    assert parameter.shape == shape
    torch.testing.assert_close(parameter.detach(), torch.full(shape, 3.0), atol=0.2, rtol=0)


def test_a_parameter_without_gradient_stays():
    parameters = [torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2)]
    optimiser = Soap(parameters, lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        parameters[0].sum().backward()
        optimiser.step()
    assert torch.equal(parameters[1].detach(), torch.ones(2, 2))
    assert parameters[0].detach().max() < 1.0


def test_its_state_can_be_saved_and_loaded():
    def run(optimiser: Soap, parameter: torch.nn.Parameter, steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            (parameter - torch.eye(4)).pow(4).sum().backward()
            optimiser.step()

    one = torch.nn.Parameter(torch.ones(4, 4))
    optimiser = Soap([one], lr=0.05)
    run(optimiser, one, 23)
    other = torch.nn.Parameter(one.detach().clone())
    again = Soap([other], lr=0.05)
    again.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    run(optimiser, one, 23), run(again, other, 23)
    assert torch.equal(one.detach(), other.detach())
