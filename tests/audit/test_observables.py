"""Observables of systems whose exact averages are known."""

import numpy as np
import openmm
import pytest
from openmm import app

from openmm_innff.audit.drift import fit_drift, measure_drift
from openmm_innff.audit.dynamics import bands, diffusion, velocity_spectrum
from openmm_innff.audit.observables import (
    configurational_temperature,
    find_coordinates,
    temperatures,
    values_of,
)
from openmm_innff.audit.probe import Probe, energy_force_curvature
from openmm_innff.audit.sampling import Species, put, sample_run
from openmm_innff.boxes import water_topology
from openmm_innff.errors import SimulationError
from openmm_innff.integrators import mts_langevin_integrator, mts_nve_integrator
from openmm_innff.statistics import ratio_with_error
from openmm_innff.units import ANGSTROM_TO_NM, EV_TO_KJ_PER_MOL, KB_EV_PER_K

REFERENCE = openmm.Platform.getPlatformByName("Reference")
PER_ANGSTROM2 = EV_TO_KJ_PER_MOL / ANGSTROM_TO_NM**2
"""eV/A^2 in kJ/mol/nm^2."""


def oscillators(n: int, fast: float, slow: float, mass: float = 16.0) -> openmm.System:
    """Independent atoms bound to the origin by a fast and a slow spring, eV/A^2."""
    system = openmm.System()
    for _ in range(n):
        system.addParticle(mass)
    for group, constant in enumerate((fast, slow)):
        force = openmm.CustomExternalForce(f"{0.5 * constant * PER_ANGSTROM2}*(x^2+y^2+z^2)")
        for i in range(n):
            force.addParticle(i)
        force.setForceGroup(group)
        system.addForce(force)
    return system


def one_kind(n: int, mass: float = 16.0) -> Species:
    return Species(("O",), np.ones((1, n)), np.full(n, mass))


def run(system: openmm.System, outer: float, inner: float, length: float, friction: float = 20.0):
    n = system.getNumParticles()
    integrator = mts_langevin_integrator(
        system, 300.0, friction, 1e-3 * outer, 1e-3 * inner, seed=1
    )
    context = openmm.Context(system, integrator, REFERENCE)
    context.setPositions(np.zeros((n, 3)))
    context.setVelocitiesToTemperature(300.0, 1)
    integrator.step(round(1000 / outer))
    return sample_run(
        context,
        Probe(system, REFERENCE),
        one_kind(n),
        outer_fs=outer,
        inner_fs=inner,
        length_ps=length,
        temperature=300.0,
    )


def test_temperatures_of_harmonic_oscillators() -> None:
    n = 200
    record = run(oscillators(n, fast=20.0, slow=1.0), outer=2.0, inner=1.0, length=4.0)
    found = temperatures(record, one_kind(n), centre_removed=False)
    assert found.keys() == {"kinetic temperature all", "configurational temperature all"}
    for mean in found.values():
        assert mean.error < 4.0
        assert abs(mean.value - 300.0) < 4 * mean.error
    # Potential energy of 3 n classical modes.
    assert record.energies.mean() == pytest.approx(1.5 * n * KB_EV_PER_K * 300.0, rel=0.05)


def test_configurational_temperature_sees_positions_that_are_too_wide() -> None:
    random = np.random.default_rng(0)
    constant, hot = 5.0, 330.0
    x = random.normal(scale=np.sqrt(KB_EV_PER_K * hot / constant), size=(500, 30))
    squares = np.square(constant * x).sum(axis=1)
    found = configurational_temperature(squares, np.full(500, 30 * constant))
    assert abs(found.value - hot) < 4 * found.error
    assert found.value - 300.0 > 4 * found.error


def test_curvature_and_energy_by_two_evaluations() -> None:
    n = 10
    probe = Probe(oscillators(n, fast=20.0, slow=1.0), REFERENCE)
    positions = np.random.default_rng(1).normal(scale=0.1, size=(n, 3))
    energy, forces, curvature = energy_force_curvature(probe, positions, np.random.default_rng(2))
    assert energy == pytest.approx(0.5 * 21.0 * np.square(positions).sum(), rel=1e-5)
    np.testing.assert_allclose(forces, -21.0 * positions, atol=1e-5)
    np.testing.assert_allclose(curvature, 21.0, rtol=1e-4)


def test_a_run_beyond_the_bound_of_its_slow_spring_explodes() -> None:
    # omega = sqrt(50 eV/A^2 / 16 amu) = 0.174/fs: no step beyond 2/omega = 11.5 fs.
    with pytest.raises(SimulationError, match="exploded"):
        run(oscillators(5, fast=1.0, slow=50.0), outer=14.0, inner=2.0, length=2.0, friction=1.0)


def test_bonds_and_angles_of_water() -> None:
    topology = water_topology(2, 10.0)
    kinds = find_coordinates(topology).kinds
    assert {kind: len(atoms) for kind, atoms in kinds.items()} == {"H-O": 4, "H-O-H": 2}
    positions = np.tile([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.9, 0.0]], (1, 2, 1))
    np.testing.assert_allclose(values_of(positions, kinds["H-O-H"]), 90.0)
    np.testing.assert_allclose(values_of(positions, kinds["H-O"]), [[1.0, 0.9, 1.0, 0.9]])


def test_kinds_don_t_depend_on_the_order_of_atoms() -> None:
    topology = app.Topology()
    residue = topology.addResidue("X", topology.addChain())
    atoms = [
        topology.addAtom(symbol, app.Element.getBySymbol(symbol), residue) for symbol in "OCHC"
    ]
    for i, j in ((0, 1), (2, 1), (1, 3)):
        topology.addBond(atoms[i], atoms[j])
    assert find_coordinates(topology).kinds.keys() == {
        "C-O",
        "C-H",
        "C-C",
        "H-C-O",
        "C-C-O",
        "C-C-H",
    }


def test_diffusion_of_free_langevin_particles() -> None:
    # D = kT / (m gamma); sampled after the velocities have forgotten.
    n, mass, friction = 300, 20.0, 20.0
    system = oscillators(n, fast=0.0, slow=0.0, mass=mass)
    integrator = openmm.LangevinMiddleIntegrator(300.0, friction, 0.01)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, REFERENCE)
    context.setPositions(np.zeros((n, 3)))
    context.setVelocitiesToTemperature(300.0, 1)
    path = []
    for _ in range(600):
        integrator.step(10)
        path.append(context.getState(positions=True).getPositions(asNumpy=True)._value * 10)
    found = diffusion(np.array(path), 0.1)
    exact_nm2_per_ps = 8.31446e-3 * 300.0 / (mass * friction)
    assert found is not None
    assert found.error < 0.04 * found.value
    assert abs(found.value - exact_nm2_per_ps * 1e3) < 4 * found.error  # 1 nm^2/ps = 1e-2 cm^2/s


def test_spectrum_of_a_known_vibration() -> None:
    step, wavenumber = 2.0, 1600.0
    omega = 2 * np.pi * wavenumber * 2.99792458e10 * 1e-15
    times = np.arange(4000) * step
    velocities = np.cos(omega * times)[:, None, None] * np.ones((1, 2, 3))
    wavenumbers, power = velocity_spectrum(velocities, np.ones(2), step)
    assert wavenumbers[power.mean(axis=0).argmax()] == pytest.approx(wavenumber, abs=35.0)
    found = bands(velocities, np.ones(2), step)
    assert found["bending"].share.value > 0.999
    assert found["bending"].centre.value == pytest.approx(wavenumber, abs=5.0)


def test_bands_beyond_the_sampling_are_left_out() -> None:
    velocities = np.random.default_rng(0).normal(size=(2000, 2, 3))
    assert "stretching" in bands(velocities, np.ones(2), 3.0)
    assert "stretching" not in bands(velocities, np.ones(2), 5.0)


def test_drift_of_a_line_and_of_a_conserving_scheme() -> None:
    random = np.random.default_rng(0)
    times = np.linspace(0, 10, 500)
    found = fit_drift(times, 0.3 * times + random.normal(size=500))
    assert abs(found.drift.value - 0.3) < 4 * found.drift.error
    assert found.noise == pytest.approx(1.0, rel=0.1)
    system = oscillators(20, fast=5.0, slow=1.0)
    context = openmm.Context(system, mts_nve_integrator(system, 0.002, 0.001), REFERENCE)
    put(context, np.zeros((20, 3)), random.normal(scale=0.004, size=(20, 3)))
    assert abs(measure_drift(context, 2.0, 4.0).drift.value) < 0.05


def test_ratio_of_equal_series_is_one() -> None:
    x = 1 + np.random.default_rng(0).random(100)
    assert ratio_with_error(x, x).value == pytest.approx(1.0)
