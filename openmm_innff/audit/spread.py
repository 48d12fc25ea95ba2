"""The tests of an audit on several processes or machines.

Tests that share runs of dynamics are one task for each potential, others are tasks of their own.
Times are measured afterwards by the process that leads, where nothing else runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from openmm_innff import cluster
from openmm_innff.audit.bench import Bench, Effort, Labelled
from openmm_innff.audit.checks import Check, find_checks
from openmm_innff.audit.progress import Ticker
from openmm_innff.audit.recordings import Recordings
from openmm_innff.audit.result import Result
from openmm_innff.audit.store import Store
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import open_subject
from openmm_innff.audit.trial import run_check

TOGETHER = ("dynamics", "scales")
HERE = ("cost",)
SERIES = ("learning-curve",)
"""Needs the files of other models, and little time."""


@dataclass(frozen=True, eq=False)
class Part:
    """Tests of one potential that a worker runs.

    Parameters
    ----------
    name
        Of the potential, see `subjects.open_subject`: files must be where the worker can read them.
    tests
        Names of the tests.
    structures, effort, seed, frames
        See `Bench`.
    """

    name: str
    tests: tuple[str, ...]
    structures: tuple[Structure, ...]
    effort: Effort
    seed: int
    frames: tuple[Labelled, ...] = ()


def parts(whole: Part, checks: Sequence[Check]) -> Iterator[Part]:
    """Share out tests; those that are best run here are left out.

    Parameters
    ----------
    whole
        Whose tests are not looked at.
    checks
        The tests.
    """
    wanted = [c for c in checks if c.group not in HERE and c.name not in SERIES]
    shared = tuple(check.name for check in wanted if check.group in TOGETHER)
    if shared:  # the longest, so it begins first
        yield replace(whole, tests=shared)
    for check in wanted:
        if check.group not in TOGETHER:
            yield replace(whole, tests=(check.name,))


def measure(part: Part) -> list[Result]:
    """Run the tests of a part, on whatever machine this is."""
    subject, recordings = open_subject(part.name), Recordings()
    return [
        run_check(
            check,
            Bench(
                subject, part.structures, part.effort, part.seed, check.name, part.frames,
                recordings=recordings,
            ),
        )
        for check in find_checks(part.tests)
    ]  # fmt: skip


def ahead(
    waiting: Sequence[tuple[Part, Store]], workers: int, scheduler: str, ticker: Ticker
) -> None:
    """Run parts and keep their results; what workers have died of is left to the process itself.

    Parameters
    ----------
    waiting
        Parts, and where their results belong.
    workers, scheduler
        See `cluster.connected`.
    ticker
        Shows progress.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, when the next part has come back.
    """
    stores = {id(part): store for part, store in waiting}
    with cluster.connected(workers, scheduler) as client:
        ticker.say(f"{len(waiting)} tasks on workers")
        for part, results in cluster.completed(client, measure, [part for part, _ in waiting]):
            if not isinstance(results, cluster.WorkersLost):
                for result in results:
                    stores[id(part)].keep(result)
            ticker.tick()
