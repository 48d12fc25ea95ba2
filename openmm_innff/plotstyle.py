"""One look for every plot: colours with a meaning, clean axes, figures without global state."""

import contextlib
import io
import os
from pathlib import Path
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from numpy.typing import NDArray

from openmm_innff.files import atomic_write

# Okabe and Ito's colours, which people with any colour vision can tell apart.
FAST: Final = "#D55E00"
SLOW: Final = "#0072B2"
TOTAL: Final = "#222222"
REFERENCE: Final = "#8C8C8C"
TRAINING: Final = "#56B4E9"
VALIDATION: Final = "#CC3311"
CYCLE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222")

_ELEMENT_COLOURS: Final = {
    "H": "#7A7A7A", "C": "#222222", "N": "#0072B2", "O": "#D55E00", "S": "#E69F00",
    "P": "#CC79A7", "F": "#009E73", "Cl": "#009E73", "Na": "#56B4E9",
}  # fmt: skip

# Keys of type Any: matplotlib 3.11 spells them all out as literals, older ones say str.
STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.formatter.useoffset": False,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
DPI: Final = 150


def style() -> contextlib.AbstractContextManager[None]:
    """Context in which lines, legends and texts are made; it leaves no trace in matplotlib."""
    return matplotlib.rc_context(STYLE)


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 4.2, height: float = 3.2, **subplots: Any
) -> tuple[Figure, NDArray[Any]]:
    """Return a figure and its axes in the style of the package.

    Parameters
    ----------
    rows, columns
        Number of panels.
    width, height
        Size of one panel in inches.
    **subplots
        Passed on to ``Figure.subplots``, such as ``sharex=True``.

    Returns
    -------
    figure : Figure
    axes : array of Axes, shape (rows, columns)
    """
    with style():
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, **subplots)
    return figure, axes


def element_colour(symbol: str) -> str:
    """Return a colour for an element, dark enough for points on white."""
    return _ELEMENT_COLOURS.get(symbol, CYCLE[3])


def note(axes: Axes, text: str) -> None:
    """Write a small note into the upper left corner."""
    axes.text(
        0.03, 0.97, text, transform=axes.transAxes, va="top", fontsize=9, color="#333333",
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2},
    )  # fmt: skip


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure atomically, in the format of its suffix (png, svg, pdf)."""
    path = Path(path)
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=path.suffix.lstrip(".") or "png", dpi=DPI)
    with atomic_write(path, "wb") as file:
        file.write(buffer.getvalue())
    return path
