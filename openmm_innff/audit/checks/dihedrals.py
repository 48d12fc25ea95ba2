"""Groups turned about bonds: a smooth torque that adds up to nothing over a full turn."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import scans
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.scans import profile
from openmm_innff.audit.checks.smoothness import roughness
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel


@check(
    "dihedrals",
    "surface",
    question="Is the torque about rotatable bonds smooth, and the work of a full turn zero?",
    unit="of the RMS torque",
    threshold=1e-2,
    source="chosen: a per cent of the torque",
)
def measure(bench: Bench) -> Measurement:
    """Turn one side of a molecule rigidly by 360 degrees.

    The value is the larger of the roughness and of the mean torque over the RMS torque.
    """
    structures = [s for s in bench.structures if not s.periodic and len(s.molecules) == 1]
    chosen = [scan for structure in structures for scan in scans.dihedrals(structure)]
    if not chosen:
        raise NotApplicable("no molecule among the structures has a rotatable bond")
    rows, values, curves = [], [], []
    for scan in chosen:
        degrees = np.linspace(0.0, 360.0, bench.pick(180, 360, 720), endpoint=False)
        energies, torques = profile(bench.bind(scan.structure), scan, np.deg2rad(degrees))
        size = float(np.sqrt(np.mean(torques**2)))
        work = abs(float(torques.mean())) / size if size > 0 else 0.0
        values.append(max(roughness(torques), work))
        rows.append((scan.label, f"{roughness(torques):.2g}", f"{work:.2g}",
                     f"{np.ptp(energies):.3f} eV"))  # fmt: skip
        curves.append(Curve.of(scan.label, degrees, energies - energies.min()))
    head = ("bond", "roughness", "work of a turn", "barrier")
    panel = Panel("Rotatable bonds", "turn (°)", "energy (eV)", tuple(curves))
    return Measurement(max(values), None, head, tuple(rows), (panel,))
