"""Errors of energies on reference data."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.predictions import jackknife, predictions
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel

_WORST = 5


@check(
    "energy-errors",
    "accuracy",
    question="How far are energies from the reference?",
    unit="of the spread of energies in the data",
    threshold=0.1,
    source="chosen: ten per cent, by which 99 % of the variance of the energy is explained",
)
def measure(bench: Bench) -> Measurement:
    """Compare energies without what numbers of atoms explain; the value is RMSE over spread."""
    made = predictions(bench)
    wanted, found = made.energies
    if len(wanted) < 3 or not wanted.std() > 0:
        raise NotApplicable(f"energies of {len(wanted)} frames have no spread to compare with")
    error = found - wanted
    per_atom = 1000 * error / made.sizes
    value = float(np.sqrt(np.sum(error**2) / np.sum(wanted**2)))
    rows = [
        ("all frames, MAE", f"{np.abs(per_atom).mean():.3f}"),
        ("all frames, RMSE", f"{np.sqrt(np.mean(per_atom**2)):.3f}"),
        ("spread of the reference", f"{1000 * np.std(wanted / made.sizes):.3f}"),
    ]
    for i in np.argsort(np.abs(per_atom))[::-1][:_WORST]:
        rows.append((made.frames[i].structure.name, f"{per_atom[i]:+.3f}"))
    x, y = (1000 * values / made.sizes for values in (wanted, found))
    ends = (float(x.min()), float(x.max()))
    curves = (Curve.of("", ends, ends), Curve.of("frames", x, y, points=True))
    panel = Panel("Energies", "reference (meV/atom)", "model (meV/atom)", curves)
    head = ("energy", "meV/atom")
    remark = "Energies are relative to what the numbers of atoms of each element explain."
    error_bar = jackknife(error**2, wanted**2)
    return Measurement(value, error_bar, head, tuple(rows), (panel,), remark)
