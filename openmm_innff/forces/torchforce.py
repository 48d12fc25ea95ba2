"""The `torch` backend: a TorchForce around the scripted potential."""

import torch  # before openmm: openmmtorch's libraries need those that torch loads
from openmm import Force

from openmm_innff.forces.adapter import Adapter
from openmm_innff.forces.backend import load_openmmtorch


def make_torch_force(adapter: Adapter, periodic: bool) -> Force:
    """Script an adapter and make a TorchForce of it.

    It runs on the device of the Context: OpenMM moves the module there.

    Parameters
    ----------
    adapter
        Energy and forces in OpenMM's units.
    periodic
        Whether the box is handed to the adapter.

    Returns
    -------
    openmm.Force
        An ``openmmtorch.TorchForce``.
    """
    openmmtorch = load_openmmtorch()
    force = openmmtorch.TorchForce(torch.jit.script(adapter.eval()))
    force.setOutputsForces(True)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force
