"""The report as one HTML page."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from openmm_innff.audit.checks import GROUPS
from openmm_innff.audit.pages.content import (
    COLOURS,
    LONGEST,
    Audited,
    by_group,
    threshold_text,
    value_text,
    verdict_text,
)
from openmm_innff.audit.result import Result
from openmm_innff.report.html import (
    Facts,
    escape,
    facts_table,
    heading,
    note,
    picture,
    table,
    tile,
    write_page,
)


def write_html(
    path: Path,
    audited: Sequence[Audited],
    lead: str,
    facts: Facts,
    figures: Mapping[str, bytes],
) -> None:
    """Write the page.

    Parameters
    ----------
    path
        HTML file.
    audited
        Potentials and their results; the first is the one in question.
    lead
        A sentence below the title.
    facts
        About the audit and the machine.
    figures
        PNG files of tests.
    """
    first = audited[0]
    verdicts = ("pass", "fail", "unclear", "not applicable")
    tiles = [tile(f"{first.count(verdict)}", verdict) for verdict in verdicts]
    sections = [_summary(audited), note(
        "Each test compares one value with a threshold: pass, if the value and its error bar are "
        "within; fail, if the value is more than two error bars beyond; else unclear. Values are "
        "relative where they have no unit: what to, the tests below say."
    )]  # fmt: skip
    for group, places in by_group(first):
        sections.append(heading(GROUPS[group]))
        for place in places:
            sections += _test(audited, place, figures)
    for one in audited:
        sections += [heading(f"What was audited: {one.name}"), facts_table(one.facts)]
    sections += [heading("How"), facts_table(facts)]
    write_page(path, _title(audited), lead, tiles, sections)


def _title(audited: Sequence[Audited]) -> str:
    return "Audit of " + " beside ".join(one.name for one in audited)


def _summary(audited: Sequence[Audited]) -> str:
    names = [escape(one.name) for one in audited] if len(audited) > 1 else ["value"]
    head = ["test", *names, "threshold", "seconds"]
    lines = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    for place, result in enumerate(audited[0].results):
        cells = [f'<a href="#{escape(result.name)}">{escape(result.name)}</a>']
        cells += [_coloured(one.results[place]) for one in audited]
        seconds = sum(one.results[place].seconds for one in audited)
        cells += [escape(threshold_text(result)), f"{seconds:.1f}"]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table>{''.join(lines)}</table>"


def _coloured(result: Result) -> str:
    colour = COLOURS[result.verdict]
    value = "" if result.value is None else f" {escape(value_text(result))}"
    return f'<span style="color:{colour}">{escape(verdict_text(result))}</span>{value}'


def _test(audited: Sequence[Audited], place: int, figures: Mapping[str, bytes]) -> Iterator[str]:
    result = audited[0].results[place]
    yield f'<h3 id="{escape(result.name)}">{escape(result.name)}</h3>'
    yield f"<p>{escape(result.question)}</p>"
    for one in audited:
        found = one.results[place]
        name = f"{escape(one.name)}: " if len(audited) > 1 else ""
        unit = f" {escape(found.unit)}" if found.unit.startswith("of ") and found.value else ""
        reason = f" ({escape(found.reason)})" if found.reason else ""
        yield f"<p>{name}{_coloured(found)}{unit}{reason}</p>"
    if result.name in figures:
        yield picture(figures[result.name], f"Curves of the test {result.name}")
    for one in audited:
        found = one.results[place]
        if found.rows:
            if len(audited) > 1:
                yield note(one.name)
            yield table(found.head, found.rows[:LONGEST])
    remarks = {one.results[place].remark: None for one in audited if one.results[place].remark}
    yield note(" ".join([*remarks, f"Threshold {threshold_text(result)}: {result.source}."]))
