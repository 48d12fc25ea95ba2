"""What a run shows while it goes on: a progress bar, or now and then a line."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from openmm_innff.simulation.engine import Schedule
from openmm_innff.simulation.outputs import Sample

_LINES_PER_STAGE = 5


class Display:
    """Shows the samples of a run.

    Parameters
    ----------
    console
        Where to.
    schedule
        Of the run.
    """

    def __init__(self, console: Console, schedule: Schedule) -> None:
        self._console, self._schedule = console, schedule
        self._names = [stage.name for stage in schedule.stages]
        self._began, self._blocks = time.perf_counter(), 0
        self._progress = Progress(
            TextColumn("{task.description:<13}"),
            BarColumn(),
            TextColumn("{task.fields[done]}"),
            TextColumn("{task.fields[kelvin]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )

    @contextlib.contextmanager
    def running(self, stage: int, block: int) -> Iterator[None]:
        """Show the bars meanwhile.

        Parameters
        ----------
        stage, block
            Where the run begins.
        """
        self._tasks = [
            self._progress.add_task(
                item.name,
                total=item.blocks,
                completed=item.blocks if i < stage else block * (i == stage),
                visible=i >= stage,
                start=i == stage,
                done=f"{item.blocks * self._schedule.block_ps:g} ps",
                kelvin="",
                speed="",
            )
            for i, item in enumerate(self._schedule.stages)
        ]
        with self._progress:
            yield

    def show(self, sample: Sample) -> None:
        """Show a sample.

        Parameters
        ----------
        sample
            The newest.
        """
        index = self._names.index(sample.stage)
        total_ps = self._schedule.stages[index].blocks * self._schedule.block_ps
        self._blocks += 1
        elapsed = time.perf_counter() - self._began
        speed = self._blocks * self._schedule.block_ps * 1e-3 * 86400 / elapsed
        done = f"{sample.time_ps:.2f} of {total_ps:g} ps"
        task = self._tasks[index]
        self._progress.start_task(task)
        self._progress.update(
            task,
            completed=round(sample.time_ps / self._schedule.block_ps),
            done=done,
            kelvin=f"{sample.temperature_K:4.0f} K",
            speed=f"{speed:.3g} ns/day",
        )
        self._progress.refresh()
        if not self._console.is_terminal and self._is_milestone(sample.time_ps, total_ps):
            self._console.print(
                f"{sample.stage:<13} {done}, {sample.temperature_K:.0f} K, {speed:.3g} ns/day",
                highlight=False,
            )

    def _is_milestone(self, time_ps: float, total_ps: float) -> bool:
        """Whether another fifth of the stage is done."""
        fifths = _LINES_PER_STAGE * time_ps / total_ps + 1e-9
        before = _LINES_PER_STAGE * (time_ps - self._schedule.block_ps) / total_ps + 1e-9
        return int(fifths) > int(before)
