"""The report as Markdown."""

from collections.abc import Sequence

from openmm_innff.audit.checks import GROUPS
from openmm_innff.audit.pages.content import (
    Audited,
    by_group,
    threshold_text,
    value_text,
    verdict_text,
)
from openmm_innff.report.html import Facts


def markdown(audited: Sequence[Audited], lead: str, facts: Facts) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    audited
        Potentials and their results; the first is the one in question.
    lead
        A sentence below the title.
    facts
        About the audit and the machine.
    """
    first = audited[0]
    lines = [f"# Audit of {' beside '.join(one.name for one in audited)}", "", lead, ""]
    for group, places in by_group(first):
        names = [one.name for one in audited] if len(audited) > 1 else ["value"]
        lines += [f"## {GROUPS[group]}", ""]
        head = ["test", "question", *names, "threshold"]
        lines += [_line(head), "|" + " --- |" * len(head)]
        for place in places:
            result = first.results[place]
            cells = [f"`{result.name}`", result.question]
            cells += [_found(one, place) for one in audited]
            lines.append(_line([*cells, threshold_text(result)]))
        lines.append("")
        for place in places:
            lines += _details(audited, place)
    for one in audited:
        lines += [f"## What was audited: {one.name}", ""]
        lines += [f"- {key}: {value}" for key, value in one.facts] + [""]
    return "\n".join([*lines, "## How", "", *(f"- {key}: {value}" for key, value in facts), ""])


def _found(one: Audited, place: int) -> str:
    result = one.results[place]
    value = "" if result.value is None else f" {value_text(result)}"
    reason = f" ({result.reason})" if result.reason else ""
    return verdict_text(result) + value + reason


def _details(audited: Sequence[Audited], place: int) -> list[str]:
    lines = []
    for one in audited:
        result = one.results[place]
        if result.rows and result.verdict != "pass":
            name = f", {one.name}" if len(audited) > 1 else ""
            lines += [f"### `{result.name}`{name}", "", _line(result.head)]
            lines += ["|" + " --- |" * len(result.head), *map(_line, result.rows), ""]
            unit = f"In units {result.unit}. " if result.unit.startswith("of ") else ""
            lines += [f"{unit}Threshold: {result.source}.", ""]
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
