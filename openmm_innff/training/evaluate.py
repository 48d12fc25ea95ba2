"""The errors of a model on labelled frames, as a report on the terminal and in files."""

import csv
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table

from openmm_innff.data import FrameSet
from openmm_innff.files import atomic_write, make_folder
from openmm_innff.plotstyle import save_figure
from openmm_innff.training.metrics import MILLI, Metrics, compare
from openmm_innff.training.plots import plot_parity
from openmm_innff.training.predict import Precision, Predictions, predict, reference_energies

if TYPE_CHECKING:
    from openmm_innff.model import Model


@dataclass(frozen=True)
class FrameErrors:
    """Errors of one frame: energy (offset removed) in meV/atom, forces in meV/angstrom."""

    source: str
    index: int
    n_atoms: int
    energy_error: float
    force_rmse: float
    force_max: float


@dataclass(frozen=True)
class EvaluationReport:
    """What `evaluate` found; prints as tables with rich, and goes to JSON by `to_dict`.

    Parameters
    ----------
    model
        Name of the model.
    data_sha256
        Content hash of the frames.
    metrics
        The errors.
    fast_force_rms, slow_force_rms
        RMS force components of the two parts in meV/angstrom.
    per_frame
        Errors of each frame, in the order of the frames.
    precision
        Of the network: "single" or "double".
    """

    model: str
    data_sha256: str
    metrics: Metrics
    fast_force_rms: float
    slow_force_rms: float
    per_frame: tuple[FrameErrors, ...]
    precision: Precision

    def worst(self, count: int = 5) -> tuple[FrameErrors, ...]:
        """Return the frames of the largest force RMSE, worst first."""
        ordered = sorted(self.per_frame, key=lambda frame: frame.force_rmse, reverse=True)
        return tuple(ordered[:count])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the list of all frames, as JSON can hold it."""
        return {
            "model": self.model,
            "data_sha256": self.data_sha256,
            "precision": self.precision,
            "units": {"energy": "meV", "force": "meV/angstrom"},
            "fast_force_rms": self.fast_force_rms,
            "slow_force_rms": self.slow_force_rms,
            "metrics": self.metrics.to_dict(),
            "worst_frames": [asdict(frame) for frame in self.worst()],
        }

    def __rich__(self) -> RenderableType:
        """Return tables for the terminal."""
        table = Table(
            title="Largest force errors", box=SIMPLE_HEAD, title_style="bold",
            caption="energy: error without the mean error", caption_justify="left",
        )  # fmt: skip
        table.add_column("file", overflow="fold")
        for name in ("frame", "atoms", "energy\nmeV/atom", "force RMSE\nmeV/Å", "largest\nmeV/Å"):
            table.add_column(name, justify="right", no_wrap=True)
        for frame in self.worst():
            table.add_row(
                frame.source,
                str(frame.index),
                str(frame.n_atoms),
                f"{frame.energy_error:+.3f}",
                f"{frame.force_rmse:.1f}",
                f"{frame.force_max:.1f}",
            )
        parts = (
            f"RMS force: fast part {self.fast_force_rms:.1f}, "
            f"slow part {self.slow_force_rms:.1f} meV/Å\n"
        )
        return Group(f"Model [bold]{self.model}[/bold]\n", self.metrics, parts, table)


def evaluate(
    model: "Model",
    frames: FrameSet,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    *,
    precision: Precision = "single",
) -> EvaluationReport:
    """Compare a model with reference frames; print the result, and write it into a folder.

    Parameters
    ----------
    model
        The model.
    frames
        Labelled frames, at least one.
    out
        Folder for ``evaluation.json``, ``errors.csv`` (each frame) and ``parity.png``; made if
        it doesn't exist. None writes nothing.
    progress
        Whether to print the report and show a progress bar.
    precision
        Precision of the network, "single" or "double".
    """
    potential = model.potential
    fast = predict(potential, frames, "fast", precision=precision, progress=progress)
    slow = predict(potential, frames, "slow", precision=precision, progress=progress)
    both = fast + slow
    total = Predictions(both.energies + reference_energies(potential, frames), both.forces)
    metrics = compare(frames, total.energies, total.forces)
    report = EvaluationReport(
        model=model.card.name,
        data_sha256=frames.sha256,
        metrics=metrics,
        fast_force_rms=fast.force_rms,
        slow_force_rms=slow.force_rms,
        per_frame=_per_frame(frames, total, metrics.energy_offset),
        precision=precision,
    )
    if out is not None:
        _write(report, make_folder(out))
        figure = plot_parity(frames, total.energies, total.forces, metrics)
        save_figure(figure, Path(out) / "parity.png")
    if progress:
        Console().print(report)
        if out is not None:
            print(f"Written to {out}: evaluation.json, errors.csv (each frame), parity.png")
    return report


def _per_frame(frames: FrameSet, total: Predictions, offset: float) -> tuple[FrameErrors, ...]:
    rows = []
    for number, (frame, energy, force) in enumerate(
        zip(frames, total.energies, total.forces, strict=True)
    ):
        error = MILLI * np.abs(force - frame.forces)
        rows.append(
            FrameErrors(
                source=str(frame.info.get("source", "")),
                index=int(frame.info.get("index", number)),
                n_atoms=len(frame),
                energy_error=MILLI * (float(energy) - frame.energy) / len(frame) - offset,
                force_rmse=float(np.sqrt(np.mean(error**2))),
                force_max=float(error.max()),
            )
        )
    return tuple(rows)


def _write(report: EvaluationReport, folder: Path) -> None:
    with atomic_write(folder / "evaluation.json") as file:
        json.dump(report.to_dict(), file, indent=2, allow_nan=False)
        file.write("\n")
    with atomic_write(folder / "errors.csv") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([
            "source", "index", "n_atoms", "energy_error_mev_per_atom",
            "force_rmse_mev_per_angstrom", "force_max_mev_per_angstrom",
        ])  # fmt: skip
        writer.writerows(asdict(row).values() for row in report.per_frame)
