import pytest
import torch

from openmm_innff.forces.backend import torch_obstacle
from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig


@pytest.fixture(scope="session")
def potential() -> Potential:
    """Small, with random weights and reference energies."""
    config = PotentialConfig(
        elements=("H", "O"),
        fast=ComponentConfig(cutoff=2.5, channels=4, projections=4),
        slow=ComponentConfig(cutoff=3.8, channels=4, projections=4),
    )
    potential = Potential(config, seed=1)
    potential.reference_energies.copy_(torch.tensor([-13.0, -2000.0]))
    return potential


@pytest.fixture(params=["torch", "python"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "torch" and (reason := torch_obstacle()):
        pytest.skip(reason)
    return request.param
