"""How far atoms feel each other: the force on one against the distance of another that moves."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import nearest
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array, Indices, Structure
from openmm_innff.audit.subjects import Evaluate, Options

_STEP = 0.01
"""Angstrom."""
_BIN = 0.5
_FAR = 6.0
_LEAST_SHOWN = 1e-6
"""Of a logarithmic axis, eV/angstrom^2."""


@check(
    "locality",
    "interpretation",
    question="Do atoms feel near ones above all?",
    unit="of the coupling",
    threshold=0.05,
    source=f"chosen: boxes of twice {_FAR:g} Å are common, and an atom there must not feel much of "
    "its own images. That forces are local is what potentials of a finite reach rest on: Deringer "
    "and Csányi 2017, doi:10.1103/PhysRevB.95.094203",
)
def measure(bench: Bench) -> Measurement:
    r"""Displace some atoms and see which forces change.

    The coupling of atoms i and j is the Frobenius norm of :math:`\partial F_i / \partial x_j`; the
    value is the root of the part of its square that pairs beyond 6 angstrom have.
    """
    structure = bench.largest()
    if len(structure) < 2:
        raise NotApplicable("no structure has more than one atom")
    random = bench.random()
    chosen = random.choice(len(structure), min(len(structure), bench.pick(4, 12, 48)), False)
    curves, rows, values = [], [], {}
    for part in ("", *bench.subject.parts):
        evaluate = bench.bind(structure, Options(part))
        distance, coupling = _couplings(evaluate, structure, chosen)
        name = part or "total"
        edges = np.arange(0.0, distance.max() + _BIN, _BIN)
        place = np.digitize(distance, edges) - 1
        sums = np.bincount(place, coupling**2, len(edges))
        numbers = np.bincount(place, minlength=len(edges))
        full = numbers > 0
        size = np.sqrt(sums[full] / numbers[full])
        curves.append(Curve.of(name, edges[full] + _BIN / 2, np.maximum(size, _LEAST_SHOWN)))
        values[name] = float(np.sqrt(np.sum(coupling[distance > _FAR] ** 2) / sums.sum()))
        cumulative = np.sqrt(np.cumsum(sums[::-1])[::-1] / sums.sum())
        within = {r: cumulative[int(r / _BIN)] if r < distance.max() else 0.0 for r in (2, 4, 6)}
        rows.append((name, *(f"{share:.2g}" for share in within.values())))
    marks = tuple((f"{part} cutoff", r) for part, r in bench.subject.cutoffs.items())
    panel = Panel(f"Coupling, {structure.name}", "distance (Å)", "RMS coupling (eV/Å²)",
                  tuple(curves), y_log=True, marks=marks)  # fmt: skip
    remark = (
        f"{len(chosen)} atoms were displaced by {_STEP:g} Å. Columns: root of the part of the "
        f"squared coupling that lies beyond. In a box, nearest images count."
    )
    head = ("part", "beyond 2 Å", "beyond 4 Å", f"beyond {_FAR:g} Å")
    return Measurement(values["total"], None, head, tuple(rows), (panel,), remark)


def _couplings(evaluate: Evaluate, structure: Structure, atoms: Indices) -> tuple[Array, Array]:
    """Return distances (angstrom) and couplings (eV/angstrom^2) of atoms with all others."""
    distances, couplings = [], []
    for atom in atoms:
        squares = np.zeros(len(structure))
        for axis in range(3):
            move = np.zeros_like(structure.positions)
            move[atom, axis] = _STEP
            ahead = evaluate(structure.positions + move, structure.cell).forces
            back = evaluate(structure.positions - move, structure.cell).forces
            squares += np.sum(((ahead - back) / (2 * _STEP)) ** 2, axis=1)
        others = np.arange(len(structure)) != atom
        vectors = structure.positions[others] - structure.positions[atom]
        distances.append(np.linalg.norm(nearest(vectors, structure.cell), axis=1))
        couplings.append(np.sqrt(squares[others]))
    return np.concatenate(distances), np.concatenate(couplings)
