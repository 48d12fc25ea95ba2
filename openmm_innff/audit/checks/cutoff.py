"""Smoothness where atoms come into reach: energy, force and curvature have no jumps."""

from functools import partial

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import scans
from openmm_innff.audit.checks.jumps import Function, Jump, largest_jump
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.scans import Scan, profile
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array
from openmm_innff.audit.subjects import Evaluate

_TOLERANCES = {"energy": 1e-4, "force": 1e-3, "curvature": 1e-2}
_UNITS = {"energy": "eV", "force": "eV/Å", "curvature": "eV/Å²"}
_NEAREST, _BEYOND, _FURTHEST = 2.0, 1.0, 12.0
"""Ends of the scans, angstrom: beyond the longest cutoff, or furthest if none is declared."""
_ROOM = 2.0
"""Width of the box beyond twice the longest distance, angstrom."""
_LEAST_SHOWN = 1e-9
_DIFFERENCE = 2.5e-5
"""Half the distance of the forces whose difference is the curvature, angstrom."""


@check(
    "cutoff",
    "exactness",
    question="Are energy, force and curvature without jumps where atoms come into reach?",
    unit="of the tolerance",
    threshold=1.0,
    source="chosen: 0.1 meV, 1 meV/Å and 10 meV/Å² at the distance of one pair; each is below a "
    "hundredth of what thermal motion does at 300 K",
)
def measure(bench: Bench) -> Measurement:
    """Move atoms and molecules apart through all cutoffs and look for jumps, known or not."""
    chosen = _scans(bench)
    if not chosen:
        raise NotApplicable("neither pairs of atoms nor pairs of molecules can be evaluated")
    rows, found, panels = [], [], []
    for scan in chosen:
        jumps, curve = _look(bench, scan)
        panels.append(curve)
        for kind, jump in jumps.items():
            tolerance = _TOLERANCES[kind]
            found.append((jump.size / tolerance, jump.error / tolerance))
            size = f"{jump.size:.1g} {_UNITS[kind]}"
            rows.append((scan.label, kind, size, f"{jump.where:.2f} Å"))
    value, error = max(found)
    panel = Panel(
        "Change of the curvature", "distance (Å)", "second difference of E'' (eV/Å²)",
        tuple(panels), y_log=True,
        marks=tuple((f"{part} cutoff", r) for part, r in bench.subject.cutoffs.items()),
    )  # fmt: skip
    head = ("scan", "quantity", "largest jump", "at")
    return Measurement(value, error, head, tuple(rows), (panel,))


def _scans(bench: Bench) -> list[Scan]:
    chosen = scans.pairs(bench)
    molecules = [s for s in bench.structures if not s.periodic and len(s.molecules) == 1]
    if molecules:
        smallest = min(molecules, key=len)
        both = (scans.separation(smallest), scans.separation(smallest, 2 * _end(bench) + _ROOM))
        chosen += [scan for scan in both if not bench.subject.obstacle(scan.structure)]
    return chosen


def _end(bench: Bench) -> float:
    return max(bench.subject.cutoffs.values(), default=_FURTHEST - _BEYOND) + _BEYOND


def _look(bench: Bench, scan: Scan) -> tuple[dict[str, Jump], Curve]:
    evaluate = bench.bind(scan.structure)
    grid = np.linspace(_NEAREST, _end(bench), bench.pick(150, 300, 1000))
    energies, forces = profile(evaluate, scan, grid)
    curvature = partial(_curvature, evaluate, scan)
    curvatures = np.array([curvature(s) for s in grid])
    functions: dict[str, tuple[Function, Array]] = {
        "energy": (lambda s: float(profile(evaluate, scan, [s])[0, 0]), energies),
        "force": (lambda s: float(profile(evaluate, scan, [s])[1, 0]), forces),
        "curvature": (curvature, curvatures),
    }
    acting = np.flatnonzero(forces)
    ends = [float(grid[acting[-1] + 1])] if len(acting) > 0 and acting[-1] + 1 < len(grid) else []
    suspects = [*bench.subject.cutoffs.values(), *ends]
    jumps = {
        kind: largest_jump(function, grid, values, bench.pick(3, 4, 8), suspects)
        for kind, (function, values) in functions.items()
    }
    bend = np.abs(np.diff(curvatures, 2))
    return jumps, Curve.of(scan.label, grid[1:-1], np.maximum(bend, _LEAST_SHOWN))


def _curvature(evaluate: Evaluate, scan: Scan, s: float) -> float:
    back, ahead = profile(evaluate, scan, [s - _DIFFERENCE, s + _DIFFERENCE])[1]
    return float((back - ahead) / (2 * _DIFFERENCE))
