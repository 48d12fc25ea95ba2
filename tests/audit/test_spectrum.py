"""Lanczos against dense matrices; bounds of springs whose frequency is known."""

import numpy as np
import openmm
import pytest

from openmm_innff.audit.probe import Probe, hessian_times
from openmm_innff.audit.spectrum import (
    LAGS_FS,
    highest_frequency,
    largest_eigenvalue,
    slow_changes,
    stiffness,
)
from openmm_innff.integrators import mts_nve_integrator
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, ANGSTROM_TO_NM, EV_TO_KJ_PER_MOL

REFERENCE = openmm.Platform.getPlatformByName("Reference")


def test_lanczos_against_a_dense_matrix() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(60, 60))
    matrix = matrix + matrix.T
    exact = np.linalg.eigvalsh(matrix)[-1]
    assert largest_eigenvalue(lambda v: matrix @ v, 60) == pytest.approx(exact, rel=1e-6)


def test_lanczos_of_a_small_or_degenerate_matrix() -> None:
    assert largest_eigenvalue(lambda v: 3.0 * v, 5) == pytest.approx(3.0)
    assert largest_eigenvalue(lambda v: np.array([-1.0, -2.0]) * v, 2) == pytest.approx(-1.0)


def diatomic() -> openmm.System:
    """Two atoms with a stiff spring in the fast group and a soft one in the slow group."""
    system = openmm.System()
    system.addParticle(1.0)
    system.addParticle(16.0)
    for group, constant in enumerate((40.0, 2.0)):
        force = openmm.HarmonicBondForce()
        force.addBond(0, 1, 0.1, constant * EV_TO_KJ_PER_MOL / ANGSTROM_TO_NM**2)
        force.setForceGroup(group)
        system.addForce(force)
    return system


def test_frequencies_and_bounds_of_a_diatomic() -> None:
    probe = Probe(diatomic(), REFERENCE)
    frames = np.array([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    masses = np.array([1.0, 16.0])
    reduced = 16 / 17 * AMU_A2_PER_FS2_TO_EV
    fast, slow = np.sqrt(40.0 / reduced), np.sqrt(2.0 / reduced)
    assert highest_frequency(probe.group(0), frames[0], masses) == pytest.approx(fast, rel=1e-4)
    found = stiffness(probe, frames, masses)
    assert found.slow_bound_fs == pytest.approx(2 / slow, rel=1e-4)
    assert found.resonance_fs == pytest.approx(np.pi / fast, rel=1e-4)
    assert found.fast_per_cm == pytest.approx(fast * 1e15 / (2 * np.pi * 2.99792458e10), rel=1e-4)


def test_hessian_times_against_the_dense_hessian() -> None:
    probe = Probe(diatomic(), REFERENCE)
    positions = np.array([[0.0, 0.0, 0.0], [0.8, 0.5, 0.4]])
    columns = [
        hessian_times(lambda x: probe(x)[1], positions, unit.reshape(2, 3)).ravel()
        for unit in np.eye(6)
    ]
    dense = np.array(columns)
    np.testing.assert_allclose(dense, dense.T, atol=1e-3)
    vector = np.random.default_rng(3).normal(size=(2, 3))
    product = hessian_times(lambda x: probe(x)[1], positions, vector)
    np.testing.assert_allclose(product.ravel(), dense @ vector.ravel(), atol=2e-3)


def test_changes_of_a_slow_force() -> None:
    system = diatomic()
    context = openmm.Context(system, mts_nve_integrator(system, 0.0005, 0.0005), REFERENCE)
    context.setPositions(np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0]]) * ANGSTROM_TO_NM)
    found = slow_changes(context, 0.5)
    assert len(found) == 1 + len(LAGS_FS)
    # x oscillates by 0.1 A about the length: RMS force 2 eV/A^2 * 0.1 A / sqrt(2) on 2 of 6.
    assert found[0] == pytest.approx(0.2 / np.sqrt(2) / np.sqrt(3), rel=0.1)
