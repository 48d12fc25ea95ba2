"""Whether the uncertainty of forces ranks their errors."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.doubts import Doubts, doubts, rms
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array

_MOST_POINTS = 3000
_DRAWS = 20
_LEAST_SPREAD = 1.5
"""Factor from the error that a tenth of the frames is below to that which nine tenths are."""


@check(
    "uncertainty",
    "accuracy",
    question="Are frames worst where it says that it is uncertain?",
    unit="1 - rank correlation",
    threshold=0.5,
    source="chosen: Spearman's rank correlation of at least 0.5 between RMS errors of forces and "
    "their uncertainty",
)
def measure(bench: Bench) -> Measurement:
    """Rank frames by uncertainty and by error; the error bar is from leaving out frames."""
    found = doubts(bench)
    atoms, reachable = found.with_error(of_atoms), attainable(found, bench)
    _refuse_alike(found, f"{atoms[0]:.2f}, of {reachable:.2f} that could be reached")
    value, error = found.with_error(of_frames)
    rows = [
        _row("forces of frames (RMS)", value, error),
        _row("largest force error of frames", *found.with_error(of_largest)),
        _row("energies of frames", *found.with_error(of_energies)),
        _row("forces on atoms", *atoms),
        ("forces on atoms, if errors were drawn from it", f"{reachable:.2f}", ""),
    ]
    remark = (
        "The error of a component scatters about zero however well its size is known, so a perfect "
        "uncertainty ranks atoms no better than the last row says."
    )
    head = ("rank correlation of uncertainty and error", "Spearman", "error bar")
    return Measurement(1.0 - value, error, head, tuple(rows), (_scatter(found),), remark)


def _refuse_alike(found: Doubts, among_atoms: str) -> None:
    """Raise `NotApplicable` where errors of frames differ by no more than by chance."""
    errors = np.array(list(map(rms, found.errors)))
    low, high = np.quantile(errors, [0.1, 0.9])
    # Chance alone: an RMS of n numbers scatters by 1 / sqrt(2 n) of itself, and between these
    # quantiles lie 2.56 standard deviations.
    chance = 2.56 / np.sqrt(6.0 * np.median([len(atoms) for atoms in found.errors]))
    if np.log(high / low) < np.hypot(np.log(_LEAST_SPREAD), chance):
        raise NotApplicable(
            f"the errors of these frames are too alike to be ranked, most of them from "
            f"{1000 * low:.1f} to {1000 * high:.1f} meV/Å; give frames that are hotter than the "
            f"training data. Atoms: rank correlation {among_atoms}"
        )


def spearman(x: Array, y: Array) -> float:
    """Return the correlation of the ranks; values that agree are very rare here."""
    ranks = [np.argsort(np.argsort(values)).astype(float) for values in (x, y)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def of_atoms(found: Doubts) -> float:
    """Rank correlation over all atoms of all frames."""
    return spearman(np.concatenate(found.deviations), np.concatenate(found.errors))


def of_frames(found: Doubts) -> float:
    """Rank correlation over frames, of RMS values."""
    pairs = (map(rms, found.deviations), map(rms, found.errors))
    return spearman(*(np.array(list(values)) for values in pairs))


def of_largest(found: Doubts) -> float:
    """Rank correlation over frames, of the worst atoms."""
    pairs = (found.deviations, found.errors)
    return spearman(*(np.array([atoms.max() for atoms in frames]) for frames in pairs))


def of_energies(found: Doubts) -> float:
    """Rank correlation over frames, of energies."""
    return spearman(found.energy_deviations, found.energy_errors)


def attainable(found: Doubts, bench: Bench) -> float:
    """Return the mean correlation when errors are normal with the predicted deviations."""
    deviations, random = np.concatenate(found.deviations), bench.random()
    drawn = [
        spearman(deviations, deviations * np.sqrt(random.chisquare(3, len(deviations))))
        for _ in range(_DRAWS)
    ]
    return float(np.mean(drawn))


def _row(name: str, value: float, error: float) -> tuple[str, str, str]:
    return (name, f"{value:.2f}", f"{error:.2f}")


def _scatter(found: Doubts) -> Panel:
    x, y = (1000 * np.concatenate(values) for values in (found.deviations, found.errors))
    step = -(-len(x) // _MOST_POINTS)
    said, made = ([1000 * rms(v) for v in values] for values in (found.deviations, found.errors))
    curves = (
        Curve.of("atoms", x[::step], y[::step], points=True),
        Curve.of("frames (RMS)", said, made, points=True),
    )
    return Panel("Uncertainty and error", "uncertainty (meV/Å)", "error of force (meV/Å)", curves)
