"""Labelling many frames: in this process, on all its cores, or on a cluster.

Each result is stored at once by the process that leads, so neither an interruption nor a lost
machine costs more than the frames that were just being calculated.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openmm_innff import cluster
from openmm_innff.errors import SimulationError
from openmm_innff.interrupt import StopRequest
from openmm_innff.reference.check import check
from openmm_innff.reference.compute import compute
from openmm_innff.reference.level import Level
from openmm_innff.reference.molecule import CalculationFailed, Label, Target
from openmm_innff.reference.store import LabelStore

GIVE_UP_AFTER = 5
"""Failures, with no success before, after which the level can't be right."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a frame: a label, or the reason why there is none."""

    target: Target
    result: Label | str
    seconds: float


@dataclass
class Tally:
    """How far a campaign is.

    Attributes
    ----------
    total, known, done, failed : int
        Frames in all, stored before, labelled now, and failed now.
    seconds : float
        Of the calculations of now.
    """

    total: int
    known: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> int:
        """Frames to be calculated yet."""
        return self.total - self.known - self.done - self.failed


def label_frames(
    targets: Sequence[Target],
    level: Level,
    store: LabelStore,
    *,
    workers: int = 1,
    scheduler: str = "",
    report: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Label frames that are not in the store yet.

    Parameters
    ----------
    targets : sequence of Target
    level : Level
    store : LabelStore
    workers : int
        Processes on this machine; one: this process itself.
    scheduler : str
        Address of a Dask scheduler whose workers are to calculate instead.
    report : callable
        Called after each frame.

    Raises
    ------
    ConfigError, DataError, UnsupportedElementError, MissingDependencyError
        If it can't work: see `check`. Nothing has been calculated then.
    SimulationError
        If all of the first frames fail.
    KeyboardInterrupt
        After Ctrl-C, when the frame in work here, or the next one to come back, has been stored.
    """
    cluster.check_workers(workers)
    check(level, targets)
    known = store.known(level)
    waiting = {target.key(level.key): target for target in targets}
    tally = Tally(total=len(waiting), known=len(known & waiting.keys()))
    todo = [target for key, target in waiting.items() if key not in known]
    report(tally)
    if not todo:
        return tally
    stop = StopRequest()
    with stop.listening(), contextlib.closing(_outcomes(todo, level, workers, scheduler)) as found:
        for outcome in found:
            _store(outcome, level, store, tally)
            report(tally)
            if stop() and tally.left:
                raise KeyboardInterrupt
    return tally


def _store(outcome: Outcome, level: Level, store: LabelStore, tally: Tally) -> None:
    store.add(outcome.target, level, outcome.result, outcome.seconds)
    tally.seconds += outcome.seconds
    if isinstance(outcome.result, Label):
        tally.done += 1
        return
    tally.failed += 1
    if tally.failed >= GIVE_UP_AFTER and not (tally.done or tally.known):
        raise SimulationError(
            f"the first {tally.failed} frames all failed, the last one because {outcome.result}; "
            f"their reasons are in '{store.path}'"
        )


def attempt(target: Target, level: Level) -> Outcome:
    """Calculate a frame, on whatever machine this is.

    Parameters
    ----------
    target : Target
    level : Level
    """
    start = time.perf_counter()
    result: Label | str
    try:
        result = compute(target, level)
        if not (np.isfinite(result.energy) and np.isfinite(result.forces).all()):
            result = "energy or forces are not finite"
    except CalculationFailed as error:
        result = str(error)
    except (ArithmeticError, MemoryError, ValueError, RuntimeError) as error:
        # Of a program that gave up in its own way: singular matrices, too little memory.
        result = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Outcome(target, result, time.perf_counter() - start)


def _outcomes(
    targets: Sequence[Target], level: Level, workers: int, scheduler: str
) -> Generator[Outcome, None, None]:
    if workers == 1 and not scheduler:
        for target in targets:
            yield attempt(target, level)
        return
    with cluster.connected(workers, scheduler) as client:
        yield from _distributed(client, targets, level)


def _distributed(
    client: Any, targets: Iterable[Target], level: Level
) -> Generator[Outcome, None, None]:
    for target, result in cluster.completed(client, attempt, targets, level):
        if isinstance(result, cluster.WorkersLost):
            result = Outcome(target, f"its workers died: {result}", 0.0)
        yield result
