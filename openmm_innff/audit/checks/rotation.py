"""Rotation: turned atoms have turned forces."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import (
    ROUNDING,
    ROUNDING_SOURCE,
    SYMMETRY_UNIT,
    deviation,
    worst,
)
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import Evaluation

_QUARTER_TURN = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""About the diagonal of a cube, by a third of a turn: x to y to z to x."""


@check(
    "rotation",
    "exactness",
    question="Do turned atoms have the same energy and turned forces?",
    unit=SYMMETRY_UNIT,
    threshold=ROUNDING,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Turn isolated structures at random, and cubic boxes about their diagonal."""
    random = bench.random()
    structures = [s for s in bench.structures if len(s) > 1 and (not s.periodic or _is_cubic(s))]

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        before = bench.evaluate(structure)
        found = []
        for _ in range(bench.pick(2, 5, 20)):
            turn = _QUARTER_TURN if structure.periodic else _random_turn(random)
            after = bench.evaluate(structure.moved(structure.positions @ turn.T))
            found.append(deviation(after, Evaluation(before.energy, before.forces @ turn.T)))
        return max(found)

    return worst(structures, compare, "Cubic boxes are turned about their diagonal.")


def _random_turn(random: np.random.Generator) -> Array:
    """Rotation without preference (Haar), by the QR decomposition of normal numbers."""
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    turn = q * np.sign(np.diag(r))
    return np.asarray(turn * np.linalg.det(turn))


def _is_cubic(structure: Structure) -> bool:
    cell = structure.cell
    return cell is not None and np.allclose(cell, cell[0, 0] * np.eye(3))
