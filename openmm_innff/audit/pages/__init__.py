"""Reports of an audit: a page, Markdown, JSON, and a table for the terminal."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from openmm_innff.audit.pages.content import Audited, number_text, value_text, verdict_text
from openmm_innff.audit.pages.figure import draw_test
from openmm_innff.audit.pages.html import write_html
from openmm_innff.audit.pages.markdown import write_markdown
from openmm_innff.files import atomic_write
from openmm_innff.report.html import png
from openmm_innff.simulation.machine import prepare_machine

__all__ = ["Audited", "print_table", "write_reports"]

_SHORT = {"not applicable": "– n/a"}
"""A terminal is narrow."""
_COLOURS = {"pass": "green", "fail": "red", "unclear": "yellow", "not applicable": "dim"}


def write_reports(
    out: Path, audited: Sequence[Audited], effort: str, seed: int, copy: Path | None = None
) -> None:
    """Write ``report.html``, ``report.md`` with its figures, and ``report.json``.

    Parameters
    ----------
    out
        Folder.
    audited
        Potentials and their results; the first is the one in question.
    effort, seed
        Of the audit.
    copy
        Where the Markdown is to be besides, if anywhere.
    """
    machine = prepare_machine("Reference", "double").facts()
    facts = [("effort", effort), ("seed", str(seed)), *machine]
    seconds = sum(result.seconds for one in audited for result in one.results)
    today = datetime.date.today().isoformat()
    lead = f"{len(audited[0].results)} tests, {seconds:.0f} s, {today}. Effort: {effort}."
    content = {
        "facts": dict(facts),
        "audited": [
            {
                "name": one.name,
                "facts": dict(one.facts),
                "results": [result.to_dict() for result in one.results],
            }
            for one in audited
        ],
    }
    with atomic_write(out / "report.json") as file:
        json.dump(content, file, indent=1, allow_nan=False)
    drawn = {
        result.name: draw_test(audited, place) for place, result in enumerate(audited[0].results)
    }
    figures = {name: png(figure) for name, figure in drawn.items() if figure is not None}
    paths = [out / "report.md", *([] if copy is None else [copy])]
    write_markdown(paths, audited, lead, facts, figures)
    write_html(out / "report.html", audited, lead, facts, figures)


def print_table(console: Console, audited: Sequence[Audited], out: Path) -> None:
    """Print the verdicts and where the report is."""
    for one in audited:
        table = Table(
            title=one.name, title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0)
        )
        for heading in ("test", "verdict", "value", "limit", "s"):
            table.add_column(heading, no_wrap=True)
        for result in one.results:
            colour = _COLOURS[result.verdict]
            verdict = f"[{colour}]{_SHORT.get(result.verdict, verdict_text(result))}[/{colour}]"
            limit, seconds = number_text(result.threshold), f"{result.seconds:.0f}"
            table.add_row(result.name, verdict, value_text(result), limit, seconds)
        console.print(table)
        counts = [f"{one.count(v)} {v}" for v in _COLOURS if one.count(v)]
        console.print(f"{one.name}: {', '.join(counts)}", highlight=False, soft_wrap=True)
    console.print(f"Report: {out / 'report.html'}", highlight=False, soft_wrap=True)
