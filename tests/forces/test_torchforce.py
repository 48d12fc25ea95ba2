"""Counts of evaluations of TorchForces by the MTS integrators."""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

# isort: split
import openmm

from openmm_innff.forces.adapter import Adapter
from openmm_innff.forces.backend import torch_obstacle
from openmm_innff.forces.torchforce import make_torch_force
from openmm_innff.integrators import mts_langevin_integrator, mts_nve_integrator

pytestmark = pytest.mark.skipif(torch_obstacle() is not None, reason=f"{torch_obstacle()}")


COUNTS: Counter[int] = Counter()


@torch.library.custom_op("openmm_innff_tests::tick", mutates_args=())
def tick(positions: Tensor, group: int) -> Tensor:
    """Count a call: OpenMM evaluates a copy of the module, so this can't be kept inside."""
    COUNTS[group] += 1
    return positions.clone()


class Counting(nn.Module):
    """Harmonic wells."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def evaluate(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor, str]:
        positions = torch.ops.openmm_innff_tests.tick(positions, self.group)
        return 0.5 * positions.square().sum(), -positions, ""


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("kind", ["nve", "langevin"])
def test_counts(kind: str, platform: str) -> None:
    system = openmm.System()
    for _ in range(5):
        system.addParticle(1.0)
    for group in (0, 1):
        force = make_torch_force(Adapter(Counting(group), 5), periodic=False)
        force.setForceGroup(group)
        system.addForce(force)
    if kind == "nve":
        integrator = mts_nve_integrator(system, 0.002, 0.0005)
    else:
        integrator = mts_langevin_integrator(system, 300.0, 1.0, 0.002, 0.0005)
    platform_object = openmm.Platform.getPlatformByName(platform)
    context = openmm.Context(system, integrator, platform_object)
    context.setPositions(torch.rand(5, 3, generator=torch.Generator().manual_seed(0)).numpy())
    COUNTS.clear()
    integrator.step(20)
    assert COUNTS == {0: 20 * 4 + 1, 1: 20 + 1}
