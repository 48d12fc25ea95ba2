"""The tests of an audit by name: functions of a `Bench`, each described by a decorator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.result import Measurement
from openmm_innff.errors import ConfigError

GROUPS: Final = {
    "exactness": "Exactness: is it what it claims to be?",
    "surface": "Energy surface: is its shape physical?",
    "accuracy": "Accuracy on the data given",
    "interpretation": "Interpretation: what has been learned?",
    "cost": "Cost",
}
"""Groups in the order of reports, with their headings."""

Measure = Callable[[Bench], Measurement]


@dataclass(frozen=True)
class Check:
    """A test.

    Parameters
    ----------
    name
        By which it is called.
    group
        One of `GROUPS`.
    question
        What it answers.
    unit
        Of value, error and threshold.
    threshold, source
        Largest value that passes, and why this one.
    measure
        Does it; raises `NotApplicable` where there is nothing to measure.
    """

    name: str
    group: str
    question: str
    unit: str
    threshold: float
    source: str
    measure: Measure


_CHECKS: dict[str, Check] = {}


def check(
    name: str, group: str, *, question: str, unit: str, threshold: float, source: str
) -> Callable[[Measure], Measure]:
    """Register a function as a test; the arguments are those of `Check`."""
    if group not in GROUPS:
        raise ConfigError(f"group: wanted one of {', '.join(GROUPS)}, found {group!r}")
    if name in _CHECKS:
        raise ConfigError(f"name: wanted a new one, found {name!r} twice")

    def register(measure: Measure) -> Measure:
        _CHECKS[name] = Check(name, group, question, unit, threshold, source, measure)
        return measure

    return register


def all_checks() -> list[Check]:
    """Return all tests in the order of their groups."""
    order = list(GROUPS)
    return sorted(_CHECKS.values(), key=lambda check: order.index(check.group))


def find_checks(names: Sequence[str]) -> list[Check]:
    """Return tests by their names or the names of their groups; all if none are given.

    Raises
    ------
    ConfigError
        If a name is unknown.
    """
    known = all_checks()
    for name in names:
        if name not in _CHECKS and name not in GROUPS:
            raise ConfigError(
                f"tests: wanted names among {', '.join(check.name for check in known)}, or of "
                f"groups: {', '.join(GROUPS)}; found {name!r}"
            )
    if not names:
        return known
    return [check for check in known if check.name in names or check.group in names]
