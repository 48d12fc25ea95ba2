"""The view of a campaign in a terminal."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from openmm_innff.reference.campaign import Tally


@contextlib.contextmanager
def watching(console: Console, what: str) -> Iterator[Callable[[Tally], None]]:
    """Show a bar in a terminal; elsewhere a line now and then.

    Parameters
    ----------
    console : Console
    what : str
        Is calculated.

    Yields
    ------
    callable
        To be called with the tally after each frame.
    """
    if not console.is_terminal:
        yield _lines(console, what)
        return
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        console=console,
    )
    task = bar.add_task(what, note="")

    def show(tally: Tally) -> None:
        bar.update(task, total=tally.total, completed=tally.total - tally.left, note=_note(tally))

    with bar:
        yield show


def _note(tally: Tally) -> str:
    count = tally.done + tally.failed
    parts = [f"{tally.seconds / count:.2g} s each"] if count else []
    return ", ".join(parts + ([f"{tally.failed} failed"] if tally.failed else []))


def _lines(console: Console, what: str) -> Callable[[Tally], None]:
    printed = -1

    def show(tally: Tally) -> None:
        nonlocal printed
        tenth = 10 * (tally.total - tally.left) // max(tally.total, 1)
        if tenth > printed:
            printed = tenth
            note = _note(tally)
            console.print(
                f"{what}: {tally.total - tally.left} of {tally.total}" + (f", {note}" * bool(note)),
                highlight=False,
            )

    return show
