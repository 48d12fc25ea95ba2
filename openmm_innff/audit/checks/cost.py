"""Time and memory of an evaluation against the number of atoms."""

import resource
import sys
import time

import numpy as np
from numpy.typing import NDArray

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import Options

_REPEATS = 7
_LONGEST_S = {"quick": 1.0, "default": 5.0, "full": 60.0}
"""A size whose evaluation takes longer is the last one."""
_MOST_ATOMS = 20_000
_SPACING = 12.0
"""Between copies of isolated structures, angstrom."""
_SMALLEST_FITTED = 100
"""Smaller systems are dominated by what each call costs, whatever its size."""
_FEWEST_FITTED = 3


@check(
    "cost",
    "cost",
    question="Does the time of an evaluation grow in proportion to the number of atoms?",
    unit="",
    threshold=1.2,
    source="chosen: linear scaling, with room for caches that get too small",
)
def measure(bench: Bench) -> Measurement:
    """Time energy and forces of ever more copies; the value is the exponent fitted to the times."""
    source = max(bench.structures, key=lambda s: (s.periodic, len(s)))
    times: dict[int, float] = {}
    rows = []
    for doublings in range(20):
        structure = _copies(source, doublings)
        reason = bench.subject.obstacle(structure) if doublings == 1 else ""
        if reason:
            raise NotApplicable(f"there is one size: {reason}")
        if len(structure) > _MOST_ATOMS:
            break
        seconds = _time(bench, structure)
        times[len(structure)] = seconds
        rows.append((f"{len(structure)}", f"{1000 * seconds:.3g}",
                     f"{1e6 * seconds / len(structure):.3g}", f"{_peak_mb():.0f}"))  # fmt: skip
        if seconds * 2 * _REPEATS > _LONGEST_S[bench.effort]:
            break
    value, error, factor = power_law(times)
    atoms, ms = np.array(list(times), float), 1000 * np.array(list(times.values()))
    fitted = atoms[_large(atoms)]
    curves = (Curve.of(f"fit, exponent {value:.2f}", fitted, 1000 * factor * fitted**value),
              Curve.of("measured", atoms, ms, points=True))  # fmt: skip
    panel = Panel("Time of an evaluation", "atoms", "time (ms)", curves, x_log=True, y_log=True)
    head = ("atoms", "ms", "µs per atom", "peak memory of the process, MB")
    remark = (
        f"Shortest of {_REPEATS} evaluations at changing positions, in single precision where "
        f"there is one. Memory is the largest that the process ever had, in other tests too."
    )
    return Measurement(value, error, head, tuple(rows), (panel,), remark)


def _copies(structure: Structure, doublings: int) -> Structure:
    counts = np.full(3, doublings // 3) + (np.arange(3) < doublings % 3)
    numbers = 2**counts
    cell = np.diag(np.ptp(structure.positions, axis=0) + _SPACING)
    if structure.cell is not None:
        cell = structure.cell
    grid = np.argwhere(np.ones(numbers)).astype(float)
    box = None if structure.cell is None else structure.cell * numbers[:, None]
    return structure.with_copies(grid @ cell, box, f"{structure.name}, {len(grid)} times")


def _time(bench: Bench, structure: Structure) -> float:
    random = bench.random()
    evaluate = bench.bind(structure, Options(precision="single"))
    evaluate(structure.positions, structure.cell)
    found = []
    for _ in range(_REPEATS):
        moved = structure.rattled(random, 0.01).positions
        began = time.perf_counter()
        evaluate(moved, structure.cell)
        found.append(time.perf_counter() - began)
    return min(found)  # what else runs on the machine makes the others longer


def _large(atoms: Array) -> NDArray[np.bool_]:
    """Sizes that are fitted: all, where too few are large."""
    large = atoms >= _SMALLEST_FITTED
    return large if np.sum(large) >= _FEWEST_FITTED else np.ones_like(large)


def power_law(times: dict[int, float]) -> tuple[float, float, float]:
    """Fit t = c N^a to the sizes that are large enough.

    Parameters
    ----------
    times
        Seconds of each number of atoms.

    Returns
    -------
    tuple of float
        Exponent a, its standard error, and factor c in seconds.
    """
    if len(times) < _FEWEST_FITTED:
        raise NotApplicable(f"fewer than {_FEWEST_FITTED} sizes were quick enough: {list(times)}")
    sizes = np.array(list(times), float)
    fitted = _large(sizes)
    x, y = np.log(sizes[fitted]), np.log(np.array(list(times.values()))[fitted])
    slope, offset = np.polyfit(x, y, 1)
    left = y - slope * x - offset
    error = np.sqrt(np.sum(left**2) / (len(x) - 2) / np.sum((x - x.mean()) ** 2))
    return float(slope), float(error), float(np.exp(offset))


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
