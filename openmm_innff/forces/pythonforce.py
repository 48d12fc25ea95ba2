"""The `python` backend: an openmm.PythonForce that calls the potential.

Such a force can be copied and written as XML; its XML holds a pickle, so read only files that you
trust.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from openmm import Force, PythonForce, State, Vec3, unit

from openmm_innff.forces.adapter import Adapter
from openmm_innff.forces.backend import python_device
from openmm_innff.forces.mollified import (
    DirectMollified,
    FloatArray,
    MollifiedEvaluator,
    evaluate_directly,
)
from openmm_innff.units import (
    EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM,
    EV_TO_KJ_PER_MOL,
    NM_TO_ANGSTROM,
)

NO_BOX = np.zeros((3, 3))
DirectCall = Callable[[FloatArray, FloatArray], tuple[float, FloatArray]]


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


class DirectComputation:
    """The same for compiled components on the CPU, without torch in between.

    Parameters
    ----------
    evaluate
        Returns the energy in eV and the forces in eV/angstrom, see `direct_call`.
    adapter
        Says which atoms take part.
    periodic
        Whether the box is used.
    """

    def __init__(self, evaluate: DirectCall, adapter: Adapter, periodic: bool) -> None:
        self.evaluate = evaluate
        self.periodic = periodic
        self.atoms = None if adapter.all_atoms else adapter.atoms.numpy()
        self.energy_shift = adapter.energy_shift
        self.last_box: tuple[list[Vec3], FloatArray] = [], NO_BOX

    def __call__(self, state: State) -> tuple[float, NDArray[np.float64]]:
        """Return the energy (kJ/mol) and the forces (n_particles, 3) in kJ/mol/nm."""
        everything = positions_of(state)
        positions = everything if self.atoms is None else everything[self.atoms]
        positions *= NM_TO_ANGSTROM
        energy, forces = self.evaluate(positions, self._box(state))
        forces *= EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM
        if self.atoms is not None:
            chosen, forces = forces, np.zeros_like(everything)
            forces[self.atoms] = chosen
        return EV_TO_KJ_PER_MOL * (energy + self.energy_shift), forces

    def _box(self, state: State) -> FloatArray:
        """Return the box vectors in angstrom: those of the last call if they are the same."""
        if not self.periodic:
            return NO_BOX
        vectors = state.getPeriodicBoxVectors()._value
        known, box = self.last_box
        if vectors != known:
            box = np.array(vectors) * NM_TO_ANGSTROM
            self.last_box = vectors, box
        return box


def positions_of(state: State) -> FloatArray:
    """Return positions (n_particles, 3) in nm, an array of its own.

    The numbers behind a Quantity are in nm. Quantities copy arrays, and State looks for what it
    knows in a list of its attributes, in a time that a fast part can't spare; what State itself
    calls is not part of OpenMM's interface, so it may be missing.
    """
    try:
        positions = np.empty((state._getNumParticles(), 3))
        state._getVectorAsNumpy(State.Positions, positions)
    except AttributeError:
        positions = state.getPositions(asNumpy=True)._value.copy()
    return positions


def direct_call(adapter: Adapter) -> DirectCall | None:
    """Return what evaluates an adapter's atoms without torch; None if not all is compiled."""
    evaluator = adapter.evaluator
    plain = evaluator.evaluator if isinstance(evaluator, MollifiedEvaluator) else evaluator
    components = list(getattr(plain, "components", []))
    if not components or not all(component.compiled for component in components):
        return None
    if isinstance(evaluator, MollifiedEvaluator):
        return DirectMollified(evaluator)
    return partial(evaluate_directly, components)


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
    device = python_device()
    evaluate = direct_call(adapter) if device.type == "cpu" else None
    if evaluate is not None:
        force = PythonForce(DirectComputation(evaluate, adapter, periodic))
    else:
        force = PythonForce(Computation(adapter.to(device), periodic))
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force
