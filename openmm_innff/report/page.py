"""The page: numbers and figures of a run as HTML that needs no other file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_innff.analysis import Agreement, RadialDistribution, agreement
from openmm_innff.report.figures import course_figure, speed_figure, structure_figure
from openmm_innff.report.html import (
    Facts,
    escape,
    facts_table,
    heading,
    image,
    note,
    table,
    tile,
    write_page,
)
from openmm_innff.report.ligand import LigandReport, ligand_sections
from openmm_innff.throughput import Speed

_BLOCKS = 5


@dataclass(frozen=True, eq=False)
class RunReport:
    """What the report of a run shows.

    Parameters
    ----------
    title, lead
        Heading, and a sentence about what was run.
    table
        Columns of the run's table, see `openmm_innff.simulation.outputs.Sample`; times in one
        line from equilibration to production.
    temperature
        Of the thermostat, K.
    n_atoms
        Number of atoms.
    run_speed
        Speed of the whole production run, ns/day.
    structure
        Radial distribution functions of the run.
    reference
        Those of the reference data, by pair.
    speeds
        Measured speeds of single steps, then of multiple time steps.
    facts
        Tables of names and values, by heading.
    commands
        How to go on: what for, and the command.
    ligand
        Of a run with a ligand.
    """

    title: str
    lead: str
    table: Mapping[str, NDArray[Any]]
    temperature: float
    n_atoms: int
    run_speed: float
    structure: Sequence[RadialDistribution] = ()
    reference: Mapping[str, RadialDistribution] = field(default_factory=dict)
    speeds: Sequence[Speed] = ()
    facts: Mapping[str, Facts] = field(default_factory=dict)
    commands: Facts = ()
    ligand: LigandReport | None = None

    def agreements(self) -> list[Agreement]:
        """Agreement of each g(r) that has a reference."""
        return [
            agreement(found, self.reference[found.pair])
            for found in self.structure
            if found.pair in self.reference
        ]

    def mean_temperature(self) -> tuple[float, float]:
        """Mean over the production run and its standard error from blocks, K."""
        values = self.table["temperature_K"][self.table["stage"] == "production"]
        if len(values) < 2 * _BLOCKS:
            return float(values.mean()), float("nan")
        means = [block.mean() for block in np.array_split(values, _BLOCKS)]
        return float(values.mean()), float(np.std(means, ddof=1) / np.sqrt(_BLOCKS))

    def temperature_text(self) -> str:
        """Say the mean temperature, with its standard error if that can be told."""
        mean, error = self.mean_temperature()
        if np.isnan(error):
            return f"{mean:.1f} K (too few samples for an error)"
        return f"{mean:.1f} ± {error:.1f} K"


def write_report(report: RunReport, path: Path) -> None:
    """Write the page.

    Parameters
    ----------
    report
        What it shows.
    path
        HTML file to write, atomically.
    """
    sections = [
        *_structure(report),
        *(ligand_sections(report.ligand, report.temperature) if report.ligand else ()),
        heading("Course of the run"),
        image(course_figure(report.table, report.temperature, report.n_atoms), "Course of the run"),
        note("Dashed: the thermostat's temperature. " + _fluctuation(report)),
        *_speed(report),
    ]
    for name, facts in report.facts.items():
        sections += [heading(name), facts_table(facts)]
    if report.commands:
        sections.append(heading("How to go on"))
        sections += [
            f"<p>{escape(what)}</p><code>{escape(do)}</code>" for what, do in report.commands
        ]
    write_page(path, report.title, report.lead, _tiles(report), sections)


def _tiles(report: RunReport) -> Iterable[str]:
    yield tile(f"{report.run_speed:.2g} ns/day", "speed of this run")
    if report.speeds:
        single = next(s for s in report.speeds if s.name.startswith("single"))
        gain = report.speeds[-1].ns_per_day / single.ns_per_day
        yield tile(f"{gain:.1f} times", f"as fast as {single.name}")
    thermostat = f"temperature; thermostat at {report.temperature:g} K"
    yield tile(report.temperature_text(), thermostat)
    agreements = report.agreements()
    if agreements:
        worst = min(found.similarity for found in agreements)
        yield tile(f"{worst:.0%} or more", "of each g(r) agrees with the reference data")


def _structure(report: RunReport) -> list[str]:
    if not report.structure:
        return []
    parts = [heading("Structure"), image(structure_figure(report.structure, report.reference),
             "Radial distribution functions")]  # fmt: skip
    parts.append(
        note(
            "Radial distribution functions of atoms in different molecules. The band is two "
            "standard errors, from the scatter of five parts of the run."
        )
    )
    agreements = report.agreements()
    if agreements:
        head = ("pair", "similarity", "mean difference", "of which noise explains")
        rows = [
            (a.pair, f"{a.similarity:.1%}", f"{a.difference:.3f}", f"{a.noise:.3f}")
            for a in agreements
        ]
        parts.append(table(head, rows))
        parts.append(
            note(
                "Similarity of this run (g) and the reference data (g'): "
                "1 - Σ|g - g'| / Σ(g + g'), which is 100% if they are the same. Noise: the "
                "difference to be expected from the statistical errors of both alone."
            )
        )
    return parts


def _speed(report: RunReport) -> list[str]:
    if not report.speeds:
        return []
    half, one = report.speeds[0].ns_per_day, report.speeds[1].ns_per_day
    head = ("steps", "ns/day", "fast evaluations per ps", "slow evaluations per ps",
            f"against {report.speeds[0].name}", f"against {report.speeds[1].name}")  # fmt: skip
    rows = [
        (s.name, f"{s.ns_per_day:.3g}", f"{s.fast_per_ps:.0f}", f"{s.slow_per_ps:.0f}",
         f"{s.ns_per_day / half:.2f} times", f"{s.ns_per_day / one:.2f} times")
        for s in report.speeds
    ]  # fmt: skip
    return [
        heading("What multiple time steps gain"),
        image(speed_figure(report.speeds), "Speeds"),
        table(head, rows),
        note(
            "Measured at the end of this run with the same potential, positions and thermostat: "
            "short segments of equal duration, all in turn, five times each; medians, and "
            "the range as a line. Single steps evaluate the whole potential as one force, which "
            "is quickest (counted here as slow). Evaluations are counted as they happen. Nothing "
            "is written meanwhile, so the run itself is a little slower. Like is compared with "
            "like where the fast step is the single step; the last row is how this run was made."
        ),
    ]


def _fluctuation(report: RunReport) -> str:
    return f"Mean temperature of the production run: {report.temperature_text()}, standard error."
