"""Hydrogen bonds of a molecule in liquid water."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of, nearest
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.statistics import mean_with_error

_REACH, _ANGLE = 3.5, 30.0
"""Angstrom and degrees, Luzar and Chandler 1996, doi:10.1038/379055a0."""
_TYPICAL = 3.5
_EVERY_FS = 100.0


@check(
    "hydrogen-bonds",
    "dynamics",
    question="Has a water molecule as many hydrogen bonds as in models of the liquid?",
    unit="bonds",
    threshold=0.5,
    source=f"chosen: {_TYPICAL} are typical by this criterion. No measurement counts hydrogen "
    "bonds",
)
def measure(bench: Bench) -> Measurement:
    """Count pairs by distance of oxygen atoms and angle at the donor, two ends for each bond."""
    recording = bench.lasting(liquid_water_of(bench))
    every = max(1, round(_EVERY_FS / recording.seen.sample_fs))
    counts = [count(recording.structure, p) for p in recording.seen.positions[::every]]
    found = mean_with_error(np.array(counts))
    rows = (("here", f"{found.value:.2f} ± {found.error:.2f}"), ("typical", f"{_TYPICAL:g}"))
    return Measurement(
        abs(found.value - _TYPICAL), found.error, ("hydrogen bonds of a molecule", "number"), rows,
        remark=f"O–O within {_REACH} Å and H–O–O within {_ANGLE:g}°: Luzar and Chandler 1996, "
        f"doi:10.1038/379055a0.",
    )  # fmt: skip


def count(structure: Structure, positions: Array) -> float:
    """Return hydrogen bonds of a water molecule, given and taken, in one frame.

    Parameters
    ----------
    structure
        Of water molecules.
    positions
        Shape (N, 3), angstrom.
    """
    oxygen = np.flatnonzero(structure.numbers == 8)
    place = {int(atom): k for k, atom in enumerate(oxygen)}
    pairs = [(i, j) if structure.numbers[i] == 8 else (j, i) for i, j in structure.bonds]
    donors = np.array([place[int(i)] for i, _ in pairs])
    hydrogens = np.array([int(j) for _, j in pairs])
    between = nearest(positions[oxygen][None] - positions[oxygen][:, None], structure.cell)
    distance = np.linalg.norm(between, axis=-1)
    bond = nearest(positions[hydrogens] - positions[oxygen[donors]], structure.cell)
    length = np.linalg.norm(bond, axis=-1)
    along = np.einsum("hd,hod->ho", bond, between[donors])
    other = np.arange(len(oxygen))[None] != donors[:, None]
    wide = np.maximum(distance[donors], 1e-9) * length[:, None] * np.cos(np.radians(_ANGLE))
    bonded = other & (distance[donors] < _REACH) & (along > wide)
    return 2.0 * float(bonded.sum()) / len(oxygen)
