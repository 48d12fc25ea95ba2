"""What multiple time steps gain here: speeds of other steps with the same System, side by side."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray

from openmm_innff.middle import mts_middle_integrator, steps_per_outer
from openmm_innff.units import FS_TO_PS

SINGLE_STEPS_FS = (0.5, 1.0)
_REPEATS = 5
_CALIBRATION_S = 0.3
_COUNTED_PS = 0.2


@dataclass(frozen=True)
class Speed:
    """Speed and cost of one way to integrate.

    Parameters
    ----------
    name
        Such as "single step, 1 fs".
    ns_per_day
        Median of the repeats.
    slowest, fastest
        Extremes of the repeats, ns/day.
    fast_per_ps, slow_per_ps
        Evaluations of the fast and the slow forces, counted; the latter are those of the whole
        where it is one force.
    """

    name: str
    ns_per_day: float
    slowest: float
    fastest: float
    fast_per_ps: float
    slow_per_ps: float


@dataclass(frozen=True)
class Scheme:
    """One way to integrate.

    Parameters
    ----------
    name
        Such as "single step, 1 fs".
    step_fs
        The outer step.
    make
        Makes the integrator of a System.
    system
        What is integrated.
    as_one
        Whether all its forces are evaluated together, and count as slow ones.
    """

    name: str
    step_fs: float
    make: Callable[[openmm.System], openmm.Integrator]
    system: openmm.System
    as_one: bool = False


class _Counter:
    """A force that does nothing but count how often it is evaluated."""

    def __init__(self, n_particles: int) -> None:
        self.calls = 0
        self._forces = np.zeros((n_particles, 3))

    def __call__(self, state: openmm.State) -> tuple[float, NDArray[np.float64]]:
        self.calls += 1
        return 0.0, self._forces


def measure_speeds(
    system: openmm.System,
    state: openmm.State,
    *,
    temperature: float,
    friction: float,
    outer_step_fs: float,
    inner_step_fs: float,
    vibrational_friction: float = 0.0,
    platform: openmm.Platform,
    properties: Mapping[str, str],
    seconds: float = 30.0,
    whole: openmm.System | None = None,
) -> tuple[Speed, ...]:
    """Time single steps of 0.5 and 1 fs and multiple time steps, all with Langevin dynamics.

    All take turns, five times each, in segments of equal length in seconds, so that what
    else the machine does hits all alike; the medians are compared. The evaluations are counted
    with forces that count, in the same two groups under the same integrators.

    Parameters
    ----------
    system
        Its fast forces in group 0, its slow ones in group 1.
    state
        Positions, velocities and box to start from.
    temperature
        K.
    friction
        1/ps.
    outer_step_fs, inner_step_fs
        Of the multiple time steps, fs.
    vibrational_friction
        1/ps, of the same.
    platform, properties
        Where to run.
    seconds
        About how long all segments take together.
    whole
        The same potential as one force, with which single steps are quickest; None: ``system``.

    Returns
    -------
    tuple of Speed
        The single steps, multiple time steps with the other fast steps, then those asked for.
    """
    schemes = _schemes(
        system,
        whole,
        temperature,
        friction,
        outer_step_fs,
        inner_step_fs,
        vibrational_friction,
    )
    return compare_speeds(schemes, state, platform=platform, properties=properties, seconds=seconds)


def compare_speeds(
    schemes: Sequence[Scheme],
    state: openmm.State,
    *,
    platform: openmm.Platform,
    properties: Mapping[str, str],
    seconds: float = 30.0,
) -> tuple[Speed, ...]:
    """Time ways to integrate the same atoms, see `measure_speeds`.

    Parameters
    ----------
    schemes
        What to compare.
    state
        Positions, velocities and box to start from.
    platform, properties
        Where to run.
    seconds
        About how long all segments take together.
    """
    contexts, steps = [], []
    for scheme in schemes:
        context = openmm.Context(
            scheme.system, scheme.make(scheme.system), platform, dict(properties)
        )
        context.setPositions(state.getPositions())
        context.setVelocities(state.getVelocities())
        context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
        contexts.append(context)
        steps.append(_steps_of(context, seconds / (len(schemes) * _REPEATS)))
    speeds: list[list[float]] = [[] for _ in schemes]
    for _ in range(_REPEATS):
        for scheme, context, n, found in zip(schemes, contexts, steps, speeds, strict=True):
            found.append(n * scheme.step_fs * 1e-6 * 86400 / _timed(context, n))
    return tuple(
        Speed(
            scheme.name,
            statistics.median(found),
            min(found),
            max(found),
            *_counts(scheme),
        )
        for scheme, found in zip(schemes, speeds, strict=True)
    )


def _schemes(
    system: openmm.System,
    whole: openmm.System | None,
    temperature: float,
    friction: float,
    outer_step_fs: float,
    inner_step_fs: float,
    vibrational_friction: float,
) -> list[Scheme]:
    def single(step_fs: float) -> Scheme:
        return Scheme(
            f"single step, {step_fs:g} fs",
            step_fs,
            lambda _: openmm.LangevinMiddleIntegrator(temperature, friction, step_fs * FS_TO_PS),
            whole or system,
            as_one=whole is not None,
        )

    def multiple(step_fs: float) -> Scheme:
        return Scheme(
            f"multiple time steps, {outer_step_fs:g} fs slow and {step_fs:g} fs fast",
            outer_step_fs,
            lambda system: mts_middle_integrator(
                system,
                temperature,
                friction,
                outer_step_fs * FS_TO_PS,
                step_fs * FS_TO_PS,
                vibrational_friction=vibrational_friction,
            ),
            system,
        )

    # For each single step the multiple time steps that treat the fast forces just as finely.
    others = [
        step
        for step in SINGLE_STEPS_FS
        if step not in (inner_step_fs, outer_step_fs) and outer_step_fs % step == 0
    ]
    return [*map(single, SINGLE_STEPS_FS), *map(multiple, others), multiple(inner_step_fs)]


def _steps_of(context: openmm.Context, seconds: float) -> int:
    """Find how many steps take about some seconds; warms the Context up on the way."""
    _timed(context, 4)
    n = 4
    while (took := _timed(context, n)) < _CALIBRATION_S:
        n *= 2
    return max(1, round(n * seconds / took))


def _timed(context: openmm.Context, steps: int) -> float:
    began = time.perf_counter()
    integrator = context.getIntegrator()
    integrator.step(steps * steps_per_outer(integrator))
    context.getState(positions=True)  # a GPU answers when its work is done
    return time.perf_counter() - began


def _counts(scheme: Scheme) -> tuple[float, float]:
    """Count the evaluations per ps of the groups 0 and 1; of one force: as if it were slow."""
    system, probe = scheme.system, openmm.System()
    for i in range(system.getNumParticles()):
        probe.addParticle(system.getParticleMass(i))
    counters = [_Counter(system.getNumParticles()) for _ in range(2)]
    for group, counter in enumerate(counters):
        force = openmm.PythonForce(counter)
        force.setForceGroup(group)
        probe.addForce(force)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(probe, scheme.make(probe), platform)
    context.setPositions(np.zeros((system.getNumParticles(), 3)))
    steps = max(1, round(_COUNTED_PS / (scheme.step_fs * FS_TO_PS)))
    integrator = context.getIntegrator()
    integrator.step(steps_per_outer(integrator))  # the first step may have one evaluation more
    before = [counter.calls for counter in counters]
    integrator.step(steps * steps_per_outer(integrator))
    length_ps = steps * scheme.step_fs * FS_TO_PS
    fast, slow = (c.calls - b for c, b in zip(counters, before, strict=True))
    return 0.0 if scheme.as_one else fast / length_ps, slow / length_ps
