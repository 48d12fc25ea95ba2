"""Velocities of the drift against the kinetic energy that the integrator reports."""

import numpy as np
import openmm
import pytest

from openmm_innff.integrators import mts_langevin_integrator
from openmm_innff.velocities import drift_velocities


@pytest.mark.parametrize("constrained", [False, True])
def test_they_carry_the_kinetic_energy(constrained: bool) -> None:
    system, spring = openmm.System(), openmm.HarmonicBondForce()
    for i in range(8):
        system.addParticle(1.0 + i)
    for i in range(0, 8, 2):
        spring.addBond(i, i + 1, 0.1, 2e4)
    soft = openmm.CustomExternalForce("200*(x^2+2*y^2+3*z^2)")
    soft.setForceGroup(1)
    for i in range(8):
        soft.addParticle(i)
    system.addForce(spring)
    system.addForce(soft)
    if constrained:
        system.addConstraint(1, 2, 0.12)
    integrator = mts_langevin_integrator(system, 300, 5, 0.004, 0.001, seed=1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.random.default_rng(1).normal(0, 0.1, (8, 3)))
    context.applyConstraints(1e-6)
    integrator.step(50)
    velocities = drift_velocities(context)
    masses = np.arange(1.0, 9.0)[:, None]
    state = context.getState(energy=True, velocities=True)
    assert (masses * velocities**2).sum() / 2 == pytest.approx(state.getKineticEnergy()._value)
    at_end = state.getVelocities(asNumpy=True)._value
    assert np.abs(velocities - at_end).max() > 0.01


def test_other_integrators_have_their_own() -> None:
    system = openmm.System()
    system.addParticle(1.0)
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.zeros((1, 3)))
    context.setVelocities(np.ones((1, 3)))
    np.testing.assert_array_equal(drift_velocities(context), np.ones((1, 3)))
