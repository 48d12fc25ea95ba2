"""Figures of a run's report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from openmm_innff.analysis import RadialDistribution
from openmm_innff.plotstyle import FAST, REFERENCE, SLOW, TRAINING, new_figure, style
from openmm_innff.throughput import Speed

_TALLEST = 4.0
"""Highest g(r) shown, in case of a crystal."""


def course_figure(table: Mapping[str, NDArray[Any]], temperature: float, n_atoms: int) -> Figure:
    """Draw temperature and energy, and the density if it changes, against time.

    Parameters
    ----------
    table
        Columns of the table of a run; time in one line from equilibration to production, ps.
    temperature
        Of the thermostat, K.
    n_atoms
        Energies are shown per atom.
    """
    density = table["density_g_per_cm3"]
    panels = 2 + bool(np.ptp(density) > 0)
    figure, axes = new_figure(1, panels, width=9.0 / panels, height=3.0)
    with style():
        production = table["stage"] == "production"
        first: Axes = axes[0, 0]
        _course(first, table["time_ps"], table["temperature_K"], production)
        first.axhline(temperature, color="#444444", linewidth=0.9, linestyle=(0, (4, 3)))
        first.set(title="Temperature", ylabel="temperature (K)")
        first.legend(loc="upper right", ncols=2)
        second: Axes = axes[0, 1]
        for name, kinetic in (("potential", False), ("kinetic", True)):
            energy = 1000 * table[f"{name}_eV"] / n_atoms
            energy = energy - energy[production].mean()
            _course(second, table["time_ps"], energy, production, kinetic=kinetic)
        second.set(title="Energies, each from its mean", ylabel="energy (meV/atom)")
        lines = second.get_lines()
        second.legend([lines[1], lines[-1]], ["potential", "kinetic"], loc="upper right", ncols=2)
        if panels == 3:
            third: Axes = axes[0, 2]
            _course(third, table["time_ps"], density, production)
            third.set(title="Density", ylabel="density (g/cm³)")
        for axis in axes[0]:
            axis.set_xlabel("time (ps)")
            axis.margins(x=0.02)
    return figure


def _course(
    axes: Axes,
    time: NDArray[Any],
    values: NDArray[Any],
    production: NDArray[Any],
    kinetic: bool = False,
) -> None:
    colours = ("#D9D9D9", FAST) if kinetic else (REFERENCE, SLOW)
    for chosen, colour, label in zip(
        (~production, production), colours, ("equilibration", "production"), strict=True
    ):
        axes.plot(time[chosen], values[chosen], color=colour, linewidth=1.0, label=label)
    # The first moments after the start, far off, must not flatten the rest.
    settled = values[np.count_nonzero(~production) // 4 :]
    low, high = settled.min(), settled.max()
    room = max(high - low, 1e-9)
    axes.set_ylim(low - 0.15 * room, high + 0.3 * room)


def structure_figure(
    found: Sequence[RadialDistribution], reference: Mapping[str, RadialDistribution]
) -> Figure:
    """Draw radial distribution functions beside those of the reference data.

    Parameters
    ----------
    found
        Of the run, with error bands of two standard errors.
    reference
        By pair; pairs without one are drawn alone.
    """
    figure, axes = new_figure(1, len(found), width=9.0 / len(found), height=3.0)
    with style():
        for axis, function in zip(axes[0], found, strict=True):
            first, second = function.pair.split("-")
            other = reference.get(function.pair)
            tallest = function.g.max()
            if other is not None:
                axis.plot(other.r, other.g, color="#555555", linewidth=2.6, alpha=0.55,
                          label="reference data")  # fmt: skip
                tallest = max(tallest, other.g.max())
            band = 2 * function.error
            axis.fill_between(function.r, function.g - band, function.g + band,
                              color=TRAINING, alpha=0.45, linewidth=0)  # fmt: skip
            axis.plot(function.r, function.g, color=SLOW, linewidth=1.3, label="this run")
            axis.axhline(1.0, color="#BBBBBB", linewidth=0.8, zorder=0)
            axis.set(
                title=f"{first}–{second}",
                xlabel="r (Å)",
                ylabel="g(r)",
                xlim=(1.0, function.r[-1]),
                ylim=(0, min(_TALLEST, 1.25 * tallest)),
            )
        axes[0, 0].legend(loc="upper right")
    return figure


def speed_figure(speeds: Sequence[Speed]) -> Figure:
    """Draw speeds as bars, the range of the repeats as a line.

    Parameters
    ----------
    speeds
        As measured.
    """
    figure, axes = new_figure(1, 1, width=9.0, height=0.5 + 0.42 * len(speeds))
    with style():
        axis: Axes = axes[0, 0]
        names = [speed.name for speed in speeds]
        values = np.array([speed.ns_per_day for speed in speeds])
        ranges = np.array([[s.ns_per_day - s.slowest, s.fastest - s.ns_per_day] for s in speeds])
        colours = [REFERENCE] * (len(speeds) - 1) + [SLOW]
        axis.barh(names, values, 0.6, color=colours, xerr=ranges.T, ecolor="#222222", capsize=2)
        axis.invert_yaxis()
        axis.grid(axis="y", visible=False)
        axis.set_xlabel("ns/day")
    return figure
