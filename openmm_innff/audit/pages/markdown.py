"""The report as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from openmm_innff.audit.checks import GROUPS
from openmm_innff.audit.pages.content import (
    LONGEST,
    Audited,
    by_group,
    threshold_text,
    value_text,
    verdict_text,
)
from openmm_innff.audit.pages.figure import smaller
from openmm_innff.files import atomic_write, make_folder
from openmm_innff.report.html import Facts


def write_markdown(
    paths: Sequence[Path],
    audited: Sequence[Audited],
    lead: str,
    facts: Facts,
    figures: Mapping[str, bytes],
) -> None:
    """Write the report as Markdown, its figures into the folder ``images`` beside it.

    Parameters
    ----------
    paths
        Markdown files, one or more. Figures are ``images/NAME/TEST.png``, NAME that of the file.
    audited
        Potentials and their results; the first is the one in question.
    lead
        A sentence below the title.
    facts
        About the audit and the machine.
    figures
        PNG files of tests.
    """
    small = {name: smaller(content) for name, content in figures.items()}
    for path in paths:
        folder, images = make_folder(path.parent / "images" / path.stem), {}
        for name, content in small.items():
            with atomic_write(folder / f"{name}.png", "wb") as file:
                file.write(content)
            images[name] = f"images/{path.stem}/{name}.png"
        with atomic_write(path) as file:
            file.write(markdown(audited, lead, facts, images))


def markdown(audited: Sequence[Audited], lead: str, facts: Facts, images: Mapping[str, str]) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    audited, lead, facts
        As for `write_markdown`.
    images
        Where the figures of tests are.
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
            lines += _details(audited, place, images.get(first.results[place].name, ""))
    for one in audited:
        lines += [f"## What was audited: {one.name}", ""]
        lines += [f"- {key}: {value}" for key, value in one.facts] + [""]
    return "\n".join([*lines, "## How", "", *(f"- {key}: {value}" for key, value in facts), ""])


def _found(one: Audited, place: int) -> str:
    result = one.results[place]
    value = "" if result.value is None else f" {value_text(result)}"
    reason = f" ({result.reason})" if result.reason else ""
    return verdict_text(result) + value + reason


def _details(audited: Sequence[Audited], place: int, image: str) -> list[str]:
    """Return figure and tables of a test, if there is more to show than that it was passed."""
    shown = [one for one in audited if one.results[place].rows]
    if not shown:
        return []
    first = audited[0].results[place]
    lines = [f"### `{first.name}`", ""]
    if image:
        lines += [f"![{first.question}]({image})", ""]
    for one in shown:
        result = one.results[place]
        if len(audited) > 1:
            lines += [f"{one.name}:", ""]
        lines += [_line(result.head), "|" + " --- |" * len(result.head)]
        lines += [*map(_line, result.rows[:LONGEST]), ""]
    remarks = {one.results[place].remark: None for one in shown if one.results[place].remark}
    unit = f"In units {first.unit}." if first.unit.startswith("of ") else ""
    words = [unit, *remarks, f"Threshold: {first.source}."]
    return [*lines, " ".join(word for word in words if word), ""]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
