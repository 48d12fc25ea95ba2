"""Any potential as an OpenMM System, so that all are simulated by the same integrators."""

from collections.abc import Callable

import numpy as np
import openmm
from ase.data import atomic_masses
from openmm import unit

from openmm_innff.audit.structure import Array, Structure
from openmm_innff.units import (
    ANGSTROM_TO_NM,
    EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM,
    EV_TO_KJ_PER_MOL,
    NM_TO_ANGSTROM,
)


def python_system(
    structure: Structure, evaluate: Callable[[Array, Array | None], tuple[float, Array]]
) -> openmm.System:
    """Return a System whose only Force calls a function.

    Parameters
    ----------
    structure
        Its atoms become the particles, in the same order.
    evaluate
        Energy (eV) and forces (eV/angstrom), see `base.Evaluate`.
    """
    system = openmm.System()
    for number in structure.numbers:
        system.addParticle(float(atomic_masses[number]))

    def compute(state: openmm.State) -> tuple[float, Array]:
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        cell = None
        if structure.periodic:
            cell = np.array(state.getPeriodicBoxVectors()._value) * NM_TO_ANGSTROM
        energy, forces = evaluate(np.array(positions) * NM_TO_ANGSTROM, cell)
        return energy * EV_TO_KJ_PER_MOL, forces * EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM

    force = openmm.PythonForce(compute)
    force.setUsesPeriodicBoundaryConditions(structure.periodic)
    system.addForce(force)
    molecules = openmm.HarmonicBondForce()
    molecules.setName("molecules")
    for first, second in structure.bonds:
        molecules.addBond(first, second, 0.0, 0.0)
    system.addForce(molecules)
    if structure.cell is not None:
        system.setDefaultPeriodicBoxVectors(*(structure.cell * ANGSTROM_TO_NM))
    return system
