"""Pictures of a training run (learning curve) and of a model's errors (parity)."""

import csv
import math
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from openmm_innff import plotstyle
from openmm_innff.data import FrameSet, fit_baseline
from openmm_innff.errors import DataError
from openmm_innff.training.metrics import MILLI, Errors, Metrics

# Panels of the learning curve: axis label, then (column, legend, colour) of each line.
_PANELS: Final = (
    (
        "force error (meV/Å)",
        (
            ("train_force_rmse", "training RMSE", plotstyle.TRAINING),
            ("valid_force_rmse", "validation RMSE", plotstyle.VALIDATION),
            ("valid_force_mae", "validation MAE", plotstyle.REFERENCE),
        ),
    ),
    (
        "energy error (meV/atom)",
        (
            ("train_energy_rmse", "training RMSE", plotstyle.TRAINING),
            ("valid_energy_rmse", "validation RMSE", plotstyle.REFERENCE),
            (
                "valid_energy_rmse_shifted",
                "validation RMSE, offset removed",
                plotstyle.VALIDATION,
            ),
        ),
    ),
    ("RMS change of the slow force (meV/Å)", (("slow_change_rms", "", plotstyle.SLOW),)),
    ("learning rate", (("learning_rate", "", plotstyle.TOTAL),)),
)
_STAGE_COLOURS: Final = ("#F3F3F3", "#E2ECF5")
_MANY_POINTS: Final = 20_000


def read_log(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Read a CSV log as text by column; a last line cut short by a kill is left out.

    Raises
    ------
    DataError
        If the file can't be read or has no rows.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"can't read the log '{path}': {error}") from error
    rows = [row for row in rows if len(row) == len(header)]
    if not rows:
        raise DataError(f"the log '{path}' must have at least one row, found none")
    return {
        name: list(values) for name, values in zip(header, zip(*rows, strict=True), strict=True)
    }


def plot_learning_curve(log: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Plot the trainer's CSV log; columns are found by name, and missing ones left out.

    Parameters
    ----------
    log
        CSV file with a header; `stage` shades the background, one row per epoch.
    out
        Picture to write.
    """
    columns = read_log(log)
    length = len(next(iter(columns.values())))
    series = {name: _numbers(values) for name, values in columns.items() if name != "stage"}
    shown = [
        (label, lines)
        for label, all_lines in _PANELS
        if (lines := [line for line in all_lines if _has_data(series.get(line[0]))])
    ]
    if not shown:
        raise DataError(
            f"the log '{log}' has none of the known columns, found {', '.join(columns)}"
        )
    rows = math.ceil(len(shown) / 2)
    figure, grid = plotstyle.new_figure(rows, min(2, len(shown)), width=5.0, height=3.2)
    epochs = np.arange(1, length + 1)
    stages = columns.get("stage", [""] * length)
    with plotstyle.style():
        for axes, (label, lines) in zip(grid.flat, shown, strict=False):
            _shade_stages(axes, stages)
            for name, legend, colour in lines:
                _draw(axes, epochs, series[name], legend, colour)
            _finish(axes, label, [series[name] for name, _, _ in lines])
        for axes in grid.flat[len(shown) :]:
            axes.remove()
    return plotstyle.save_figure(figure, out)


def _numbers(values: Sequence[str]) -> NDArray[np.float64]:
    """Parse numbers; what is empty or not a number becomes NaN."""

    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return math.nan

    return np.array([number(text) for text in values])


def _has_data(values: NDArray[np.float64] | None) -> bool:
    return values is not None and bool(np.any(np.isfinite(values) & (values > 0)))


def _draw(
    axes: Axes, epochs: NDArray[np.int64], values: NDArray[np.float64], legend: str, colour: str
) -> None:
    there = np.isfinite(values)
    marker = "o" if there.sum() < 15 else ""
    axes.plot(epochs[there], values[there], color=colour, label=legend, marker=marker)


def _shade_stages(axes: Axes, stages: Sequence[str]) -> None:
    start = 0
    for number, (stage, rows) in enumerate(groupby(stages)):
        stop = start + len(list(rows))
        axes.axvspan(start + 0.5, stop + 0.5, color=_STAGE_COLOURS[number % 2], lw=0, zorder=0)
        if stage:
            name = f"stage {stage}" if stage.isdecimal() else stage
            axes.text(
                (start + stop + 1) / 2, 1.01, name, transform=axes.get_xaxis_transform(),
                ha="center", va="bottom", fontsize=9, color="#555555",
            )  # fmt: skip
        start = stop
    axes.set_xlim(0.5, start + 0.5)


def _finish(axes: Axes, label: str, lines: Sequence[NDArray[np.float64]]) -> None:
    values = np.concatenate(lines)
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.max() > 3 * positive.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0.0, 1.15 * positive.max())
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(lines) > 1:
        axes.legend()


def plot_parity(
    frames: FrameSet,
    energies: ArrayLike,
    forces: Sequence[NDArray[np.floating]],
    metrics: Metrics,
) -> Figure:
    """Plot predictions against references: energy, then the forces on each element.

    Parameters
    ----------
    frames
        The reference.
    energies
        Predicted total energies in eV, shape (frames,).
    forces
        Predicted forces of each frame in eV/angstrom, each of shape (N, 3).
    metrics
        The errors of these predictions, written into the panels.
    """
    elements = tuple(metrics.forces_by_element)
    panels = 1 + len(elements)
    columns = min(3, panels)
    figure, grid = plotstyle.new_figure(math.ceil(panels / columns), columns, height=4.0)
    numbers = np.concatenate([frame.numbers for frame in frames])
    wanted = np.concatenate([frame.forces for frame in frames])
    found = np.concatenate(list(forces))
    with plotstyle.style():
        baseline = fit_baseline(frames).of(frames)
        scale = MILLI / frames.sizes
        _parity(
            grid.flat[0],
            scale * (frames.energies - baseline),
            scale * (np.asarray(energies) - baseline) - metrics.energy_offset,
            ("energy, offset removed", "meV/atom", plotstyle.TOTAL),
            metrics.energy_per_atom_shifted,
        )
        for axes, symbol, z in zip(grid.flat[1:], elements, np.unique(numbers), strict=False):
            of_element = numbers == z
            _parity(
                axes,
                wanted[of_element].ravel(),
                found[of_element].ravel(),
                (f"force component on {symbol}", "eV/Å", plotstyle.element_colour(symbol)),
                metrics.forces_by_element[symbol],
            )
        for axes in grid.flat[panels:]:
            axes.remove()
    return figure


def _parity(
    axes: Axes,
    wanted: NDArray[np.float64],
    found: NDArray[np.floating],
    what: tuple[str, str, str],
    errors: Errors,
) -> None:
    """Draw one square panel with the diagonal; `what` is title, unit and colour."""
    title, unit, colour = what
    low, high = min(wanted.min(), found.min()), max(wanted.max(), found.max())
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    many = len(wanted) > 500
    axes.plot(limits, limits, color=plotstyle.REFERENCE, lw=1.0, zorder=1)
    # Each point is drawn as a pixel where there are many, else the file grows by megabytes.
    axes.scatter(
        wanted, found, s=4 if many else 14, c=colour, alpha=0.35 if many else 0.7, lw=0, zorder=2,
        rasterized=len(wanted) > _MANY_POINTS,
    )  # fmt: skip
    axes.set(
        title=title, xlim=limits, ylim=limits, aspect="equal",
        xlabel=f"reference ({unit})", ylabel=f"model ({unit})",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6))
    error_unit = "meV/atom" if unit == "meV/atom" else "meV/Å"
    digits = 3 if unit == "meV/atom" else 1
    plotstyle.note(
        axes,
        f"RMSE {errors.rmse:.{digits}f} {error_unit}\nMAE {errors.mae:.{digits}f} {error_unit}",
    )
