"""How much the slow force changes within an outer step."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.force_path import SAMPLE_FS, force_path
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, Panel
from openmm_innff.statistics import ratio_with_error

_LAGS_FS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
_JUDGED_FS = 4.0


@check(
    "force-change",
    "scales",
    question="Does the slow force hardly change within an outer step?",
    unit="of its RMS",
    threshold=0.74,
    source=f"chosen: what a vibration of 1000/cm changes by over {_JUDGED_FS:g} fs, a usual outer "
    "step; a force without memory changes by 1.41",
)
def measure(bench: Bench) -> Measurement:
    """Divide the RMS change of the last part over 4 fs by its RMS."""
    path = force_path(bench)
    rows, curves, found = [], [], {}
    for part, forces in path.forces.items():
        cells = []
        for lag in _LAGS_FS:
            n = round(lag / SAMPLE_FS)
            change = np.square(forces[n:] - forces[:-n]).mean((1, 2))
            ratio = ratio_with_error(change, np.square(forces[:-n]).mean((1, 2)))
            value = float(np.sqrt(ratio.value))
            found[part, lag] = value, ratio.error / (2 * value) if value > 0 else 0.0
            cells.append(value)
        rows.append((part, *(f"{cell:.3f}" for cell in cells)))
        curves.append(Curve.of(part, _LAGS_FS, cells))
    panel = Panel("Change of the force", "time, fs", "RMS change over RMS", tuple(curves))
    head = ("part", *(f"{lag:g} fs" for lag in _LAGS_FS))
    value, error = found[bench.subject.parts[-1], _JUDGED_FS]
    return Measurement(value, error, head, tuple(rows), (panel,), path.structure + ".")
