"""Progress of audits, as a bar or as lines; Ctrl-C stops them between two samples or energies."""

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from openmm_innff.interrupt import StopRequest


def _bars(console: Console, width: int) -> Bars:
    """Return a bar after a description of so many characters; nothing where it can't be drawn."""
    return Bars(
        TextColumn("{task.description:<" + str(width) + "}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        disable=not console.is_terminal,
    )


class Progress:
    """Shows how far an audit is.

    Parameters
    ----------
    console
        Where to.
    total_ps
        Length of all runs together.
    """

    def __init__(self, console: Console, total_ps: float) -> None:
        self._console, self._stop = console, StopRequest()
        self._bars = _bars(console, width=20)
        self._total = self._bars.add_task("audit", total=total_ps)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Show the bar and listen to Ctrl-C."""
        self._stack.enter_context(self._stop.listening())
        self._stack.enter_context(self._bars)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of both, and say how to go on after Ctrl-C."""
        self._stack.close()
        if kind is KeyboardInterrupt:
            self._console.print("Stopped. Finished runs are kept: go on with --resume.")

    @contextlib.contextmanager
    def task(self, name: str, length_ps: float) -> Iterator[Callable[[float], None]]:
        """Show one run meanwhile.

        Parameters
        ----------
        name
            Of the run.
        length_ps
            Of the run.

        Yields
        ------
        callable
            To be called with the time done, ps; raises KeyboardInterrupt after Ctrl-C.
        """
        self._bars.update(self._total, description=name)
        before = self._bars.tasks[0].completed
        if not self._console.is_terminal:
            self._console.print(name, highlight=False)

        def show(done_ps: float) -> None:
            self._bars.update(self._total, completed=before + done_ps)
            if self._stop():
                raise KeyboardInterrupt

        yield show
        self._bars.update(self._total, completed=before + length_ps)


class Ticker:
    """Shows how many tests are done.

    Parameters
    ----------
    console
        Where to.
    total
        Number of tests.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._stop = console, StopRequest()
        self._bars = _bars(console, width=36)
        self._total = self._bars.add_task("audit", total=total)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Show the bar and listen to Ctrl-C."""
        self._stack.enter_context(self._stop.listening())
        self._stack.enter_context(self._bars)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of both, and say how to go on after Ctrl-C."""
        self._stack.close()
        if kind is KeyboardInterrupt:
            self._console.print("Stopped. Finished tests are kept: go on with --resume.")

    @contextlib.contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Show one test meanwhile."""
        self.tick()
        self._bars.update(self._total, description=name)
        yield
        self._bars.advance(self._total)

    def say(self, text: str) -> None:
        """Show what is done besides the tests that are counted."""
        self._bars.update(self._total, description=text)

    def tick(self) -> None:
        """Raise KeyboardInterrupt after Ctrl-C."""
        if self._stop():
            raise KeyboardInterrupt
