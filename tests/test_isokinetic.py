"""Sampling, constraint, counts and refusals of the stochastic isokinetic integrator."""

from collections import Counter

import numpy as np
import openmm
import pytest
from openmm import unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.integrators import BOLTZMANN_KJ_PER_MOL_K, mts_langevin_integrator
from openmm_innff.isokinetic import mts_isokinetic_integrator

KT = BOLTZMANN_KJ_PER_MOL_K * 300.0
STIFF = 690.0
"""Of an O-H vibration, rad/ps; its period is 9.1 fs."""


def wells(n: int, fast: str, slow: str) -> openmm.System:
    """Particles of 1 amu in external potentials of x, y and z, in groups 0 and 1."""
    system = openmm.System()
    for group, one in ((0, fast), (1, slow)):
        force = openmm.CustomExternalForce("+".join(one.replace("q", axis) for axis in "xyz"))
        force.setForceGroup(group)
        for i in range(n):
            force.addParticle(i)
        system.addForce(force)
    for _ in range(n):
        system.addParticle(1.0)
    return system


def context_of(
    system: openmm.System, integrator: openmm.Integrator, positions: np.ndarray | None = None
) -> openmm.Context:
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    n = system.getNumParticles()
    context.setPositions(np.zeros((n, 3)) if positions is None else positions)
    return context


def positions_of(context: openmm.Context) -> np.ndarray:
    state = context.getState(positions=True)
    return state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)


def velocities_of(context: openmm.Context) -> np.ndarray:
    state = context.getState(velocities=True)
    return state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)


def per_dof(integrator: openmm.CustomIntegrator, name: str) -> np.ndarray:
    values = integrator.getPerDofVariableByName(name)
    return np.array([[v.x, v.y, v.z] for v in values])


def ellipsoid(context: openmm.Context, pairs: int, tau: float) -> np.ndarray:
    """What the constraint holds at ``pairs``, for particles of 1 amu."""
    integrator = context.getIntegrator()
    squares = sum(per_dof(integrator, f"a{k}") ** 2 for k in range(pairs))
    return velocities_of(context) ** 2 / KT + tau**2 * pairs / (pairs + 1) * squares


def average(
    context: openmm.Context, steps: int, samples: int, *functions: object
) -> tuple[np.ndarray, np.ndarray]:
    """Averages of functions of positions, and errors from ten blocks."""
    rows = []
    for _ in range(samples):
        context.getIntegrator().step(steps)
        x = positions_of(context)
        rows.append([np.mean(f(x)) for f in functions])
    blocks = np.array([b.mean(0) for b in np.array_split(np.array(rows), 10)])
    return blocks.mean(0), blocks.std(0, ddof=1) / np.sqrt(10)


def stiff_and_soft(n: int, ratio: float) -> openmm.System:
    k = STIFF**2
    return wells(n, f"0.5*{k * (1 - ratio)}*q^2", f"0.5*{k * ratio}*q^2")


@pytest.mark.parametrize(("pairs", "respa"), [(1, "XO"), (4, "XO"), (1, "XI")])
def test_oscillators_of_short_steps_are_canonical(pairs: int, respa: str) -> None:
    system = stiff_and_soft(40, 0.01)
    integrator = mts_isokinetic_integrator(
        system, 300, 50, 0.0004, 0.0002, pairs=pairs, respa=respa, seed=2
    )
    context = context_of(system, integrator)
    integrator.step(200)
    (x2,), (error,) = average(context, 10, 100, lambda x: x**2 * STIFF**2 / KT)
    assert error < 0.04
    assert x2 == pytest.approx(1, abs=4 * error + 0.005)


@pytest.mark.parametrize("half_periods", [1.0, 1.5, 2.0])
def test_oscillators_beyond_the_resonance(half_periods: float) -> None:
    """Measured: 1.4, 4 and 2.3 % too wide where a slow spring holds 1 % of the stiffness."""
    system = stiff_and_soft(40, 0.01)
    n = round(half_periods * 11)
    outer = half_periods * np.pi / STIFF
    integrator = mts_isokinetic_integrator(system, 300, 100, outer, outer / n, seed=3)
    context = context_of(system, integrator)
    integrator.step(60)
    (x2,), (error,) = average(context, 4, 100, lambda x: x**2 * STIFF**2 / KT)
    assert error < 0.03
    assert x2 == pytest.approx(1, abs=4 * error + 0.045)


def test_impulses_blow_up_where_this_does_not() -> None:
    system = stiff_and_soft(10, 0.01)
    outer = np.pi / STIFF
    integrator = mts_langevin_integrator(system, 300, 1, outer, outer / 11, seed=3)
    context = context_of(system, integrator)
    integrator.step(1500)
    assert np.mean(positions_of(context) ** 2) * STIFF**2 / KT > 10


def test_a_double_well_against_quadrature() -> None:
    barrier, width, pull = 1.5 * KT, 0.05, 10.0
    system = wells(50, f"{barrier}*((q/{width})^2-1)^2", f"{pull}*q")
    grid = np.linspace(-3 * width, 3 * width, 4001)
    energy = barrier * ((grid / width) ** 2 - 1) ** 2 + pull * grid
    weight = np.exp(-energy / KT)
    weight /= weight.sum()

    def force(x: np.ndarray) -> np.ndarray:
        return -4 * barrier * x / width**2 * ((x / width) ** 2 - 1) - pull

    def curvature(x: np.ndarray) -> np.ndarray:
        return 4 * barrier / width**2 * (3 * (x / width) ** 2 - 1)

    functions = (
        lambda x: x / width,
        lambda x: (x / width) ** 2,
        lambda x: (x / width) ** 4,
        lambda x: force(x) ** 2 / KT - curvature(x),  # 0: the configurational temperature
    )
    integrator = mts_isokinetic_integrator(
        system, 300, 20, 0.004, 0.001, thermostat_time=0.02, seed=4
    )
    context = context_of(system, integrator)
    integrator.step(300)
    found, error = average(context, 10, 200, *functions)
    wanted = np.array([np.sum(f(grid) * weight) for f in functions])
    bias = np.array([0, 0.005, 0.01, 0.03 * np.sum(curvature(grid) * weight)])  # of the step
    assert error[1] < 0.01
    np.testing.assert_array_less(np.abs(found - wanted), 4 * error + bias)


@pytest.mark.parametrize("pairs", [1, 2, 3, 4])
def test_the_constraint_holds_to_rounding(pairs: int) -> None:
    system = stiff_and_soft(10, 0.1)
    integrator = mts_isokinetic_integrator(system, 300, 100, 0.006, 0.0005, pairs=pairs, seed=1)
    context = context_of(system, integrator)
    integrator.step(200)
    np.testing.assert_allclose(ellipsoid(context, pairs, 0.01), pairs, rtol=1e-13)


def test_a_force_acts_as_the_equations_of_motion_say() -> None:
    """Without thermostat (endless tau), v/v_max = tanh(atanh(v0/v_max) + F t/sqrt(m L kT))."""
    force, pairs = 40.0, 2
    system = wells(4, f"{-0.25 * force}*q", f"{-0.75 * force}*q")
    integrator = mts_isokinetic_integrator(
        system, 300, 1e-9, 0.002, 0.0005, pairs=pairs, thermostat_time=1e6, seed=1
    )
    context = context_of(system, integrator)
    integrator.step(1)
    top = np.sqrt(pairs * KT)
    start = np.arctanh(velocities_of(context) / top)
    integrator.step(5)
    wanted = top * np.tanh(start + force * 0.01 / top)
    np.testing.assert_allclose(velocities_of(context), wanted, rtol=1e-6)


def test_enormous_forces_do_not_overflow() -> None:
    system = wells(4, "0*q", "1e12*q")
    integrator = mts_isokinetic_integrator(system, 300, 10, 0.002, 0.0005, seed=1)
    context = context_of(system, integrator)
    integrator.step(3)
    np.testing.assert_allclose(velocities_of(context), -np.sqrt(KT), rtol=1e-6)
    np.testing.assert_allclose(ellipsoid(context, 1, 0.01), 1, rtol=1e-12)


def test_mean_square_velocities_are_not_kt() -> None:
    system = stiff_and_soft(50, 0.01)
    for pairs in (1, 4):
        integrator = mts_isokinetic_integrator(system, 300, 50, 0.0004, 0.0002, pairs=pairs, seed=5)
        context = context_of(system, integrator)
        context.setVelocitiesToTemperature(300, 1)
        v2 = []
        for _ in range(50):
            integrator.step(20)
            v2.append(np.mean(velocities_of(context) ** 2) / KT)
        error = 2 * np.std(v2, ddof=1) / np.sqrt(50)
        assert np.mean(v2) == pytest.approx(pairs / (pairs + 1), abs=4 * error)


def test_new_velocities_are_put_on_the_constraint() -> None:
    system = stiff_and_soft(10, 0.01)
    integrator = mts_isokinetic_integrator(system, 300, 50, 0.001, 0.0005, seed=1)
    context = context_of(system, integrator)
    for _ in range(2):
        context.setVelocities(100 * np.ones((10, 3)))
        integrator.step(1)
        np.testing.assert_allclose(ellipsoid(context, 1, 0.01), 1, rtol=1e-13)
        assert np.std(velocities_of(context)) > 0.1  # drawn, not scaled


def test_removal_of_the_centres_motion_is_undone() -> None:
    points = []
    for remove in (False, True):
        system = stiff_and_soft(3, 0.01)
        if remove:
            system.addForce(openmm.CMMotionRemover(1))
        integrator = mts_isokinetic_integrator(system, 300, 50, 0.001, 0.0005, seed=1)
        context = context_of(system, integrator)
        integrator.step(20)
        points.append(positions_of(context))
    np.testing.assert_array_equal(points[0], points[1])


class Spring:
    """Harmonic wells that count how often they are evaluated."""

    counts: Counter[str] = Counter()  # noqa: RUF012 - shared on purpose: OpenMM copies the object

    def __init__(self, name: str, strength: float) -> None:
        self.name, self.strength = name, strength

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        Spring.counts[self.name] += 1
        x = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        return 0.5 * self.strength * np.sum(x**2), -self.strength * x


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("respa", ["XO", "XI"])
def test_counts_of_evaluations(respa: str, platform: str) -> None:
    system = openmm.System()
    for group, (name, strength) in enumerate((("fast", 4000.0), ("slow", 500.0))):
        force = openmm.PythonForce(Spring(name, strength))
        force.setForceGroup(group)
        system.addForce(force)
    for _ in range(3):
        system.addParticle(1.0)
    integrator = mts_isokinetic_integrator(system, 300, 50, 0.002, 0.0005, respa=respa, seed=1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(0.01 * np.ones((3, 3)))
    for extra in (1, 0):
        Spring.counts.clear()
        integrator.step(20)
        assert (Spring.counts["fast"], Spring.counts["slow"]) == (80 + extra, 20 + extra)


def test_seed() -> None:
    system = stiff_and_soft(3, 0.01)
    points = []
    for seed in (0, 0, 1):
        integrator = mts_isokinetic_integrator(system, 300, 50, 0.002, 0.0005, seed=seed)
        context = context_of(system, integrator)
        integrator.step(5)
        points.append(positions_of(context))
    np.testing.assert_array_equal(points[0], points[1])
    assert np.abs(points[0] - points[2]).max() > 1e-4


def test_what_it_cannot_integrate_is_refused() -> None:
    arguments = (300, 50, 0.002, 0.0005)
    system = stiff_and_soft(3, 0.01)
    system.addForce(openmm.AndersenThermostat(300, 1))
    with pytest.raises(SystemSetupError, match="remove the AndersenThermostat"):
        mts_isokinetic_integrator(system, *arguments)
    system = stiff_and_soft(3, 0.01)
    system.addConstraint(0, 1, 0.1)
    with pytest.raises(SystemSetupError, match="can't keep constraints, found 1"):
        mts_isokinetic_integrator(system, *arguments)
    system = stiff_and_soft(3, 0.01)
    system.addParticle(0.0)
    system.setVirtualSite(3, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))
    with pytest.raises(SystemSetupError, match="without virtual sites, found 1"):
        mts_isokinetic_integrator(system, *arguments)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pairs": 0}, "pairs must be from 1 to 4, found 0"),
        ({"pairs": 5}, "found 5"),
        ({"respa": "XX"}, "respa must be 'XO' or 'XI', found 'XX'"),
        ({"thermostat_time": 0.0}, "thermostat_time must be positive and finite, found 0"),
        ({"temperature": -1}, "temperature must be finite and not negative, found -1"),
        ({"friction": 0.0}, "friction must be positive"),
        ({"seed": -1}, "seed must be None or from 0"),
        ({"inner_step": 0.0007}, "whole multiple of inner_step"),
        ({"slow_groups": (2,)}, "is in group 1, which the integrator would ignore"),
    ],
)
def test_errors(changes: dict, text: str) -> None:
    arguments = {"temperature": 300, "friction": 1, "outer_step": 0.002, "inner_step": 0.001}
    with pytest.raises(SystemSetupError, match=text):
        mts_isokinetic_integrator(stiff_and_soft(2, 0.01), **(arguments | changes))
