"""The loop of a run: steps, rows, frames, checkpoints. It knows nothing of the potential.

Resuming is exact: a run that was interrupted and one that never was take the same path, bit by
bit. Positions, velocities and random numbers are in OpenMM's checkpoint, but a Context also has
a memory that is not: neighbour lists (which order the terms of sums), adaptive barostats, code
that is optimised while it runs. So after each checkpoint the Context forgets what was before, in
the running program just as in one that resumes. (What stays: TorchForce on a CPU now and then
rounds the last bit otherwise in a new Context.)
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from openmm_innff.errors import SimulationError
from openmm_innff.files import FileWriteError
from openmm_innff.simulation.checkpoint import (
    Checkpoint,
    Place,
    check_readable_here,
    save_checkpoint,
)
from openmm_innff.simulation.guard import Guard, degrees_of_freedom, temperature_of
from openmm_innff.simulation.outputs import Outputs, Sample
from openmm_innff.simulation.watch import Watcher
from openmm_innff.units import ATOMIC_MASS, FS_TO_PS, KJ_PER_MOL_TO_EV

_AMU_PER_ANGSTROM3_TO_G_PER_CM3 = ATOMIC_MASS * 1e3 / 1e-24

_WARM_UP_SHIFT_NM = 0.3
"""Moves every atom further than any neighbour list's skin."""

_WARM_UPS = 3
"""Evaluations until TorchScript has finished optimising."""


@dataclass(frozen=True)
class Stage:
    """A part of a run.

    Parameters
    ----------
    name
        Such as "equilibration".
    blocks
        How many blocks of steps it has.
    friction
        Of the thermostat, 1/ps.
    frames
        Whether its frames are written to the trajectory.
    """

    name: str
    blocks: int
    friction: float
    frames: bool


@dataclass(frozen=True)
class Schedule:
    """What a run does, counted in steps of its integrator.

    Parameters
    ----------
    step_fs
        Step of the integrator.
    block_steps
        Steps between two rows of the table.
    checkpoint_blocks
        Blocks between two checkpoints.
    stages
        The parts, in order.
    """

    step_fs: float
    block_steps: int
    checkpoint_blocks: int
    stages: tuple[Stage, ...]

    @property
    def block_ps(self) -> float:
        """Time of one block."""
        return self.block_steps * self.step_fs * FS_TO_PS

    def finished(self, place: Place) -> bool:
        """Whether nothing is left to do."""
        last = len(self.stages) - 1
        return place.stage == last and place.block >= self.stages[last].blocks


class Engine:
    """Runs a Context through a schedule.

    Parameters
    ----------
    context
        With positions and velocities if the run is new.
    topology
        Its atoms and bonds.
    schedule
        What to do.
    guard
        When to stop.
    folder
        Where the files are; it exists.
    checkpoint
        Where to go on; None starts, and writes the first checkpoint.
    fingerprint
        Of the forces; a checkpoint made with others is refused.
    watchers
        Look at the run after each block.
    """

    def __init__(
        self,
        context: openmm.Context,
        topology: app.Topology,
        schedule: Schedule,
        guard: Guard,
        folder: Path,
        checkpoint: Checkpoint | None = None,
        fingerprint: str = "",
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self._context, self._schedule, self._guard = context, schedule, guard
        self._watchers = watchers
        self._folder, self._fingerprint = folder, fingerprint
        system = context.getSystem()
        self._freedom = degrees_of_freedom(system)
        self._mass = sum(
            system.getParticleMass(i).value_in_unit(unit.dalton)
            for i in range(system.getNumParticles())
        )
        self._periodic = system.usesPeriodicBoundaryConditions()
        self._has_barostat = any("Barostat" in force.getName() for force in system.getForces())
        if checkpoint is not None:
            check_readable_here(checkpoint, context, fingerprint)
        keep = checkpoint.sizes if checkpoint else None
        self._outputs = Outputs(folder, topology, schedule.block_ps, keep)
        self.place = checkpoint.place if checkpoint else Place(0, 0)
        try:
            if checkpoint is None:
                self._set_friction()
                self._save()
            else:
                self._renew(checkpoint.state)
            names = tuple(stage.name for stage in schedule.stages)
            for watcher in watchers:
                watcher.begin(names, names[self.place.stage], self._time_ps(self.place))
        except BaseException:
            self._outputs.close()
            raise

    def run(
        self,
        on_sample: Callable[[Sample], None] = lambda sample: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Go on to the end of the schedule, or until asked to stop.

        Parameters
        ----------
        on_sample
            Called after each block.
        stop
            Asked after each block; if it says True, a checkpoint is written and the run ends.

        Returns
        -------
        bool
            Whether the schedule is finished.

        Raises
        ------
        SimulationError
            If the run exploded; says when, and where the last checkpoint is. If the model is too
            uncertain, and the run shall stop there.
        FileWriteError
            If a file can't be written; the last checkpoint is whole.
        """
        try:
            while not self._schedule.finished(self.place):
                sample = self._block()
                stopping = stop()
                if stopping or self._checkpoint_due():
                    self._save()
                on_sample(sample)
                if stopping:
                    break
        except openmm.OpenMMException as error:
            raise self._exploded(" ".join(str(error).split())) from error
        except FileWriteError as error:
            raise SimulationError(f"{error}; the last checkpoint is {self._last}") from error
        finally:
            self._outputs.close()
        return self._schedule.finished(self.place)

    def describe(self, place: Place) -> str:
        """Say how far a place is, such as "1.2 ps of production".

        Parameters
        ----------
        place
            A place in the schedule.
        """
        return f"{self._time_ps(place):g} ps of {self._schedule.stages[place.stage].name}"

    def _block(self) -> Sample:
        """Do one block, check and write it, and move on by one."""
        stage = self._schedule.stages[self.place.stage]
        began = time.perf_counter()
        self._context.getIntegrator().step(self._schedule.block_steps)
        state = self._context.getState(
            positions=True, energy=True, enforcePeriodicBox=self._periodic
        )
        speed = self._schedule.block_ps / 1000 * 86400 / (time.perf_counter() - began)
        done = Place(self.place.stage, self.place.block + 1)
        sample = self._sample(stage, self._time_ps(done), state, speed)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        box = state.getPeriodicBoxVectors() if self._periodic else None
        matrix = None if box is None else np.array(box.value_in_unit(unit.nanometer))
        try:
            self._guard.check(sample, positions, matrix)
        except SimulationError as error:
            raise self._exploded(str(error)) from error
        self._outputs.write_row(sample)
        if stage.frames:
            self._outputs.write_frame(positions, box)
        for watcher in self._watchers:
            watcher.look(stage.name, done.block, sample.time_ps, positions, matrix)
        if done.block >= stage.blocks and done.stage + 1 < len(self._schedule.stages):
            done = Place(done.stage + 1, 0)
        self.place = done
        return sample

    def _sample(self, stage: Stage, time_ps: float, state: openmm.State, speed: float) -> Sample:
        per_mole = unit.kilojoule_per_mole
        kinetic = state.getKineticEnergy().value_in_unit(per_mole) * KJ_PER_MOL_TO_EV
        density = float("nan")
        if self._periodic:
            volume = state.getPeriodicBoxVolume().value_in_unit(unit.angstrom**3)
            density = self._mass * _AMU_PER_ANGSTROM3_TO_G_PER_CM3 / volume
        return Sample(
            stage=stage.name,
            time_ps=time_ps,
            potential_eV=state.getPotentialEnergy().value_in_unit(per_mole) * KJ_PER_MOL_TO_EV,
            kinetic_eV=kinetic,
            temperature_K=temperature_of(kinetic, self._freedom),
            density_g_per_cm3=density,
            ns_per_day=speed,
        )

    def _checkpoint_due(self) -> bool:
        at_stage_end = self.place.block == 0 or self._schedule.finished(self.place)
        return at_stage_end or self.place.block % self._schedule.checkpoint_blocks == 0

    def _save(self) -> None:
        sizes = self._outputs.sync()
        checkpoint = save_checkpoint(
            self._folder, self._context, self.place, sizes, self._fingerprint
        )
        self._last = f"at {self.describe(self.place)}, in '{self._folder}'"
        self._renew(checkpoint.state)

    def _renew(self, state: bytes) -> None:
        """Go on from a checkpoint without memory of what was before."""
        self._last = f"at {self.describe(self.place)}, in '{self._folder}'"
        context = self._context
        if self._has_barostat:
            context.reinitialize()  # its counters and step sizes are in no checkpoint
        context.loadCheckpoint(state)
        positions = context.getState(positions=True).getPositions(asNumpy=True)
        # Evaluations far from the checkpoint: neighbour lists will be built where it is.
        for i in range(_WARM_UPS):
            context.setPositions(positions + (i + 1) * _WARM_UP_SHIFT_NM * unit.nanometer)
            context.getState(forces=True)
        context.loadCheckpoint(state)
        self._set_friction()

    def _set_friction(self) -> None:
        integrator = self._context.getIntegrator()
        friction = self._schedule.stages[self.place.stage].friction
        if isinstance(integrator, openmm.CustomIntegrator):
            integrator.setGlobalVariableByName("friction", friction)
        else:
            integrator.setFriction(friction)

    def _time_ps(self, place: Place) -> float:
        return place.block * self._schedule.block_ps

    def _exploded(self, reason: str) -> SimulationError:
        when = self.describe(Place(self.place.stage, self.place.block + 1))
        return SimulationError(
            f"the run exploded before {when}: {reason}; the last good checkpoint is {self._last}; "
            "start again with a shorter outer_step_fs, or from a structure that is closer to what "
            "the model was trained on"
        )
