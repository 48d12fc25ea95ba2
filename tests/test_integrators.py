"""Counts of evaluations, conservation, reversibility and sampling of the MTS integrators."""

import copy
from collections import Counter

import numpy as np
import openmm
import pytest
from openmm import unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.integrators import forget_forces, mts_langevin_integrator, mts_nve_integrator
from openmm_innff.noise import CROSSOVER_PER_CM

N_INNER = 4
PLATFORMS = ("Reference", "CPU")
COUNTS: Counter[str] = Counter()


class Spring:
    """Harmonic wells at the origin that count how often they are evaluated."""

    def __init__(self, name: str, strength: float) -> None:
        self.name, self.strength = name, strength

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        COUNTS[self.name] += 1
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        return 0.5 * self.strength * np.sum(positions**2), -self.strength * positions


def springs(n_particles: int = 3, groups: tuple[int, int] = (0, 1)) -> openmm.System:
    """Particles of 1 amu; a stiff spring is the fast force, a soft one the slow."""
    system = openmm.System()
    for _ in range(n_particles):
        system.addParticle(1.0)
    for name, strength, group in zip(("fast", "slow"), (4000.0, 500.0), groups, strict=True):
        force = openmm.PythonForce(Spring(name, strength))
        force.setForceGroup(group)
        system.addForce(force)
    return system


def native_springs(n_particles: int, fast: float = 4000.0, slow: float = 500.0) -> openmm.System:
    """The same without calls to Python, for long runs."""
    system = openmm.System()
    for group, strength in ((0, fast), (1, slow)):
        force = openmm.CustomExternalForce(f"0.5*{strength}*(x^2+y^2+z^2)")
        force.setForceGroup(group)
        for i in range(n_particles):
            force.addParticle(i)
        system.addForce(force)
    for _ in range(n_particles):
        system.addParticle(1.0)
    return system


def integrator_of(kind: str, system: openmm.System, n: int = N_INNER) -> openmm.CustomIntegrator:
    if kind == "nve":
        return mts_nve_integrator(system, 0.002, 0.002 / n)
    return mts_langevin_integrator(system, 300.0, 1.0, 0.002, 0.002 / n, seed=1)


def context_of(
    system: openmm.System, integrator: openmm.Integrator, platform: str = "Reference", seed: int = 0
) -> openmm.Context:
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    rng = np.random.default_rng(seed)
    context.setPositions(0.03 * rng.normal(size=(system.getNumParticles(), 3)))
    context.setVelocitiesToTemperature(300, seed + 1)
    return context


def count(context: openmm.Context, steps: int) -> tuple[int, int]:
    """Evaluations of the fast and the slow force in some outer steps."""
    COUNTS.clear()
    context.getIntegrator().step(steps)
    return COUNTS["fast"], COUNTS["slow"]


def total_energy(context: openmm.Context) -> float:
    state = context.getState(energy=True)
    energy = state.getPotentialEnergy() + state.getKineticEnergy()
    return energy.value_in_unit(unit.kilojoule_per_mole)


def phase_point(context: openmm.Context) -> np.ndarray:
    """Positions and velocities (2, N, 3), nm and nm/ps."""
    state = context.getState(positions=True, velocities=True)
    return np.array(
        [state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value]
    )


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("kind", ["nve", "langevin"])
class TestCounts:
    def test_exact(self, kind: str, platform: str) -> None:
        system = springs()
        context = context_of(system, integrator_of(kind, system), platform)
        assert count(context, 20) == (20 * N_INNER + 1, 20 + 1)
        assert count(context, 20) == (20 * N_INNER, 20)

    def test_reports_cost_no_more_than_themselves(self, kind: str, platform: str) -> None:
        system = springs()
        context = context_of(system, integrator_of(kind, system), platform)
        count(context, 1)
        context.getState(energy=True, forces=True)
        context.setVelocitiesToTemperature(300, 5)
        assert count(context, 10) == (10 * N_INNER, 10)

    def test_constraints(self, kind: str, platform: str) -> None:
        system = springs()
        system.addConstraint(0, 1, 0.05)
        context = context_of(system, integrator_of(kind, system), platform)
        context.applyConstraints(1e-8)
        assert count(context, 20) == (20 * N_INNER + 1, 20 + 1)
        (x, v) = phase_point(context)
        assert np.linalg.norm(x[0] - x[1]) == pytest.approx(0.05, rel=2e-5)
        assert np.dot(x[0] - x[1], v[0] - v[1]) == pytest.approx(0, abs=1e-4)

    def test_barostat(self, kind: str, platform: str) -> None:
        """A barostat needs energies of its own, but makes no stored force evaluate again."""
        system = springs()
        system.getForce(0).setUsesPeriodicBoundaryConditions(True)
        barostat = openmm.MonteCarloBarostat(1.0, 300.0, 5)
        barostat.setRandomNumberSeed(3)
        system.addForce(barostat)
        context = context_of(system, integrator_of(kind, system), platform)
        fast, slow = count(context, 20)
        assert fast - 20 * N_INNER == slow - 20  # both once per energy that the barostat asks for
        assert slow > 21

    def test_new_positions_are_noticed(self, kind: str, platform: str) -> None:
        system = springs()
        context = context_of(system, integrator_of(kind, system), platform)
        count(context, 1)
        context.setPositions(0.01 * np.ones((3, 3)))
        assert count(context, 1) == (N_INNER + 1, 2)
        forget_forces(context.getIntegrator())
        fast, slow = count(context, 2)
        assert fast == 2 * N_INNER + 1
        assert slow in (2, 3)  # OpenMM itself may still remember the group it evaluated last

    def test_checkpoint_goes_on_exactly(self, kind: str, platform: str) -> None:
        system = springs()
        context = context_of(system, integrator_of(kind, system), platform)
        count(context, 5)
        checkpoint = context.createCheckpoint()
        count(context, 5)
        expected = phase_point(context)
        context.loadCheckpoint(checkpoint)
        count(context, 5)
        np.testing.assert_array_equal(phase_point(context), expected)


def test_changed_parameters_are_noticed() -> None:
    system = native_springs(2)
    force = openmm.CustomExternalForce("pull*x")
    force.addGlobalParameter("pull", 0.0)
    force.addParticle(0)
    system.addForce(force)
    states = []
    for stored in (True, False):
        integrator = integrator_of("nve", system)
        context = context_of(system, integrator)
        integrator.step(3)
        context.setParameter("pull", 50.0)
        if not stored:
            forget_forces(integrator)
        integrator.step(3)
        states.append(phase_point(context))
    np.testing.assert_array_equal(states[0], states[1])


def test_same_trajectory_as_openmm() -> None:
    system = native_springs(4)
    ours = context_of(system, integrator_of("nve", system))
    theirs = context_of(system, openmm.MTSIntegrator(0.002, [(1, 1), (0, N_INNER)]))
    for context in (ours, theirs):
        context.getIntegrator().step(50)
    np.testing.assert_allclose(phase_point(ours), phase_point(theirs), rtol=0, atol=1e-10)


def test_constrained_trajectory_as_openmm() -> None:
    system = native_springs(4)
    system.addConstraint(0, 1, 0.05)
    system.addConstraint(1, 2, 0.05)
    points = []
    for integrator in (
        mts_nve_integrator(system, 0.002, 0.0005, constraint_tolerance=1e-12),
        openmm.MTSIntegrator(0.002, [(1, 1), (0, N_INNER)]),
    ):
        integrator.setConstraintTolerance(1e-12)
        context = context_of(system, integrator)
        context.applyConstraints(1e-12)
        context.applyVelocityConstraints(1e-12)
        integrator.step(50)
        points.append(phase_point(context))
    np.testing.assert_allclose(points[0], points[1], rtol=0, atol=1e-8)


def test_nve_is_reversible() -> None:
    system = native_springs(4)
    context = context_of(system, integrator_of("nve", system))
    start = phase_point(context)
    context.getIntegrator().step(100)
    context.setVelocities(-phase_point(context)[1])
    context.getIntegrator().step(100)
    x, v = phase_point(context)
    np.testing.assert_allclose(np.array([x, -v]), start, rtol=0, atol=1e-11)


def test_nve_error_scales_as_the_square_of_the_step() -> None:
    system = native_springs(8)
    errors = []
    for outer in (0.004, 0.002, 0.001):
        context = context_of(system, mts_nve_integrator(system, outer, outer / 4))
        start = total_energy(context)
        deviations = []
        for _ in range(round(0.2 / outer)):
            context.getIntegrator().step(1)
            deviations.append(total_energy(context) - start)
        errors.append(np.abs(deviations).max())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)
    assert errors[2] < 2e-3 * start


def test_langevin_samples_harmonic_wells() -> None:
    """Kinetic and configurational averages of many independent degrees of freedom."""
    n, kT = 300, 2.494338785
    fast, slow = 4000.0, 500.0
    system = native_springs(n, fast, slow)
    integrator = mts_langevin_integrator(system, 300.0, 20.0, 0.002, 0.0005, seed=7)
    context = context_of(system, integrator)
    integrator.step(100)
    x2, v2 = [], []
    for _ in range(40):
        integrator.step(50)  # 0.1 ps: two relaxation times
        x, v = phase_point(context)
        x2.append(np.mean(x**2) * (fast + slow) / kT)
        v2.append(np.mean(v**2) / kT)
    error = np.sqrt(2 / (3 * n * 40))  # of the mean of independent squares of Gaussians
    assert np.mean(x2) == pytest.approx(1, abs=4 * error)
    assert np.mean(v2) == pytest.approx(1, abs=4 * error)


def test_kinetic_energy_is_that_of_the_temperature() -> None:
    """Also where the inner step is long for the vibration, and velocities at its end too small."""
    n, kT = 300, 2.494338785
    system = native_springs(n, 4.0e5, 2000.0)
    integrator = mts_langevin_integrator(system, 300.0, 20.0, 0.003, 0.001, seed=7)
    context = context_of(system, integrator)
    integrator.step(200)
    reported, at_end = [], []
    for _ in range(60):
        integrator.step(50)
        state = context.getState(energy=True)
        kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
        reported.append(2 * kinetic / (3 * n * kT))
        at_end.append(np.mean(phase_point(context)[1] ** 2) / kT)
    error = np.std(reported, ddof=1) / np.sqrt(60)
    assert np.mean(reported) == pytest.approx(1, abs=4 * error)
    assert error < 0.01
    assert np.mean(at_end) == pytest.approx(1 - 0.25 * 0.402, abs=4 * error)


def test_coloured_noise_samples_harmonic_wells() -> None:
    n, kT = 300, 2.494338785
    fast, slow = 4.0e5, 2000.0
    system = native_springs(n, fast, slow)
    integrator = mts_langevin_integrator(
        system, 300.0, 5.0, 0.004, 0.001, vibrational_friction=50.0, seed=7
    )
    context = context_of(system, integrator)
    integrator.step(200)
    x2 = []
    for _ in range(60):
        integrator.step(50)
        x2.append(np.mean(phase_point(context)[0] ** 2) * (fast + slow) / kT)
    assert np.mean(x2) == pytest.approx(1, abs=4 * np.std(x2, ddof=1) / np.sqrt(60))
    assert np.std(x2, ddof=1) / np.sqrt(60) < 0.01


@pytest.mark.parametrize("wavenumber", [100.0, 1000.0, 3000.0])
def test_coloured_noise_rubs_vibrations_only(wavenumber: float) -> None:
    """At hardly any temperature an oscillator decays as the generalised Langevin equation says."""
    omega = 2 * np.pi * 0.0299792458 * wavenumber
    system = native_springs(1, omega**2, 1e-6)
    integrator = mts_langevin_integrator(
        system, 1e-9, 1e-9, 0.001, 0.00025, vibrational_friction=20.0, seed=1
    )
    context = context_of(system, integrator)
    crossover = 2 * np.pi * 0.0299792458 * CROSSOVER_PER_CM
    modes = np.roots([1.0, crossover + 20.0, omega**2, omega**2 * crossover])
    expected = -2 * modes[np.argmax(modes.imag)].real
    spectrum = 20.0 * omega**2 / (omega**2 + crossover**2)
    assert expected == pytest.approx(spectrum, rel=0.12)
    integrator.step(100)  # until the past velocities are there
    start, length = total_energy(context), 1 / expected
    integrator.step(round(length / 0.001))
    assert np.log(start / total_energy(context)) / length == pytest.approx(expected, rel=0.05)


def test_langevin_temperature_of_constrained_dumbbells() -> None:
    n, kT = 200, 2.494338785
    system = native_springs(2 * n)
    for i in range(n):
        system.addConstraint(2 * i, 2 * i + 1, 0.05)
    integrator = mts_langevin_integrator(system, 300.0, 20.0, 0.002, 0.001, seed=8)
    context = context_of(system, integrator)
    context.applyConstraints(1e-6)
    integrator.step(100)
    kinetic, reported = [], []
    for _ in range(30):
        integrator.step(50)
        kinetic.append(np.sum(phase_point(context)[1] ** 2) / (5 * n * kT))
        energy = context.getState(energy=True).getKineticEnergy()._value
        reported.append(2 * energy / (5 * n * kT))
    tolerance = 4 * np.sqrt(2 / (5 * n * 30))
    assert np.mean(kinetic) == pytest.approx(1, abs=tolerance)
    # Forces along the constraints must not count, though the last kick contains them.
    assert np.mean(reported) == pytest.approx(1, abs=tolerance)
    context.setVelocities(np.ones((2 * n, 3)))
    energy = context.getState(energy=True).getKineticEnergy()._value
    assert energy == pytest.approx(2 * n * 1.5)


def test_seed() -> None:
    system = native_springs(3)
    points = []
    for seed in (0, 0, 1):
        integrator = mts_langevin_integrator(system, 300.0, 1.0, 0.002, 0.001, seed=seed)
        context = context_of(system, integrator, "CPU")
        integrator.step(5)
        points.append(phase_point(context))
    np.testing.assert_array_equal(points[0], points[1])
    assert np.abs(points[0] - points[2]).max() > 1e-6


def test_units_and_floats_agree() -> None:
    system = native_springs(1)
    integrator = mts_langevin_integrator(
        system, 300 * unit.kelvin, 1 / unit.picosecond, 2 * unit.femtosecond, 0.5 * unit.femtosecond
    )
    plain = mts_langevin_integrator(system, 300.0, 1.0, 0.002, 0.0005)
    for one in (integrator, plain):
        assert one.getStepSize().value_in_unit(unit.femtosecond) == pytest.approx(2)
        assert one.getGlobalVariableByName("kT") == pytest.approx(2.494338785)
    assert integrator.getNumComputations() == plain.getNumComputations()


@pytest.mark.parametrize("how", [copy.deepcopy, lambda i: openmm.XmlSerializer.clone(i)])
def test_copies_are_complete(how: object) -> None:
    system = native_springs(3)
    original = integrator_of("nve", system)
    contexts = [context_of(system, how(original)), context_of(system, original)]
    for context in contexts:
        context.getIntegrator().step(5)
    np.testing.assert_array_equal(phase_point(contexts[0]), phase_point(contexts[1]))


def test_several_groups_and_reciprocal_space() -> None:
    system = springs(groups=(3, 5))
    nonbonded = openmm.NonbondedForce()
    for _ in range(3):
        nonbonded.addParticle(0.0, 0.1, 0.0)
    nonbonded.setForceGroup(3)
    nonbonded.setReciprocalSpaceForceGroup(7)
    system.addForce(nonbonded)
    integrator = mts_nve_integrator(system, 0.002, 0.0005, fast_groups=(0, 3), slow_groups=(5, 7))
    context = context_of(system, integrator)
    assert count(context, 10) == (10 * N_INNER + 1, 10 + 1)
    with pytest.raises(
        SystemSetupError, match=r"'NonbondedForce' is in group 7.*slow_groups is \(5,\)"
    ):
        mts_nve_integrator(system, 0.002, 0.0005, fast_groups=(3,), slow_groups=(5,))


def test_a_barostat_in_another_group_is_no_error() -> None:
    system = springs(groups=(3, 5))
    system.addForce(openmm.CMMotionRemover())
    mts_nve_integrator(system, 0.002, 0.0005, fast_groups=(3,), slow_groups=(5,))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fast_groups": (2,)}, r"force 'PythonForce' is in group 0, which the integrator would"),
        ({"slow_groups": (0, 1)}, r"different numbers from 0 to 31, found \(0,\) and \(0, 1\)"),
        ({"slow_groups": (1, 32)}, r"found \(0,\) and \(1, 32\)"),
        ({"inner_step": 0.0007}, r"whole multiple of inner_step, found 2 fs and 0.7 fs"),
        ({"inner_step": 0.004}, r"found 2 fs and 4 fs"),
        ({"outer_step": -0.002}, r"outer_step must be finite and not negative, found -0.002"),
        ({"inner_step": 1 * unit.kelvin}, r"inner_step must have a unit like picosecond"),
    ],
)
def test_errors(changes: dict, text: str) -> None:
    arguments = {"outer_step": 0.002, "inner_step": 0.0005} | changes
    with pytest.raises(SystemSetupError, match=text):
        mts_nve_integrator(springs(), **arguments)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"temperature": -1}, "temperature must be finite and not negative, found -1"),
        ({"friction": float("nan")}, "friction must be finite and not negative, found nan"),
        ({"friction": 0.0}, "friction must be positive and finite, found 0"),
        ({"vibrational_friction": -1}, "vibrational_friction must be finite and not negative"),
        ({"seed": -3}, "seed must be None or from 0"),
    ],
)
def test_langevin_errors(changes: dict, text: str) -> None:
    arguments = {"temperature": 300, "friction": 1, "outer_step": 0.002, "inner_step": 0.001}
    with pytest.raises(SystemSetupError, match=text):
        mts_langevin_integrator(springs(), **(arguments | changes))


def test_virtual_sites_are_refused_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU and Reference move virtual sites once per step only."""
    system = springs()
    system.addParticle(0.0)
    system.setVirtualSite(3, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))
    monkeypatch.setattr("openmm_innff.forces.groups.GPU_PLATFORMS", ("Unheard-of",))
    with pytest.raises(SystemSetupError, match="virtual sites"):
        mts_nve_integrator(system, 0.002, 0.001)
    monkeypatch.setattr("openmm_innff.forces.groups.GPU_PLATFORMS", ("Reference",))
    with pytest.warns(UserWarning, match="use a GPU platform"):
        mts_nve_integrator(system, 0.002, 0.001)
