"""The part of a run's report about a ligand in its site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from openmm_innff.binding import SiteCourse
from openmm_innff.plotstyle import CYCLE, new_figure, style
from openmm_innff.report.html import heading, image, note, table
from openmm_innff.statistics import mean_with_error
from openmm_innff.torsions import BINS, distribution, similarity

_FEWEST = 10


@dataclass(frozen=True, eq=False)
class LigandReport:
    """What the report shows of a ligand.

    Parameters
    ----------
    temperatures
        Of the production run, K, by part, each of shape (n_blocks,).
    course
        Of the ligand in its site; None where nothing surrounds it.
    torsions
        Names of its torsions about rotatable bonds.
    angles, classical_angles
        Of these, with the model and with the force field alone, degrees, shape (n_frames,
        n_torsions).
    """

    temperatures: Mapping[str, NDArray[Any]]
    course: SiteCourse | None
    torsions: Sequence[str] = ()
    angles: NDArray[Any] | None = None
    classical_angles: NDArray[Any] | None = None


def ligand_sections(report: LigandReport, temperature: float) -> list[str]:
    """Make the sections of a page.

    Parameters
    ----------
    report
        What they show.
    temperature
        Of the thermostat, K.
    """
    rows = [
        (f"temperature of the {name} (K)", *_mean(values, 1), f"{temperature:g}")
        for name, values in report.temperatures.items()
    ]
    parts = [heading("The ligand")]
    course = report.course
    if course is not None:
        parts.append(image(site_figure(course), "The ligand in its site"))
        rows += [
            ("distance of its centre from the start (Å)", *_mean(course.displacement, 2), ""),
            ("RMSD of its heavy atoms (Å)", *_mean(course.rmsd, 2), ""),
        ]
        rows += [
            (f"distance from {name} (Å)", *_mean(values, 2), "")
            for name, values in course.distances.items()
        ]
        energies = {"Coulomb": course.coulomb, "Lennard-Jones": course.lennard_jones}
        rows += [
            (f"{name} energy with all others (kJ/mol)", *_mean(values, 1), "")
            for name, values in energies.items()
            if values is not None
        ]
    parts.append(table(("production run", "mean", "standard error", "thermostat"), rows))
    if course is not None:
        parts.append(
            note(
                "Frames are superposed on the heavy atoms that surround the ligand in the first "
                "one. Atoms that a symmetry could exchange count as moved when it turns; the "
                "distance of the centre does not know of it. Energies are those of the force "
                "field, by pairs and without a cutoff. Distances from residues are those of the "
                "closest heavy atoms."
            )
        )
    if report.torsions and report.angles is not None:
        parts += _torsion_sections(report, report.angles)
    return parts


def _torsion_sections(report: LigandReport, angles: NDArray[Any]) -> list[str]:
    parts = [heading("Torsions of the ligand"), image(torsion_figure(report), "Torsions")]
    if report.classical_angles is None:
        return [*parts, note("For those of the force field alone, set compare_torsions_ps.")]
    pairs = zip(angles.T, report.classical_angles.T, strict=True)
    shared = [similarity(distribution(ours), distribution(theirs)) for ours, theirs in pairs]
    rows = [(name, f"{value:.0%}") for name, value in zip(report.torsions, shared, strict=True)]
    return [
        *parts,
        table(("torsion", "shared by both distributions"), rows),
        note(
            f"{len(angles)} frames of the model and {len(report.classical_angles)} of the force "
            "field alone. Rare rotations need longer runs than fast ones before distributions can "
            "be told apart from chance."
        ),
    ]


def torsion_figure(report: LigandReport) -> Figure:
    """Draw the distributions of all torsions, with the model and with the force field alone.

    Parameters
    ----------
    report
        With angles.
    """
    count = len(report.torsions)
    columns = min(3, count)
    figure, axes = new_figure(-(-count // columns), columns, width=9.0 / columns, height=2.4)
    centres = (np.arange(BINS) + 0.5) * 360 / BINS - 180
    kinds = [("model", report.angles, CYCLE[0]), ("force field", report.classical_angles, CYCLE[1])]
    with style():
        for k, axis in enumerate(axes.flat):
            if k >= count:
                axis.set_axis_off()
                continue
            for name, values, colour in kinds:
                if values is not None:
                    axis.step(centres, 100 * distribution(values[:, k]), where="mid", label=name,
                              color=colour, linewidth=1.2)  # fmt: skip
            axis.set(title=report.torsions[k], xlim=(-180, 180), ylim=(0, None))
            axis.set_xticks([-180, -90, 0, 90, 180])
            axis.set_xlabel("degrees" if k + columns >= count else "")
        for axis in axes[:, 0]:
            axis.set_ylabel("share (%)")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def site_figure(course: SiteCourse) -> Figure:
    """Draw where the ligand is and what holds it, against time.

    Parameters
    ----------
    course
        Frame by frame.
    """
    energies = {
        name: values
        for name, values in (("Coulomb", course.coulomb), ("Lennard-Jones", course.lennard_jones))
        if values is not None
    }
    panels = 2 if energies else 1
    figure, axes = new_figure(1, panels, width=9.0 / panels, height=3.0)
    with style():
        first: Axes = axes[0, 0]
        first.plot(course.time, course.rmsd, label="RMSD of heavy atoms", linewidth=1.0)
        first.plot(course.time, course.displacement, label="centre", linewidth=1.0)
        first.set(title="Distance from the start", ylabel="distance (Å)")
        for (name, values), colour in zip(energies.items(), CYCLE[2:4], strict=False):
            axes[0, 1].plot(course.time, values, label=name, linewidth=1.0, color=colour)
        if energies:
            axes[0, 1].set(title="Energy with all others", ylabel="energy (kJ/mol)")
        for axis in axes[0]:
            axis.set_xlabel("time (ps)")
            axis.margins(x=0.02, y=0.15)
            axis.legend(loc="upper right", ncols=2)
        first.set_ylim(bottom=0)  # after the margins, which make room for the legend
    return figure


def _mean(values: NDArray[Any], digits: int) -> tuple[str, str]:
    if len(values) < _FEWEST:
        return f"{np.mean(values):.{digits}f}", "too few samples"
    found = mean_with_error(values)
    return f"{found.value:.{digits}f}", f"{found.error:.{digits}f}"
