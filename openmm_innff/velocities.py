"""Velocities whose temperature is that of the thermostat."""

import re

import numpy as np
import openmm
from numpy.typing import NDArray


def drift_velocities(context: openmm.Context) -> NDArray[np.float64]:
    """Velocities (N, 3) in nm/ps with which the atoms drifted, whose temperature is the right one.

    Parameters
    ----------
    context
        Of an integrator made by `integrators.mts_langevin_integrator`, after a step; of any other
        the velocities are returned as they are.
    """
    integrator, system = context.getIntegrator(), context.getSystem()
    velocities = context.getState(velocities=True).getVelocities(asNumpy=True)._value
    if not isinstance(integrator, openmm.CustomIntegrator):
        return np.asarray(velocities)

    def variable(name: str) -> NDArray[np.float64]:
        return np.array(integrator.getPerDofVariableByName(name))

    expression = integrator.getKineticEnergyExpression()
    if "v_drift" in expression:
        return variable("v_drift")
    found = re.search(r"fast/(\d+)", expression)
    if found is None:
        return np.asarray(velocities)
    n = system.getNumParticles()
    masses = np.array([[system.getParticleMass(i)._value or np.inf] for i in range(n)])
    half = 0.5 * integrator.getStepSize()._value
    return velocities - half * (variable("slow") + variable("fast") / int(found[1])) / masses
