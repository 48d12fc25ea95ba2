"""Images: it does not matter which periodic copy of an atom is given."""

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
from openmm_innff.audit.structure import Structure

_BOXES = 2
"""Furthest copy, in boxes."""


@check(
    "images",
    "exactness",
    question="Is it the same whichever periodic copy of an atom is given?",
    unit=SYMMETRY_UNIT,
    threshold=ROUNDING,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Move atoms by whole boxes; whole molecules where the subject knows them by their bonds."""
    random = bench.random()

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        before = bench.evaluate(structure)
        found = []
        for _ in range(bench.pick(1, 3, 10)):
            shifts = random.integers(-_BOXES, _BOXES + 1, (len(structure), 3))
            if bench.subject.needs_bonds:
                for molecule in structure.molecules:
                    shifts[molecule] = shifts[molecule[0]]
            moved = structure.positions + shifts @ np.asarray(structure.cell)
            found.append(deviation(bench.evaluate(structure.moved(moved)), before))
        return max(found)

    what = "molecules" if bench.subject.needs_bonds else "atoms"
    return worst(bench.boxes(), compare, f"Each of the {what} was moved on its own.")
