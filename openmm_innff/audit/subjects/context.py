"""Energies and forces from an OpenMM System, and what an integrator makes of them."""

import numpy as np
import openmm

from openmm_innff.audit.structure import Array, Indices, Structure
from openmm_innff.audit.subjects.base import Evaluate, Evaluation, EvaluationError
from openmm_innff.units import (
    AMU_A2_PER_FS2_TO_EV,
    ANGSTROM_TO_NM,
    EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM,
    FS_TO_PS,
    KJ_PER_MOL_TO_EV,
    NM_TO_ANGSTROM,
)


def evaluate_context(
    system: openmm.System,
    platform: str,
    order: Indices | None = None,
    groups: set[int] | None = None,
) -> Evaluate:
    """Return the function that evaluates a System at any positions and box.

    Parameters
    ----------
    system
        Its particles are the structure's atoms, in the given order.
    platform
        Name of OpenMM's platform.
    order
        Which atom of the structure each particle is; None: the same.
    groups
        Force groups; None: all.
    """
    context = _context(system, openmm.VerletIntegrator(0.001), platform)
    place = None if order is None else np.argsort(order)
    chosen = -1 if groups is None else groups

    def evaluate(positions: Array, cell: Array | None) -> Evaluation:
        _place(context, positions if order is None else positions[order], cell)
        try:
            state = context.getState(energy=True, forces=True, groups=chosen)
        except openmm.OpenMMException as error:
            raise EvaluationError(str(error)) from error
        forces = np.asarray(state.getForces(asNumpy=True)._value, dtype=np.float64)
        forces = forces / EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM
        energy = state.getPotentialEnergy()._value * KJ_PER_MOL_TO_EV
        return Evaluation(float(energy), forces if place is None else forces[place])

    return evaluate


def impulse_of(
    system: openmm.System,
    integrator: openmm.Integrator,
    structure: Structure,
    step_fs: float,
    order: Indices | None = None,
) -> Array:
    """Momentum gained in one step from rest over its length, eV/angstrom, shape (N, 3).

    Parameters
    ----------
    system, integrator
        As they are simulated.
    structure
        Where it starts.
    step_fs
        Length of the step of this integrator, fs.
    order
        Which atom of the structure each particle is; None: the same.
    """
    context = _context(system, integrator, "Reference")
    order = np.arange(len(structure)) if order is None else order
    _place(context, structure.positions[order], structure.cell)
    context.setVelocities(np.zeros((len(structure), 3)))
    integrator.step(1)
    state = context.getState(velocities=True)
    velocities = state.getVelocities(asNumpy=True)._value * NM_TO_ANGSTROM * FS_TO_PS
    masses = np.array([system.getParticleMass(i)._value for i in range(len(structure))])
    gained = masses[:, None] * velocities * AMU_A2_PER_FS2_TO_EV / step_fs
    return np.asarray(gained[np.argsort(order)])


def _context(system: openmm.System, integrator: openmm.Integrator, platform: str) -> openmm.Context:
    properties = {"Threads": "1", "DeterministicForces": "true"} if platform == "CPU" else {}
    try:
        chosen = openmm.Platform.getPlatformByName(platform)
        return openmm.Context(system, integrator, chosen, properties)
    except openmm.OpenMMException as error:
        raise EvaluationError(str(error)) from error


def _place(context: openmm.Context, positions: Array, cell: Array | None) -> None:
    try:
        if cell is not None:
            context.setPeriodicBoxVectors(*(cell * ANGSTROM_TO_NM))
        context.setPositions(positions * ANGSTROM_TO_NM)
    except openmm.OpenMMException as error:
        raise EvaluationError(str(error)) from error
