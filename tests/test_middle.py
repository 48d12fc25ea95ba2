"""The integrator with native inner steps: averages, evaluations, partial steps, copies."""

from collections import Counter

import numpy as np
import pytest
import torch  # noqa: F401 before openmm

# isort: split
import openmm
from openmm import unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.integrators import BOLTZMANN_KJ_PER_MOL_K
from openmm_innff.middle import (
    MTSMiddleIntegrator,
    mts_middle_integrator,
    noise_places,
    steps_per_outer,
)
from openmm_innff.noise import both_noises, coloured_step

KT = 300.0 * BOLTZMANN_KJ_PER_MOL_K
MASS = 1.0
STIFF, SOFT = 150_000.0, 3_000.0  # kJ/mol/nm^2: 16 fs and 115 fs


def springs(count: int, soft: float = SOFT, stiff: float = STIFF) -> openmm.System:
    """Particles on two springs to the origin, the soft one in group 1."""
    system = openmm.System()
    forces = [openmm.CustomExternalForce(f"{k}*(x^2+y^2+z^2)/2") for k in (stiff, soft)]
    for i in range(count):
        system.addParticle(MASS)
        for force in forces:
            force.addParticle(i)
    for group, force in enumerate(forces):
        force.setForceGroup(group)
        system.addForce(force)
    return system


def context_of(system: openmm.System, integrator: openmm.Integrator, seed: int = 0):
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    n = system.getNumParticles()
    spread = np.sqrt(KT / (STIFF + SOFT))
    context.setPositions(spread * np.random.default_rng(seed).normal(size=(n, 3)))
    context.setVelocitiesToTemperature(300.0, 1)
    return context


@pytest.mark.parametrize("coloured", [0.0, 50.0])
@pytest.mark.parametrize(("outer", "inner"), [(0.004, 0.001), (0.003, 0.0005), (0.001, 0.001)])
def test_oscillators_have_their_exact_averages(outer, inner, coloured):
    system = springs(300)
    integrator = mts_middle_integrator(
        system, 300.0, 20.0, outer, inner, vibrational_friction=coloured, seed=1
    )
    context = context_of(system, integrator)
    block = integrator.inner_steps * max(1, round(0.02 / outer))
    integrator.step(20 * block)
    squares, kinetic = [], []
    for _ in range(150):
        integrator.step(block)
        state = context.getState(positions=True, energy=True)
        squares.append(np.mean(state.getPositions(asNumpy=True)._value ** 2))
        kinetic.append(state.getKineticEnergy()._value / (1.5 * 300 * KT))
    for values, exact in ((squares, KT / (STIFF + SOFT)), (kinetic, 1.0)):
        blocks = np.reshape(values, (15, 10)).mean(1) / exact
        error = blocks.std(ddof=1) / np.sqrt(len(blocks))
        assert error < 0.01
        assert abs(blocks.mean() - 1) < 4 * error + 0.004


def test_each_force_is_evaluated_once_per_kick():
    calls: Counter[int] = Counter()

    class Count:
        def __init__(self, group: int) -> None:
            self.group = group

        def __call__(self, state: openmm.State):
            calls[self.group] += 1
            return 0.0, np.zeros((2, 3))

    system = openmm.System()
    for _ in range(2):
        system.addParticle(1.0)
    for group in (0, 1):
        force = openmm.PythonForce(Count(group))
        force.setForceGroup(group)
        system.addForce(force)
    integrator = mts_middle_integrator(system, 300.0, 1.0, 0.008, 0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.zeros((2, 3)))
    integrator.step(8)
    calls.clear()
    integrator.step(80)
    assert calls == {0: 80, 1: 10}
    assert context.getStepCount() == 88
    assert context.getTime().value_in_unit(unit.femtosecond) == pytest.approx(88.0)
    assert integrator.getStepSize().value_in_unit(unit.femtosecond) == pytest.approx(1.0)
    assert steps_per_outer(integrator) == 8


def quiet(system: openmm.System) -> MTSMiddleIntegrator:
    """Friction and noise too small to matter."""
    return mts_middle_integrator(system, 1e-12, 1e-12, 0.006, 0.001)


def positions_after(parts: list[int], from_xml: bool = False) -> np.ndarray:
    system = springs(4)
    integrator = quiet(system)
    if from_xml:
        integrator = openmm.XmlSerializer.clone(integrator)
        assert not isinstance(integrator, MTSMiddleIntegrator)
    context = context_of(system, integrator)
    for steps in parts:
        integrator.step(steps)
    return context.getState(positions=True).getPositions(asNumpy=True)._value


def test_steps_may_come_in_parts():
    np.testing.assert_allclose(positions_after([3, 1, 7, 13]), positions_after([24]), atol=1e-12)


def test_read_from_xml_it_makes_whole_outer_steps_of_the_same_dynamics():
    np.testing.assert_allclose(
        positions_after([4], from_xml=True), positions_after([24]), rtol=1e-6, atol=1e-9
    )


def test_temperature_and_friction_can_be_changed():
    system = springs(500)
    integrator = mts_middle_integrator(system, 300.0, 1.0, 0.004, 0.001, seed=1)
    context = context_of(system, integrator)
    integrator.setTemperature(150.0 * unit.kelvin)
    integrator.setFriction(100.0)
    integrator.step(2000)
    found = []
    for _ in range(50):
        integrator.step(20)
        found.append(context.getState(energy=True).getKineticEnergy()._value / (1.5 * 500 * KT))
    assert np.mean(found) == pytest.approx(0.5, abs=0.02)


def test_seeds_make_runs_repeatable():
    runs = []
    for seed in (5, 5, 6):
        system = springs(10)
        integrator = mts_middle_integrator(system, 300.0, 10.0, 0.004, 0.001, seed=seed)
        context = context_of(system, integrator)
        integrator.step(40)
        runs.append(context.getState(positions=True).getPositions(asNumpy=True)._value)
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("n", range(1, 17))
def test_noise_lies_symmetrically_and_often_enough(n):
    places = noise_places(n, 0.001)
    assert all(0 <= place < n for place in places)
    assert places == sorted(set(places))
    assert n < 3 or places[0] > 0  # the first inner step has the slow kick
    if n >= 6 and len(places) == 2:
        assert places[0] + places[1] == n - 1


def test_constraints_and_forgotten_groups_are_refused():
    system = springs(2)
    system.getForce(1).setForceGroup(3)
    with pytest.raises(SystemSetupError, match="group 3, which the integrator would ignore"):
        mts_middle_integrator(system, 300.0, 1.0, 0.004, 0.001)
    system = springs(2)
    system.addConstraint(0, 1, 0.1)
    with pytest.raises(SystemSetupError, match="neither constraints nor virtual sites"):
        mts_middle_integrator(system, 300.0, 1.0, 0.004, 0.001)
    with pytest.raises(SystemSetupError, match="whole multiple"):
        mts_middle_integrator(springs(2), 300.0, 1.0, 0.004, 0.003)


def moments(computations: list[tuple[str, str]], given: dict[str, float]):
    """Mean and covariance of (v, past, m) after computations, as a response to (v, past)."""
    variables = ("v", "past")
    drawn = [k for k, (_, expression) in enumerate(computations) if "gaussian" in expression]

    def after(v: float, past: float, which: int | None) -> np.ndarray:
        values = {**given, "exp": np.exp, "sqrt": np.sqrt, "m": 4.0, "v": v, "past": past}
        for k, (name, expression) in enumerate(computations):
            values["gaussian"] = float(k == which)
            values[name] = eval(expression.replace("^", "**"), values)
        return np.array([values[name] for name in variables])

    mean = np.array([after(1.0, 0.0, None), after(0.0, 1.0, None)])
    noise = np.array([after(0.0, 0.0, which) for which in drawn])
    return mean, noise.T @ noise


@pytest.mark.parametrize("friction", [0.0, 2.0, 1000.0])
@pytest.mark.parametrize("coloured", [0.0, 50.0, 3000.0])
def test_both_noises_at_once_have_the_moments_of_one_after_the_other(friction, coloured):
    given = {"kT": 2.5, "friction": friction}
    one = [
        ("decay", "exp(-0.004*friction)"),
        ("v", "decay*v+sqrt((1-decay^2)*kT/m)*gaussian"),
        *(coloured_step(coloured, 0.004) if coloured else ()),
    ]
    constants, noises = both_noises(coloured, 0.004, "v")
    both = [*constants, *noises, ("v", "v+rubbed")]
    for found, expected in zip(moments(both, given), moments(one, given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
