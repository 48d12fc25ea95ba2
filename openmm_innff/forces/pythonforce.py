"""The `python` backend: an openmm.PythonForce that calls the potential.

Such a force can be copied and written as XML; its XML holds a pickle, so read only files that you
trust.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from openmm import Force, PythonForce, State, unit

from openmm_innff.forces.adapter import Adapter
from openmm_innff.forces.backend import python_device


class Computation:
    """What a PythonForce calls: a class of a module, since OpenMM pickles it.

    Parameters
    ----------
    adapter
        Energy and forces in OpenMM's units.
    periodic
        Whether the box is handed to the adapter.
    """

    def __init__(self, adapter: Adapter, periodic: bool) -> None:
        self.adapter = adapter.eval()
        self.periodic = periodic

    def __call__(self, state: State) -> tuple[float, NDArray[np.float64]]:
        """Return the energy (kJ/mol) and the forces (n_particles, 3) in kJ/mol/nm."""
        positions = self._tensor(state.getPositions(asNumpy=True))
        box = self._tensor(state.getPeriodicBoxVectors(asNumpy=True)) if self.periodic else None
        energy, forces = self.adapter(positions, box)
        return float(energy), forces.cpu().numpy()

    def _tensor(self, lengths: unit.Quantity) -> torch.Tensor:
        array = lengths.value_in_unit(unit.nanometer)
        return torch.as_tensor(array, device=self.adapter.atoms.device)


def make_python_force(adapter: Adapter, periodic: bool) -> Force:
    """Make a PythonForce of an adapter.

    Parameters
    ----------
    adapter
        Energy and forces in OpenMM's units.
    periodic
        Whether the box is handed to the adapter.

    Returns
    -------
    openmm.Force
        An ``openmm.PythonForce``.
    """
    force = PythonForce(Computation(adapter.to(python_device()), periodic))
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force
