"""Bonds stretched and compressed: an energy that rises on both sides, and a smooth force."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import scans
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.scans import Scan, profile
from openmm_innff.audit.checks.smoothness import WINDOW, fall, left_over, roughness
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array
from openmm_innff.units import KB_EV_PER_K

_RANGE = (0.7, 1.6)
"""Of the bond's length: compressed by more, and stretched by less than it takes to break it."""
_STEP = 0.005
"""Angstrom."""
_REACHED = 1.0
"""Above the lowest energy, eV."""


@check(
    "bond-minima",
    "surface",
    question="Does the energy rise wherever a bond is stretched or compressed?",
    unit="eV",
    threshold=KB_EV_PER_K * 300.0,
    source="kT at 300 K: a shallower fall holds nothing. Bonds break far beyond the scan, and "
    "with energy rising all the way; where it falls, molecules of the model lose atoms",
)
def minima(bench: Bench) -> Measurement:
    """Scan bonds; the value is the farthest fall of the energy on the way from the minimum."""
    rows, values, curves = [], [], []
    for scan, grid, (energies, _) in _profiles(bench):
        values.append(fall(energies, int(np.argmin(np.abs(grid - scan.start)))))
        least = int(np.argmin(energies))
        wall = energies[[0, -1]] - energies[least]
        rows.append((scan.label, f"{values[-1]:.2g} eV", f"{grid[least]:.3f} Å",
                     f"{wall[0]:.2f} eV", f"{wall[1]:.2f} eV"))  # fmt: skip
        curves.append(Curve.of(scan.label, grid, energies - energies[least]))
    head = ("bond", "farthest fall", "lowest at", "compressed", "stretched")
    panel = Panel("Bonds", "length (Å)", "energy (eV)", tuple(curves))
    remark = (
        f"From {_RANGE[0]:g} to {_RANGE[1]:g} times the length; one side of the molecule moves."
    )
    return Measurement(max(values), None, head, tuple(rows), (panel,), remark)


@check(
    "bond-smoothness",
    "surface",
    question="Are forces along bonds smooth?",
    unit="of the RMS force",
    threshold=1e-3,
    source="chosen: a tenth of a per cent, as for `forces`. The scan follows the bond smoothness "
    "test of doi:10.48550/arXiv.2602.04861, the score is our own",
)
def smoothness(bench: Bench) -> Measurement:
    """Scan bonds; the value is what local polynomials leave of the force, over all lengths."""
    rows, values, curves, rests = [], [], [], []
    for scan, grid, (energies, forces) in _profiles(bench):
        values.append(roughness(forces))
        rest, inner = left_over(forces), slice(WINDOW // 2, -(WINDOW // 2))
        reached = (energies - energies.min() < _REACHED)[inner]
        most = int(np.argmax(np.abs(rest)))
        within = np.abs(rest[reached]).max() if reached.any() else 0.0
        rows.append((scan.label, f"{values[-1]:.2g}", f"{1000 * np.abs(rest[most]):.3g}",
                     f"{grid[inner][most]:.2f} Å", f"{1000 * within:.3g}"))  # fmt: skip
        curves.append(Curve.of(scan.label, grid, forces))
        rests.append(Curve.of(scan.label, grid[inner], 1000 * rest))
    panels = (
        Panel("Bonds", "length (Å)", "force (eV/Å)", tuple(curves)),
        Panel("What local polynomials leave", "length (Å)", "force (meV/Å)", tuple(rests)),
    )
    head = ("bond", "roughness", "most left, meV/Å", "at",
            f"most left up to {_REACHED:g} eV, meV/Å")  # fmt: skip
    remark = (
        f"The last column is for lengths whose energy is within {_REACHED:g} eV of the lowest, "
        f"40 kT at 300 K: what lies beyond is not met in dynamics, and is judged all the same."
    )
    return Measurement(max(values), None, head, tuple(rows), panels, remark)


def _profiles(bench: Bench) -> list[tuple[Scan, Array, Array]]:
    structures = [s for s in bench.structures if not s.periodic and len(s.molecules) == 1]
    chosen = [scan for structure in structures for scan in scans.bonds(structure)]
    if not chosen:
        raise NotApplicable("no isolated molecule with a bond outside rings among the structures")
    found = []
    for scan in chosen:
        grid = np.arange(_RANGE[0] * scan.start, _RANGE[1] * scan.start, _STEP)
        found.append((scan, grid, profile(bench.bind(scan.structure), scan, grid)))
    return found
