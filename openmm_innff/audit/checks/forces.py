"""Force against the finite difference of the energy."""

from itertools import pairwise

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import rms
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement
from openmm_innff.audit.structure import Array, Structure

_STEPS = (0.02, 0.01, 0.005, 0.0025, 0.00125)
"""Displacements, angstrom, each half of the one before: long ones for rounded energies, short ones
for energies whose higher derivatives jump, as those of splines do."""


@check(
    "forces",
    "exactness",
    question="Is the force minus the gradient of the energy?",
    unit="of the RMS force",
    threshold=1e-3,
    source="chosen: a tenth of a per cent is less than the errors of any model, and steps of "
    "dynamics conserve energy only as well as this holds",
)
def measure(bench: Bench) -> Measurement:
    """Compare single force components of rattled structures with central differences.

    Pairs of displacements are extrapolated to zero (Richardson). The error is by how much two of
    these differ, and those are taken that differ least.
    """
    random, rows, values = bench.random(), [], []
    for structure in bench.structures:
        found, error = _compare(bench, structure.rattled(random), random)
        values.append((found, error))
        rows.append((structure.name, f"{found:.2g}", f"{error:.1g}"))
    value, error = max(values)
    head = ("structure", "value", "error")
    remark = "Components are chosen at random, atoms displaced by 0.05 Å."
    return Measurement(value, error, head, tuple(rows), remark=remark)


def _compare(
    bench: Bench, structure: Structure, random: np.random.Generator
) -> tuple[float, float]:
    count = min(3 * len(structure), bench.pick(9, 18, 60))
    chosen = random.choice(3 * len(structure), count, replace=False)
    evaluate = bench.bind(structure)
    wanted = evaluate(structure.positions, structure.cell).forces.reshape(-1)[chosen]

    def slopes(step: float) -> Array:
        found = []
        for index in chosen:
            move = np.zeros_like(structure.positions)
            move.flat[index] = step
            ahead = evaluate(structure.positions + move, structure.cell).energy
            back = evaluate(structure.positions - move, structure.cell).energy
            found.append((back - ahead) / (2 * step))
        return np.array(found)

    table = [slopes(step) for step in _STEPS]
    refined = [(4 * fine - coarse) / 3 for coarse, fine in pairwise(table)]
    errors = [rms(fine - coarse) for coarse, fine in pairwise(refined)]
    least = int(np.argmin(errors))
    best = refined[least + 1]
    size = max(rms(wanted), rms(best))
    return rms(wanted - best) / size, errors[least] / size
