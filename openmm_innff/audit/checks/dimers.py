"""Two atoms pushed together: the energy must rise."""

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import scans
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.scans import Scan, profile
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array
from openmm_innff.units import KB_EV_PER_K

_NEAREST, _SEPARATED = 0.3, 8.0
_REPULSIVE = 0.7
"""Closer than this many sums of covalent radii all elements repel each other: the triple bond of
nitrogen is at 0.77."""


@check(
    "dimers",
    "surface",
    question="Does the energy rise when two atoms are pushed together, without holes?",
    unit="eV",
    threshold=KB_EV_PER_K * 300.0,
    source="kT at 300 K: a shallower hole holds nothing. The curves are those of the diatomics of "
    "MLIP Arena (doi:10.48550/arXiv.2509.20630)",
)
def measure(bench: Bench) -> Measurement:
    """Push pairs of atoms together from 0.7 sums of covalent radii to 0.3 angstrom.

    The value is the depth of the deepest hole: how far the energy falls on the way inwards.
    """
    chosen = scans.pairs(bench)
    if not chosen:
        raise NotApplicable("pairs of bare atoms can't be evaluated")
    rows, holes, curves = [], [], []
    for scan in chosen:
        evaluate = bench.bind(scan.structure)
        grid = np.arange(_NEAREST, _SEPARATED, bench.pick(0.02, 0.01, 0.005))
        energies = profile(evaluate, scan, grid)[0]
        energies = energies - energies[-1]
        limit = _repulsive_below(scan)
        hole, where = _deepest_hole(grid, energies, limit)
        holes.append(hole)
        least = int(np.argmin(np.where(grid > limit, energies, np.inf)))
        bottom = f"{energies[least]:.2f} eV at {grid[least]:.2f} Å"
        place = f"{where:.2f} Å" if hole > 0 else "–"
        rows.append((scan.label, f"{hole:.3g} eV", place, f"{energies[0]:.3g} eV", bottom))
        curves.append(Curve.of(scan.label, grid, energies))
    head = ("pair", "deepest hole", "at", f"energy at {_NEAREST:g} Å", "minimum beyond the wall")
    panels = (
        Panel("Pairs of atoms", "distance (Å)", "energy (eV)", tuple(curves),
              x_range=(_NEAREST, 6.0), y_log=True),
    )  # fmt: skip
    remark = "Energies are relative to 8 Å. Bare atoms are far from what most models were made for."
    return Measurement(max(holes), None, head, tuple(rows), panels, remark)


def _repulsive_below(scan: Scan) -> float:
    radii = [covalent_radii[atomic_numbers[symbol]] for symbol in scan.structure.symbols]
    return max(_REPULSIVE * float(sum(radii)), _NEAREST + 0.1)


def _deepest_hole(grid: Array, energies: Array, limit: float) -> tuple[float, float]:
    """Return how far the energy falls inwards of the limit, and where it is lowest."""
    inside = energies[grid <= limit][::-1]  # from the limit inwards
    if not np.isfinite(inside).all():
        return float("inf"), float(grid[~np.isfinite(energies)][0])
    falls = np.maximum.accumulate(inside) - inside
    place = int(np.argmax(falls))
    return float(falls[place]), float(grid[grid <= limit][::-1][place])
