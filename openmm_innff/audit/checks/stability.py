"""Stability: a run at 300 K that keeps its molecules and does not explode."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import nearest
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.recording import EXPLODED, Recording
from openmm_innff.audit.result import Curve, Measurement, Panel
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.units import FS_TO_PS

_STRETCH = 0.5
"""A bond is broken when it is this much longer than it was, angstrom."""
_HELD = 1.4
"""A hydrogen that is nearer than this to some other element has gone over to it, angstrom."""
_LOST = 2.5
"""A hydrogen is lost when it is this far from all other elements, angstrom (MLIPAudit)."""


@check(
    "stability",
    "dynamics",
    question="Do molecules survive a run at 300 K?",
    unit="of the run",
    threshold=0.0,
    source=f"explosions ({EXPLODED:g} K) and lost hydrogens ({_LOST} Å from all other elements) as "
    f"in MLIPAudit, https://instadeepai.github.io/mlipaudit; broken bonds ({_STRETCH} Å longer "
    f"than they were, but for hydrogens within {_HELD} Å of some heavier atom): chosen",
)
def measure(bench: Bench) -> Measurement:
    """Measure which part of the run of each structure is left after the first of such events."""
    rows, panels, values = [], [], []
    for structure in bench.structures:
        recording = bench.recording(structure)
        total = recording.plan.total_ps
        times, longest, broken, lost = _bonds(recording)
        ends = [recording.survived_ps] if recording.failure else []
        ends += [float(times[np.argmax(longest > _STRETCH)])] if broken else []
        values.append(1.0 - min(ends) / total if ends else 0.0)
        said = recording.failure or "ran to its end"
        rows.append(
            (structure.name, f"{total:g}", f"{values[-1]:.2g}", str(broken), str(lost), said)
        )
        if len(longest):
            panels.append(Curve.of(structure.name, times[::10], longest[::10]))
    head = ("structure", "ps", "lost", "bonds broken", "hydrogens lost", "what happened")
    panel = Panel("Longest bond", "time, ps", "elongation, Å", tuple(panels))
    remark = (
        "Langevin dynamics, steps of 1 fs. Where all atoms of a box hang together by bonds, as in "
        "metals, there are no molecules and bonds don't count; nor does that of a hydrogen which "
        "went over to another atom. Potentials of reactions may break bonds rightly."
    )
    return Measurement(
        max(values), head=head, rows=tuple(rows), panels=(panel,) if panels else (), remark=remark
    )


def _bonds(recording: Recording) -> tuple[Array, Array, int, int]:
    """Return times (ps), longest elongations (angstrom), broken bonds and lost hydrogens."""
    structure, record = recording.structure, recording.record
    network = structure.periodic and len(structure.molecules) == 1
    if record is None or not structure.bonds or network:
        return np.empty(0), np.empty(0), 0, 0
    first, second = np.array(structure.bonds).T
    start = structure.positions[first] - structure.positions[second]
    rest = np.linalg.norm(nearest(start, structure.cell), axis=-1)
    vectors = record.positions[:, first] - record.positions[:, second]
    lengths = np.linalg.norm(nearest(vectors, structure.cell), axis=-1)
    longer = np.asarray(lengths - rest, dtype=np.float64)
    forgive_transfers(longer, structure, record.positions)
    step_ps = record.sample_fs * FS_TO_PS
    times = recording.plan.rest_ps + step_ps * np.arange(1.0, len(longer) + 1.0)
    broken = int((longer > _STRETCH).any(0).sum())
    lost = _lost(structure, record.positions[-1]) if broken else 0
    return times, longer.max(1), broken, lost


def forgive_transfers(longer: Array, structure: Structure, positions: Array) -> None:
    """Set elongations to zero where a hydrogen that left its atom is held by another one.

    Parameters
    ----------
    longer
        Elongation of each bond in each frame, angstrom, shape (F, B); is changed.
    structure
        With B bonds.
    positions
        Of the frames, angstrom, shape (F, N, 3).
    """
    heavy = structure.numbers > 1
    for number in np.flatnonzero((longer > _STRETCH).any(0)):
        light = [atom for atom in structure.bonds[number] if not heavy[atom]]
        if len(light) == 1:
            vectors = positions[:, light] - positions[:, heavy]
            distances = np.linalg.norm(nearest(vectors, structure.cell), axis=-1)
            longer[distances.min(1) < _HELD, number] = 0.0


def _lost(structure: Structure, positions: Array) -> int:
    light = structure.numbers == 1
    if light.all() or not light.any():
        return 0
    vectors = positions[light][:, None] - positions[~light][None]
    distances = np.linalg.norm(nearest(vectors, structure.cell), axis=-1)
    return int((distances.min(1) > _LOST).sum())
