"""One test of an audit, run and judged."""

import time

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import Check
from openmm_innff.audit.result import Measurement, NotApplicable, Result, Verdict, judge
from openmm_innff.audit.subjects import EvaluationError


def run_check(check: Check, bench: Bench) -> Result:
    """Run one test and judge what it measured."""
    began = time.perf_counter()
    found, reason = None, ""
    verdict: Verdict = "not applicable"
    try:
        found = check.measure(bench)
    except NotApplicable as obstacle:
        reason = str(obstacle)
    except EvaluationError as error:
        verdict, reason = "unclear", f"the potential gave up: {error}"
    if found is not None:
        verdict = judge(found.value, found.error, check.threshold)
        if verdict == "unclear":
            wide = (found.error or 0.0) > check.threshold
            beyond = "wider than the threshold" if wide else "too wide to tell on which side"
            reason = f"the error bar is {beyond}"
    kept = found or Measurement(float("nan"))
    return Result(
        name=check.name,
        group=check.group,
        question=check.question,
        value=None if found is None else float(kept.value),
        error=None if kept.error is None else float(kept.error),
        unit=check.unit,
        threshold=check.threshold,
        source=check.source,
        verdict=verdict,
        reason=reason,
        seconds=round(time.perf_counter() - began, 2),
        head=kept.head,
        rows=kept.rows,
        panels=kept.panels,
        remark=kept.remark,
    )
