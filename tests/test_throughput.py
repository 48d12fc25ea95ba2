"""Speeds: the evaluations that are counted, and that the slow force makes the difference."""

import time

import numpy as np
import openmm
import pytest

from openmm_innff.throughput import measure_speeds


class Sleeper:
    """A force of known cost."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        time.sleep(self.seconds)
        return 0.0, np.zeros((2, 3))


def test_costly_slow_force_makes_multiple_time_steps_faster() -> None:
    system = openmm.System()
    system.addParticle(1.0)
    system.addParticle(16.0)
    for group, seconds in enumerate((0.0002, 0.005)):
        force = openmm.PythonForce(Sleeper(seconds))
        force.setForceGroup(group)
        system.addForce(force)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(np.eye(3)[:2])
    context.setVelocities(np.zeros((2, 3)))
    half, one, coarser, multiple = measure_speeds(
        system,
        context.getState(positions=True, velocities=True),
        temperature=300.0,
        friction=1.0,
        outer_step_fs=2.0,
        inner_step_fs=0.5,
        platform=platform,
        properties={},
        seconds=0.5,
    )
    assert (half.fast_per_ps, half.slow_per_ps) == pytest.approx((2000, 2000))
    assert (one.fast_per_ps, one.slow_per_ps) == pytest.approx((1000, 1000))
    assert (multiple.fast_per_ps, multiple.slow_per_ps) == pytest.approx((2000, 500))
    assert (coarser.fast_per_ps, coarser.slow_per_ps) == pytest.approx((1000, 500))
    assert half.name == "single step, 0.5 fs"
    assert coarser.name == "multiple time steps, 2 fs slow and 1 fs fast"
    # 4 fast + 4 slow evaluations against 4 fast + 1 slow one: 3.5; a busy machine may blur it.
    assert 2.0 < multiple.ns_per_day / half.ns_per_day < 5.0
    for speed in (half, one, coarser, multiple):
        assert speed.slowest <= speed.ns_per_day <= speed.fastest


def test_single_steps_take_the_whole_as_one_force() -> None:
    """Its cost is that of the slow force: twice as quick as both parts one after the other."""
    systems = [openmm.System() for _ in range(2)]
    for system in systems:
        system.addParticle(1.0)
        system.addParticle(16.0)
    for group, system in ((0, systems[0]), (1, systems[0]), (0, systems[1])):
        force = openmm.PythonForce(Sleeper(0.002))
        force.setForceGroup(group)
        system.addForce(force)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(systems[0], openmm.VerletIntegrator(0.001), platform)
    context.setPositions(np.eye(3)[:2])
    context.setVelocities(np.zeros((2, 3)))
    common = {
        "temperature": 300.0,
        "friction": 1.0,
        "outer_step_fs": 2.0,
        "inner_step_fs": 1.0,
        "platform": platform,
        "properties": {},
        "seconds": 0.5,
    }
    state = context.getState(positions=True, velocities=True)
    speeds = [measure_speeds(systems[0], state, whole=w, **common)[1] for w in (None, systems[1])]
    assert (speeds[1].fast_per_ps, speeds[1].slow_per_ps) == pytest.approx((0, 1000))
    assert 1.5 < speeds[1].ns_per_day / speeds[0].ns_per_day < 2.7
