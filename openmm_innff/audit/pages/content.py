"""What the reports of an audit show, and words for it that all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from openmm_innff.audit.result import Result

COLOURS: Final = {
    "pass": "#00795A", "fail": "#C0392B", "unclear": "#B7791F", "not applicable": "#7A8794",
}  # fmt: skip
_LARGE = 1e6
LONGEST: Final = 40
"""Rows of a table of details; the rest is in report.json."""
SIGNS: Final = {"pass": "✓", "fail": "✗", "unclear": "?", "not applicable": "–"}


@dataclass(frozen=True, eq=False)
class Audited:
    """A potential and the results of its tests.

    Parameters
    ----------
    name
        Of the potential.
    facts
        Names and values about it.
    results
        In the order of the tests, the same for all potentials of a report.
    """

    name: str
    facts: Sequence[tuple[str, str]]
    results: Sequence[Result]

    def count(self, verdict: str) -> int:
        """Return how many tests have a verdict."""
        return sum(result.verdict == verdict for result in self.results)


def by_group(audited: Audited) -> list[tuple[str, list[int]]]:
    """Return groups, and the places of their tests in the list of results."""
    places = range(len(audited.results))
    grouped = groupby(places, key=lambda place: audited.results[place].group)
    return [(group, list(members)) for group, members in grouped]


def value_text(result: Result) -> str:
    """Return the value with its error and unit."""
    if result.value is None:
        return "–"
    error = "" if result.error is None else f" ± {number_text(result.error, 1)}"
    return f"{number_text(result.value)}{error} {_unit(result.unit)}".strip()


def threshold_text(result: Result) -> str:
    """Return the threshold with its unit."""
    return f"≤ {number_text(result.threshold)} {_unit(result.unit)}".strip()


def number_text(value: float, digits: int = 2) -> str:
    """Return a number with few digits, large ones without an exponent."""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < _LARGE else text


def _unit(unit: str) -> str:
    return "" if unit.startswith("of ") else unit


def verdict_text(result: Result) -> str:
    """Return the verdict with a sign that needs no colour."""
    return f"{SIGNS[result.verdict]} {result.verdict}"
