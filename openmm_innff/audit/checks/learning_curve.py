"""Errors on the reference data against the number of frames that models were trained on."""

from itertools import pairwise

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.predictions import jackknife, predictions_of
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array

_FEWEST = 2


@check(
    "learning-curve",
    "accuracy",
    question="Do errors fall wherever there are more data to learn from?",
    unit="of the error with fewer frames",
    threshold=1.0,
    source="by definition: a ratio above 1 is an error that rises with the data, which tells of "
    "data that contradict each other or of a training that is left to chance",
)
def measure(bench: Bench) -> Measurement:
    """Evaluate models of several training sets; the value is the largest ratio of two RMSEs.

    Of models in succession, the RMSE with more frames over that with fewer. Both are of the same
    frames, so errors come from leaving out one frame in both (jackknife).
    """
    if len(bench.series) < _FEWEST:
        raise NotApplicable("no models of a learning curve were given (--learning-curve)")
    series = sorted(bench.series, key=lambda subject: subject.training_frames or 0)
    sizes = [subject.training_frames or 0 for subject in series]
    squares = []
    for subject in series:
        made = predictions_of(bench, subject)
        squares.append([np.sum((found.forces - frame.forces) ** 2)
                        for found, frame in zip(made.found, made.frames, strict=True)])  # fmt: skip
    sums = np.array(squares)
    components = np.array([frame.forces.size for frame in made.frames], dtype=float)
    errors = 1000 * np.sqrt(sums.sum(1) / components.sum())
    bars = [1000 * jackknife(row, components) for row in sums]
    ratios = [(float(more / fewer), jackknife(sums[i + 1], sums[i]))
              for i, (fewer, more) in enumerate(pairwise(errors))]  # fmt: skip
    rows = [
        (str(size), f"{error:.1f} ± {bar:.1f}",
         "–" if not i else f"{ratios[i - 1][0]:.3f} ± {ratios[i - 1][1]:.3f}")
        for i, (size, error, bar) in enumerate(zip(sizes, errors, bars, strict=True))
    ]  # fmt: skip
    value, uncertain = max(ratios)
    exponent = float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
    remark = (
        f"{len(made.frames)} frames of the data that were given, the same for all models. The RMSE "
        f"goes with the number of training frames to the power {exponent:.2f}."
    )
    head = ("training frames", "force RMSE, meV/Å", "over that of fewer")
    return Measurement(value, uncertain, head, tuple(rows), (_panel(sizes, errors, bars),), remark)


def _panel(sizes: list[int], errors: Array, bars: list[float]) -> Panel:
    line = Curve.of("", sizes, errors)
    points = Curve.of("models", sizes, errors, bars, points=True)
    return Panel("Learning curve", "training frames", "force RMSE (meV/Å)", (line, points),
                 x_log=True, y_log=True)  # fmt: skip
