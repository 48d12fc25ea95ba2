"""Figures of tests: the panels of each potential in a row."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_innff.audit.pages.content import Audited
from openmm_innff.audit.result import Panel
from openmm_innff.plotstyle import CYCLE, REFERENCE, new_figure, note, style

_WIDTH, _HEIGHT = 9.0, 3.4
_MOST_LABELS = 8
_LINEAR_WITHIN = 0.5
"""Where an inverse hyperbolic sine turns from a straight line to a logarithm, in the axis' unit."""


def draw_test(audited: Sequence[Audited], place: int) -> Figure | None:
    """Draw the panels of one test.

    Parameters
    ----------
    audited
        Potentials; each with panels gets a row.
    place
        Of the test among the results.

    Returns
    -------
    Figure or None
        None if no potential has panels.
    """
    rows = [(a.name, a.results[place].panels) for a in audited if a.results[place].panels]
    if not rows:
        return None
    columns = max(len(panels) for _, panels in rows)
    width = _WIDTH / columns if columns > 1 else 0.75 * _WIDTH
    figure, axes = new_figure(len(rows), columns, width=width, height=_HEIGHT)
    with style():
        for line, (name, panels) in zip(axes, rows, strict=True):
            for axis, panel in zip(line, panels, strict=False):
                _draw(axis, panel)
                if len(audited) > 1:
                    axis.set_title(f"{panel.title}: {name}")
            for axis in line[len(panels) :]:
                axis.set_visible(False)
    return figure


def _draw(axis: Axes, panel: Panel) -> None:
    labelled = sum(bool(curve.label) for curve in panel.curves)
    for number, curve in enumerate(panel.curves):
        colour = CYCLE[number % len(CYCLE)]
        shape = ("-", "--", ":")[number // len(CYCLE) % 3]
        if not curve.label:
            colour = REFERENCE
        if curve.error:
            axis.errorbar(curve.x, curve.y, curve.error, fmt="none", ecolor=colour, capsize=2)
        if curve.points:
            axis.plot(curve.x, curve.y, "o", color=colour, label=curve.label or None)
        else:
            axis.plot(curve.x, curve.y, shape, color=colour, label=curve.label or None)
    _scale(axis, panel)
    for name, x in panel.marks:
        axis.axvline(x, color="#999999", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        axis.annotate(
            name, (x, 0.02), xycoords=("data", "axes fraction"), rotation=90, fontsize=8,
            color="#666666", ha="right", va="bottom",
        )  # fmt: skip
    axis.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    if 0 < labelled <= _MOST_LABELS:
        axis.legend(loc="best", ncols=1 + (labelled > 4))
    elif labelled:
        note(axis, f"{labelled} curves")


def _scale(axis: Axes, panel: Panel) -> None:
    if panel.x_log:
        axis.set_xscale("log")
    if panel.y_log:
        lowest = min((min(curve.y) for curve in panel.curves if curve.y), default=1.0)
        if lowest > 0:
            axis.set_yscale("log")
        else:
            axis.set_yscale("asinh", linear_width=_LINEAR_WITHIN)
    if panel.x_range:
        axis.set_xlim(*panel.x_range)
    if panel.y_range:
        values = np.concatenate([curve.y for curve in panel.curves])
        axis.set_ylim(max(panel.y_range[0], values.min() - 0.05), panel.y_range[1])
