"""One run at constant temperature of a potential under audit, seen by many tests.

Langevin dynamics of one step for all forces (the middle scheme, doi:10.1021/acs.jpca.9b02771, as
OpenMM has it), in segments. Each begins with a new Context and random numbers of its own, so that
a run that was interrupted between two gives the same numbers as one that was not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import openmm

from openmm_innff.audit.probe import Probe
from openmm_innff.audit.sampling import Record, Species, put, sample_run, species_of
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import EvaluationError, Subject
from openmm_innff.errors import SimulationError
from openmm_innff.units import (
    AMU_A2_PER_FS2_TO_EV,
    FS_TO_PS,
    KB_EV_PER_K,
    NM_TO_ANGSTROM,
)

TEMPERATURE = 300.0
STEP_FS = 1.0
EXPLODED = 10_000.0
"""K; that of the test of stability of MLIPAudit, https://instadeepai.github.io/mlipaudit."""
_REST_FRICTION = 5.0
_REST_CHECK_PS = 0.02
_VELOCITY_FS = 3.0
"""Between two velocities: vibrations up to 5500 1/cm are resolved."""
_SEGMENT_PS = 5.0
_DAMPING, _DAMPED_PS = 50.0, 0.2
"""Friction of the first part of the rest, 1/ps, and its length. It takes away what a structure has
too much. A minimiser would do so at once, but its long first step leaps over barriers: it tore
molecules apart that dynamics keep together."""


@dataclass(frozen=True)
class Plan:
    """How long a structure is simulated.

    Parameters
    ----------
    rest_ps, length_ps
        Before and while it is recorded.
    friction
        While it is recorded, 1/ps: a low one leaves motion as it is, a high one makes successive
        temperatures independent, which short runs need for honest errors.
    seed
        Of velocities and noise.
    """

    rest_ps: float
    length_ps: float
    friction: float
    seed: int

    @property
    def total_ps(self) -> float:
        """Both together."""
        return self.rest_ps + self.length_ps


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of a run.

    Parameters
    ----------
    record
        What was seen; None before recording began, or if it ended early.
    positions, velocities
        At its end, angstrom and angstrom/fs, shape (N, 3).
    survived_ps
        Length of the run up to its end.
    failure
        Why it ended early; empty if it did not.
    """

    record: Record | None
    positions: Array
    velocities: Array
    survived_ps: float
    failure: str = ""


@dataclass(frozen=True, eq=False)
class Recording:
    """A run at 300 K.

    Parameters
    ----------
    structure
        As it was before, atoms in the order of the recorded ones.
    record
        What was seen; None if it ended before anything was.
    species
        Elements and masses.
    positions, velocities
        At the end, angstrom and angstrom/fs.
    plan
        What was asked for.
    survived_ps, failure
        See `Segment`.
    constrained, centre_removed
        Whether the System has constraints, and removes the motion of its centre of mass.
    """

    structure: Structure
    record: Record | None
    species: Species
    positions: Array
    velocities: Array
    plan: Plan
    survived_ps: float
    failure: str
    constrained: bool
    centre_removed: bool

    @property
    def seen(self) -> Record:
        """The record of a run that did not end early."""
        if self.record is None:
            raise EvaluationError(f"nothing was recorded of {self.structure.name}: {self.failure}")
        return self.record


class Run:
    """Makes the segments of a run.

    Parameters
    ----------
    subject, structure, plan
        What is simulated, and for how long.
    tick
        Called after each sample; may raise to stop.
    """

    def __init__(
        self, subject: Subject, structure: Structure, plan: Plan, tick: Callable[[], None]
    ) -> None:
        self.system, order = subject.system(structure)
        self.structure = structure.reordered(order)
        self.species = species_of(self.system, self.structure.symbols)
        self.plan, self._tick = plan, tick

    def lengths(self) -> list[float]:
        """Lengths of the recorded segments, ps."""
        count = max(1, round(self.plan.length_ps / _SEGMENT_PS))
        return [self.plan.length_ps / count] * count

    def rest(self) -> Segment:
        """Warm the structure up from rest, and let it come to equilibrium."""
        integrator = langevin(_DAMPING, self.plan.seed)
        context = make_context(self.system, integrator)
        stride, done = round(_REST_CHECK_PS / (STEP_FS * FS_TO_PS)), 0.0
        try:
            put(context, self.structure.positions, np.zeros_like(self.structure.positions))
            for _ in range(max(1, round(self.plan.rest_ps / _REST_CHECK_PS))):
                if done >= _DAMPED_PS:
                    integrator.setFriction(_REST_FRICTION)
                integrator.step(stride)
                check_temperature(state_of(context)[1], self.species.masses)
                done += _REST_CHECK_PS
                self._tick()
        except (openmm.OpenMMException, SimulationError) as error:
            return self._failed(done, error)
        return Segment(None, *state_of(context), self.plan.rest_ps)

    def record(self, number: int, before: Segment, length_ps: float) -> Segment:
        """Record one more segment.

        Parameters
        ----------
        number
            Of the segment, from 1 on.
        before
            The last one.
        length_ps
            Of this one.
        """
        seed = self.plan.seed + 1000 * number
        context = make_context(self.system, langevin(self.plan.friction, seed))
        put(context, before.positions, before.velocities)
        done = before.survived_ps

        def on_sample(ps: float) -> None:
            nonlocal done
            done = before.survived_ps + ps
            self._tick()

        try:
            record = sample_run(
                context, Probe(self.system, *_platform()), self.species, outer_fs=STEP_FS,
                inner_fs=STEP_FS, length_ps=length_ps, temperature=TEMPERATURE,
                velocity_fs=_VELOCITY_FS, seed=seed, too_hot=EXPLODED / TEMPERATURE,
                on_sample=on_sample,
            )  # fmt: skip
        except (openmm.OpenMMException, SimulationError) as error:
            return self._failed(done, error)
        return Segment(record, *state_of(context), before.survived_ps + length_ps)

    def _failed(self, done: float, error: Exception) -> Segment:
        still = np.zeros_like(self.structure.positions)
        return Segment(None, self.structure.positions, still, done, " ".join(str(error).split()))

    def whole(self, segments: list[Segment]) -> Recording:
        """Put segments together."""
        last = segments[-1]
        records = [segment.record for segment in segments if segment.record is not None]
        forces = self.system.getForces()
        return Recording(
            self.structure, joined(records) if records else None, self.species, last.positions,
            last.velocities, self.plan, last.survived_ps, last.failure,
            self.system.getNumConstraints() > 0,
            any(isinstance(force, openmm.CMMotionRemover) for force in forces),
        )  # fmt: skip


def joined(records: list[Record]) -> Record:
    """Return successive records as one."""
    first = records[0]
    names = ("positions", "drift_velocities", "squares", "curvatures", "energies", "velocities")
    arrays = {name: np.concatenate([getattr(r, name) for r in records]) for name in names}
    return Record(sample_fs=first.sample_fs, velocity_fs=first.velocity_fs, **arrays)


def langevin(friction: float, seed: int) -> openmm.Integrator:
    """Return Langevin dynamics at 300 K; friction in 1/ps."""
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, friction, STEP_FS * FS_TO_PS)
    integrator.setRandomNumberSeed(seed % 2**31)
    return integrator


def make_context(system: openmm.System, integrator: openmm.Integrator) -> openmm.Context:
    """Return a Context on the CPU with one thread: the same seed gives the same numbers."""
    platform, properties = _platform()
    return openmm.Context(system, integrator, platform, properties)


def _platform() -> tuple[openmm.Platform, dict[str, str]]:
    properties = {"Threads": "1", "DeterministicForces": "true"}
    return openmm.Platform.getPlatformByName("CPU"), properties


def state_of(context: openmm.Context) -> tuple[Array, Array]:
    """Return positions (angstrom) and velocities (angstrom/fs) of a Context."""
    state = context.getState(positions=True, velocities=True)
    positions = np.array(state.getPositions(asNumpy=True)._value) * NM_TO_ANGSTROM
    velocities = np.array(state.getVelocities(asNumpy=True)._value) * NM_TO_ANGSTROM * FS_TO_PS
    return positions, velocities


def check_temperature(velocities: Array, masses: Array) -> None:
    """Raise SimulationError if atoms are hotter than any that stay together."""
    twice = AMU_A2_PER_FS2_TO_EV * float((masses[:, None] * velocities**2).sum())
    found = twice / (velocities.size * KB_EV_PER_K)
    # "not <" is also true of what is not a number.
    if not found < EXPLODED:
        raise SimulationError(f"the run exploded: {found:.0f} K in a bath of {TEMPERATURE:g} K")
