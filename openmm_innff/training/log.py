"""The training log: a CSV that survives interruption, and its live view in the terminal."""

import csv
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from openmm_innff.files import atomic_write
from openmm_innff.training.trainer import STAGES, Trainer

COLUMNS = (
    "stage",
    "epoch",
    "step",
    "seconds",
    "learning_rate",
    "loss",
    "train_force_rmse",
    "train_energy_rmse",
    "valid_force_rmse",
    "valid_force_mae",
    "valid_energy_rmse",
    "valid_energy_rmse_shifted",
    "slow_force_rms",
    "slow_change_rms",
)
SHOWN = {
    "stage": "stage",
    "epoch": "epoch",
    "loss": "loss",
    "train_force_rmse": "train F",
    "valid_force_rmse": "valid F",
    "train_energy_rmse": "train E",
    "valid_energy_rmse_shifted": "valid E",
    "slow_force_rms": "slow F",
    "slow_change_rms": "slow dF",
}
RECENT = 8


def epoch_row(trainer: Trainer, validation: dict[str, float]) -> dict[str, str]:
    """Return a row of the log; forces in meV/angstrom, energies in meV per atom."""
    sums = trainer.sums
    steps = max(sums.steps, 1)
    numbers = {
        "seconds": trainer.seconds,
        "learning_rate": trainer.learning_rate(),
        "loss": sums.loss / steps,
        **validation,
    }
    if sums.force:  # not when distilling
        numbers["train_force_rmse"] = 1e3 * math.sqrt(sums.force / steps)
        numbers["train_energy_rmse"] = _per_atom_energy(trainer)
    if sums.slow:
        numbers["slow_force_rms"] = 1e3 * math.sqrt(sums.slow / steps)
    if sums.changes:
        numbers["slow_change_rms"] = 1e3 * math.sqrt(sums.change / sums.changes)
    row = {"stage": trainer.stage, "epoch": str(trainer.epoch), "step": str(trainer.step)}
    return {**row, **{name: f"{value:.6g}" for name, value in numbers.items()}}


def _per_atom_energy(trainer: Trainer) -> float:
    """Turn the mean of (E - E_ref)^2 / N into an error per atom with the mean frame size."""
    sizes = [len(batch.frame) for batch in trainer.training]
    mean_size = sum(sizes) / len(sizes)
    return 1e3 * math.sqrt(trainer.sums.energy / max(trainer.sums.steps, 1) / mean_size)


class TrainingLog:
    """Rows in memory and on disk.

    Parameters
    ----------
    path : path
        CSV file.
    resume : bool
        Whether to keep the rows that are there.
    """

    def __init__(self, path: str | os.PathLike[str], resume: bool) -> None:
        self.path = Path(path)
        self.rows: list[dict[str, str]] = []
        if resume and self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as file:
                self.rows = list(csv.DictReader(file))

    def drop_after(self, stage: str, epoch: int) -> None:
        """Forget rows that lie after a checkpoint."""
        order = list(STAGES)  # no run has stages of both kinds
        here = (order.index(stage), epoch)
        self.rows = [
            row for row in self.rows if (order.index(row["stage"]), int(row["epoch"])) <= here
        ]

    def add(self, row: dict[str, str]) -> None:
        """Add a row and write the file."""
        self.rows.append(row)
        with atomic_write(self.path) as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)

    def table(self) -> Table:
        """Return the latest rows for the terminal."""
        table = Table(
            title="force: meV/A, energy: meV/atom, RMSE of the averaged model",
            title_justify="left",
        )
        for name in SHOWN.values():
            table.add_column(name, justify="right")
        for row in self.rows[-RECENT:]:
            table.add_row(*(_short(row.get(key, "")) for key in SHOWN))
        return table


def _short(text: str) -> str:
    try:
        return text if text.isdigit() else f"{float(text):.3g}"
    except ValueError:
        return text


def progress_bar(what: str = "steps", console: Console | None = None) -> Progress:
    """Return the progress bar of a training stage, or of something else that is counted.

    Parameters
    ----------
    what : str
        Is counted.
    console : Console, optional
        Nothing is shown where it is no terminal. Without it, a display has to show the bar.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(what),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        console=console,
        disable=console is not None and not console.is_terminal,
    )


@contextmanager
def display(console: Console, log: TrainingLog, bar: Progress) -> Iterator[Callable[[], None]]:
    """Show a live table and the bar in a terminal, a line per epoch elsewhere.

    Yields
    ------
    callable
        To be called when the log has a new row.
    """
    if not console.is_terminal:
        yield lambda: console.print(_line(log.rows[-1]), highlight=False, soft_wrap=True)
        return
    with Live(Group(log.table(), bar), console=console, refresh_per_second=2) as live:
        yield lambda: live.update(Group(log.table(), bar))


def _line(row: dict[str, str]) -> str:
    values = (f"{name} {_short(row[key])}" for key, name in SHOWN.items() if row.get(key))
    return ", ".join(values)
