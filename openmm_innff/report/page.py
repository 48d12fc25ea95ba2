"""The page: numbers and figures of a run as HTML that needs no other file."""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from openmm_innff.analysis import Agreement, RadialDistribution, agreement
from openmm_innff.files import atomic_write
from openmm_innff.plotstyle import DPI, style
from openmm_innff.report.figures import course_figure, speed_figure, structure_figure
from openmm_innff.throughput import Speed

_BLOCKS = 5
Facts = Sequence[tuple[str, str]]


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
        _heading("Course of the run"),
        _image(
            course_figure(report.table, report.temperature, report.n_atoms), "Course of the run"
        ),
        _note("Dashed: the thermostat's temperature. " + _fluctuation(report)),
        *_speed(report),
    ]
    for heading, facts in report.facts.items():
        sections += [_heading(heading), _facts(facts)]
    if report.commands:
        sections.append(_heading("How to go on"))
        sections += [
            f"<p>{_escape(what)}</p><code>{_escape(do)}</code>" for what, do in report.commands
        ]
    template = Template((resources.files(__package__) / "page.html").read_text("utf-8"))
    with atomic_write(path) as file:
        file.write(
            template.substitute(
                title=_escape(report.title),
                lead=_escape(report.lead),
                tiles="\n".join(_tiles(report)),
                sections="\n".join(sections),
            )
        )


def _tiles(report: RunReport) -> Iterable[str]:
    yield _tile(f"{report.run_speed:.2g} ns/day", "speed of this run")
    if report.speeds:
        gain = report.speeds[-1].ns_per_day / report.speeds[0].ns_per_day
        yield _tile(f"{gain:.1f} times", f"as fast as {report.speeds[0].name}")
    mean, error = report.mean_temperature()
    yield _tile(
        f"{mean:.1f} ± {error:.1f} K", f"temperature; thermostat at {report.temperature:g} K"
    )
    agreements = report.agreements()
    if agreements:
        worst = min(found.similarity for found in agreements)
        yield _tile(f"{worst:.0%} or more", "of each g(r) agrees with the reference data")


def _structure(report: RunReport) -> list[str]:
    if not report.structure:
        return []
    parts = [_heading("Structure"), _image(structure_figure(report.structure, report.reference),
             "Radial distribution functions")]  # fmt: skip
    parts.append(
        _note(
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
        parts.append(_table(head, rows))
        parts.append(
            _note(
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
        _heading("What multiple time steps gain"),
        _image(speed_figure(report.speeds), "Speeds"),
        _table(head, rows),
        _note(
            "Measured at the end of this run with the same System, positions and thermostat: "
            "short segments of equal duration, all in turn, five times each; medians, and "
            "the range as a line. Evaluations are counted as they happen. Nothing is written "
            "meanwhile, so the run itself is a little slower. Like is compared with like where the "
            "fast step is the single step; the last row is how this run was made."
        ),
    ]


def _fluctuation(report: RunReport) -> str:
    mean, error = report.mean_temperature()
    return f"Mean temperature of the production run: {mean:.1f} ± {error:.1f} K (standard error)."


def _image(figure: Figure, description: str) -> str:
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=DPI)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{_escape(description)}">'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        first, *others = map(_escape, cells)
        numbers = "".join(f'<{tag} class="number">{cell}</{tag}>' for cell in others)
        return f"<tr><{tag}>{first}</{tag}>{numbers}</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _facts(facts: Facts) -> str:
    rows = "".join(
        f"<tr><td>{_escape(name)}</td><td>{_escape(value)}</td></tr>" for name, value in facts
    )
    return f'<table class="facts">{rows}</table>'


def _tile(value: str, text: str) -> str:
    return f'<div class="tile"><b>{_escape(value)}</b><span>{_escape(text)}</span></div>'


def _heading(text: str) -> str:
    return f"<h2>{_escape(text)}</h2>"


def _note(text: str) -> str:
    return f'<p class="note">{_escape(text)}</p>'


def _escape(text: str) -> str:
    return html.escape(str(text))
