"""What a test of an audit finds: typed, frozen, and the same after a journey through JSON."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

from openmm_innff.errors import DataError

Verdict = Literal["pass", "fail", "unclear", "not applicable"]
Row = tuple[str, ...]

SIGMAS = 2.0
"""Error bars beyond the threshold from which on a test has failed."""


class NotApplicable(Exception):
    """A test that has nothing to measure on this subject; the message says why."""


@dataclass(frozen=True)
class Curve:
    """A curve or cloud of points in a plot.

    Parameters
    ----------
    label
        Empty: not in the legend.
    x, y
        Of the same length.
    error
        Standard errors of y, or empty.
    points
        Whether points are drawn instead of a line.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    error: tuple[float, ...] = ()
    points: bool = False

    @classmethod
    def of(
        cls,
        label: str,
        x: Iterable[float],
        y: Iterable[float],
        error: Iterable[float] = (),
        points: bool = False,
    ) -> Self:
        """Make a curve of any sequences, with six digits: more can't be seen."""
        return cls(label, _rounded(x), _rounded(y), _rounded(error), points)


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f"{float(value):.6g}") for value in values)


@dataclass(frozen=True)
class Panel:
    """One pair of axes of a figure.

    Parameters
    ----------
    title, x_label, y_label
        Labels with units.
    curves
        What is drawn.
    x_log, y_log
        Logarithmic axes; symmetric about zero for y.
    x_range, y_range
        Limits; empty: those of the curves.
    same_scale
        Whether a unit is as long on both axes, for pictures of atoms.
    marks
        Vertical lines: what they are called, and where.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    x_log: bool = False
    y_log: bool = False
    x_range: tuple[float, ...] = ()
    y_range: tuple[float, ...] = ()
    same_scale: bool = False
    marks: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make a panel of what JSON kept."""
        curves = tuple(
            Curve(c["label"], tuple(c["x"]), tuple(c["y"]), tuple(c["error"]), c["points"])
            for c in content["curves"]
        )
        ranges = {key: tuple(content[key]) for key in ("x_range", "y_range")}
        marks = tuple((str(name), float(x)) for name, x in content["marks"])
        return cls(**{**content, "curves": curves, "marks": marks, **ranges})


@dataclass(frozen=True)
class Measurement:
    """What a test returns.

    Parameters
    ----------
    value
        The number that is compared with the threshold: the smaller, the better.
    error
        Its standard error; None if it has none.
    head, rows
        A table of details, such as the value of each structure.
    panels
        Plots.
    remark
        A sentence about what was measured.
    """

    value: float
    error: float | None = None
    head: Row = ()
    rows: tuple[Row, ...] = ()
    panels: tuple[Panel, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class Result:
    """The result of one test.

    Parameters
    ----------
    name, group, question
        Of the test.
    value, error, unit
        What was measured; None where nothing was.
    threshold, source
        Largest value that passes, and where it comes from.
    verdict
        "pass" if value and error are within the threshold, "fail" if the value is two errors
        beyond, else "unclear"; "not applicable" if there is nothing to measure.
    reason
        Why it does not apply, or is unclear.
    seconds
        It took.
    head, rows, panels, remark
        As in `Measurement`.
    """

    name: str
    group: str
    question: str
    value: float | None
    error: float | None
    unit: str
    threshold: float
    source: str
    verdict: Verdict
    reason: str = ""
    seconds: float = 0.0
    head: Row = ()
    rows: tuple[Row, ...] = ()
    panels: tuple[Panel, ...] = ()
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; a value that is no finite number becomes a string."""
        content = asdict(self)
        for key in ("value", "error"):
            if content[key] is not None and not math.isfinite(content[key]):
                content[key] = str(content[key])
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make a result of what JSON kept.

        Raises
        ------
        DataError
            If it is none.
        """
        try:
            numbers = {
                key: None if content[key] is None else float(content[key])
                for key in ("value", "error")
            }
            result = cls(
                **{
                    **content,
                    **numbers,
                    "head": tuple(content["head"]),
                    "rows": tuple(tuple(row) for row in content["rows"]),
                    "panels": tuple(Panel.from_dict(panel) for panel in content["panels"]),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"result: wanted that of a test, found another: {error!r}") from error
        if result.verdict not in get_args(Verdict):
            raise DataError(f"verdict: wanted one of {get_args(Verdict)}, found {result.verdict!r}")
        return result


def judge(value: float, error: float | None, threshold: float) -> Verdict:
    """Compare a value with the largest one that passes.

    Parameters
    ----------
    value, error
        Measured value and its standard error, None: exact.
    threshold
        In the same unit.
    """
    uncertain = error or 0.0
    if math.isnan(value) or value - SIGMAS * uncertain > threshold:
        return "fail"
    return "pass" if max(value, uncertain) <= threshold else "unclear"
