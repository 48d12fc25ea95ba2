"""Figures of tests: the panels of each potential in a row."""

import io
from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator
from PIL import Image  # matplotlib needs it too

from openmm_innff.audit.pages.content import Audited
from openmm_innff.audit.result import Curve, Panel
from openmm_innff.elements import SYMBOLS
from openmm_innff.plotstyle import (
    CYCLE,
    FAST,
    REFERENCE,
    SLOW,
    TOTAL,
    TRAINING,
    VALIDATION,
    element_colour,
    new_figure,
    note,
    style,
)

_WIDTH, _HEIGHT = 9.0, 3.4
_COLUMNS = 3
_SMALLER, _COLOURS_OF_SMALLER, _OCTREE = 2 / 3, 64, Image.Quantize.FASTOCTREE
_MOST_LABELS = 8
_MOST_ROWS, _LONG = 4, 8
"""More labels are in two columns, unless one has more letters."""
_MANY = 500
"""More points are drawn smaller, and let others shine through."""
_COLOURS: Final = {
    "fast": FAST, "slow": SLOW, "total": TOTAL,
    "often": SLOW, "seldom": TRAINING, "never": "#C8C8C8", "structures only": VALIDATION,
}  # fmt: skip
"""Of curves that have these names; elements have their own."""
_LINEAR_WITHIN = 0.5
"""Where an inverse hyperbolic sine turns from a straight line to a logarithm, in the axis' unit."""
_TICKS: Final = [0.0, *(sign * 10.0**power for power in range(7) for sign in (-1, 1))]
"""Of such an axis: smaller numbers would lie on each other."""


def draw_test(audited: Sequence[Audited], place: int) -> Figure | None:
    """Draw the panels of one test.

    Parameters
    ----------
    audited
        Potentials; each with panels gets one or more rows.
    place
        Of the test among the results.

    Returns
    -------
    Figure or None
        None if no potential has panels.
    """
    rows = []
    for one in audited:
        panels = one.results[place].panels
        for first in range(0, len(panels), _COLUMNS):
            rows.append((one.name, panels[first : first + _COLUMNS]))
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
                line[0].set_title(f"{name}\n{panels[0].title}")
            for axis in line[len(panels) :]:
                axis.set_visible(False)
    return figure


def smaller(content: bytes) -> bytes:
    """Return a PNG file of a figure with fewer points and colours, as is enough for lines."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(content)) as drawn:
        size = (round(_SMALLER * drawn.width), round(_SMALLER * drawn.height))
        few = drawn.convert("RGB").resize(size).quantize(_COLOURS_OF_SMALLER, _OCTREE)
    few.save(small, "png", optimize=True)
    return small.getvalue()


def _draw(axis: Axes, panel: Panel) -> None:
    labelled = sum(bool(curve.label) for curve in panel.curves)
    for number, curve in enumerate(panel.curves):
        colour = _colour(curve, number)
        shape = ("-", "--", ":")[number // len(CYCLE) % 3]
        if curve.error:
            axis.errorbar(curve.x, curve.y, curve.error, fmt="none", ecolor=colour, capsize=2)
        if curve.points:
            many = len(curve.x) > _MANY
            axis.plot(
                curve.x, curve.y, "o", color=colour, markersize=2.5 if many else 5.0,
                alpha=0.4 if many else 1.0, markeredgewidth=0.0, label=curve.label or None,
            )  # fmt: skip
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
    if labelled > _MOST_LABELS:
        note(axis, f"{labelled} curves")
    elif labelled:
        _legend(axis, panel, labelled)


def _colour(curve: Curve, number: int) -> str:
    if curve.label in SYMBOLS:
        return element_colour(curve.label)
    return _COLOURS.get(curve.label, CYCLE[number % len(CYCLE)]) if curve.label else REFERENCE


def _legend(axis: Axes, panel: Panel, labelled: int) -> None:
    if panel.same_scale:  # atoms are everywhere
        legend = axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    else:
        longest = max(len(curve.label) for curve in panel.curves)
        columns = 2 if labelled > _MOST_ROWS and longest < _LONG else 1
        legend = axis.legend(
            loc="best", ncols=columns, frameon=True, framealpha=0.8, edgecolor="none"
        )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


def _scale(axis: Axes, panel: Panel) -> None:
    if panel.x_log:
        axis.set_xscale("log")
        ends = [limit(curve.x) for curve in panel.curves if curve.x for limit in (min, max)]
        if ends and max(ends) > 10 * min(ends):
            axis.xaxis.set_minor_formatter(NullFormatter())  # they would lie on each other
    if panel.y_log:
        lowest = min((min(curve.y) for curve in panel.curves if curve.y), default=1.0)
        if lowest > 0:
            axis.set_yscale("log")
        else:
            axis.set_yscale("asinh", linear_width=_LINEAR_WITHIN)
            axis.yaxis.set_major_locator(FixedLocator(_TICKS))
            axis.yaxis.set_minor_locator(NullLocator())
            axis.yaxis.set_major_formatter("{x:g}")
    if panel.x_range:
        axis.set_xlim(*panel.x_range)
    if panel.y_range:
        axis.set_ylim(*panel.y_range)
    if panel.same_scale:
        axis.set_aspect("equal", adjustable="datalim")
