"""One view of a whole run: rounds so far, what is done now, and time."""

import contextlib
import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

COLUMNS = ("round", "labels", "force MAE", "force RMSE", "energy MAE", "minutes")


class View:
    """Shows a run in a terminal, and lines of text elsewhere.

    Parameters
    ----------
    console : Console
    title : str
    minutes : float
        Spent before.
    """

    def __init__(self, console: Console, title: str, minutes: float = 0.0) -> None:
        self.console, self.title = console, title
        self._start = time.monotonic() - 60.0 * minutes
        self._rows: list[Sequence[str]] = []
        self._what, self._done, self._total = "", 0, 0
        self._since = time.monotonic()
        self._log: Path | None = None
        self._printed = -1

    @contextlib.contextmanager
    def showing(self) -> Iterator["View"]:
        """Show it meanwhile."""
        if not self.console.is_terminal:
            self.console.print(self.title, highlight=False, markup=False)
            yield self
            return
        with Live(get_renderable=self._render, console=self.console, refresh_per_second=2):
            yield self

    def begin(self, what: str, total: int = 0, log: Path | None = None) -> None:
        """Say what is done now.

        Parameters
        ----------
        what : str
        total : int
            Of what `advance` counts, or of optimiser steps if there is a log.
        log : Path, optional
            Of a training, which is read for its progress.
        """
        self._what, self._done, self._total, self._log = what, 0, total, log
        self._since, self._printed = time.monotonic(), -1
        if not self.console.is_terminal:
            self.console.print(f"{self._clock()} {what}", highlight=False)

    def advance(self, done: int, total: int | None = None) -> None:
        """Say how much of it is done."""
        self._done = done
        self._total = self._total if total is None else total

    def row(self, cells: Sequence[str]) -> None:
        """Add a finished round, see `COLUMNS`."""
        self._rows.append(cells)
        if not self.console.is_terminal:
            pairs = zip(COLUMNS, cells, strict=True)
            text = ", ".join(f"{name} {cell}" for name, cell in pairs)
            self.console.print(f"{self._clock()} {text}", highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        return f"[{minutes:3d}:{seconds:02d}]".replace("[", "\\[")

    def _render(self) -> RenderableType:
        table = Table(title=Text(self.title), title_justify="left")
        for name in COLUMNS:
            table.add_column(name, justify="right")
        for cells in self._rows:
            table.add_row(*cells)
        note = ""
        if self._log is not None:
            self._done, note = _progress(self._log)
        here = Table.grid(padding=(0, 1))
        parts: list[Any] = [Text(self._what)]
        if self._total:
            parts.append(ProgressBar(total=self._total, completed=self._done, width=30))
            parts.append(f"{self._done}/{self._total}{self._left()}")
        here.add_row(*parts, note)
        return Group(table, here, Text.from_markup(f"{self._clock()} in all", style="dim"))

    def _left(self) -> str:
        spent = time.monotonic() - self._since
        if not 0 < self._done < self._total or spent < 5.0:
            return ""
        return f", {spent * (self._total / self._done - 1) / 60:.1f} min left"


def _progress(log: Path) -> tuple[int, str]:
    """Return the optimiser steps that a training's log has, of all stages, and the last error."""
    try:
        with log.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return 0, ""
    if not rows:
        return 0, ""
    last = {row["stage"]: int(row["step"]) for row in rows}
    error = next((r["valid_force_mae"] for r in reversed(rows) if r["valid_force_mae"]), "")
    note = f"held-out force MAE {float(error):.1f} meV/A" if error else ""
    return sum(last.values()), note
