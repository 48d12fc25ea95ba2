"""Whether uncertainties are as large as errors."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.doubts import Doubts, doubts, rms
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, Panel
from openmm_innff.audit.structure import Array

_BINS = 6


@check(
    "calibration",
    "accuracy",
    question="Are errors of forces as large as the uncertainty says?",
    unit="factor",
    threshold=2.0,
    source="chosen: a factor of two, which tells frames to trust from those not to",
)
def measure(bench: Bench) -> Measurement:
    """Compare RMS errors with uncertainties in sixths of the atoms; the worst factor counts.

    The error bar is from leaving out frames.
    """
    found = doubts(bench)
    value, error = found.with_error(_worst)
    x, y, spread = (np.array(column) for column in zip(*_bins(found), strict=True))
    rows = [
        (f"sixth {number}", f"{1000 * said:.1f}", f"{1000 * seen:.1f}", f"{z:.2f}")
        for number, (said, seen, z) in enumerate(zip(x, y, spread, strict=True), start=1)
    ]
    everything = np.concatenate(found.deviations), np.concatenate(found.errors)
    rows.append(("all", *_row(*everything)))
    energies = found.energy_deviations, found.energy_errors
    rows.append(("energies of frames (meV)", *_row(*energies)))
    ends = (float(1000 * min(x.min(), y.min())), float(1000 * max(x.max(), y.max())))
    curves = (
        Curve.of("error = uncertainty", ends, ends),
        Curve.of("sixths of the atoms", 1000 * x, 1000 * y, points=True),
    )
    panel = Panel("Calibration", "uncertainty (meV/Å)", "RMSE (meV/Å)", curves)
    head = ("atoms by uncertainty", "uncertainty meV/Å", "RMSE meV/Å", "RMS of error/uncertainty")
    remark = "The last column is 1 where errors are those that were predicted."
    return Measurement(value, error, head, tuple(rows), (panel,), remark)


def _row(said: Array, seen: Array) -> tuple[str, str, str]:
    z = rms(seen / np.maximum(said, 1e-12))
    return (f"{1000 * rms(said):.1f}", f"{1000 * rms(seen):.1f}", f"{z:.2f}")


def _bins(found: Doubts) -> list[tuple[float, float, float]]:
    """Return RMS uncertainty and error, and RMS of their ratio, of each sixth of the atoms."""
    said, seen = np.concatenate(found.deviations), np.concatenate(found.errors)
    return [
        (rms(said[atoms]), rms(seen[atoms]), rms(seen[atoms] / np.maximum(said[atoms], 1e-12)))
        for atoms in np.array_split(np.argsort(said), _BINS)
        if len(atoms)
    ]


def _worst(found: Doubts) -> float:
    """Return the largest factor between uncertainty and error, above 1, of all sixths."""
    factors = [seen / max(said, 1e-12) for said, seen, _ in _bins(found)]
    return max(max(factor, 1.0 / max(factor, 1e-12)) for factor in factors)
