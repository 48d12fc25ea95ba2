"""Size extensivity: what is far apart adds up, and a doubled box is twice the box."""

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
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import Evaluation

_APART = 500.0
"""Distance of two copies, angstrom: dipoles of water then have 2e-8 eV."""


@check(
    "extensivity",
    "exactness",
    question="Does twice the matter have twice the energy and the same forces?",
    unit=SYMMETRY_UNIT,
    threshold=ROUNDING,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Put two copies far apart, or one beside the other in a box of twice the length."""
    random = bench.random()
    structures = [s for s in bench.structures if not bench.subject.obstacle(_doubled(s))]
    if not structures:
        raise NotApplicable(bench.subject.obstacle(_doubled(bench.structures[0])))

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        once, twice = bench.evaluate(structure), bench.evaluate(_doubled(structure))
        return deviation(twice, Evaluation(2 * once.energy, np.tile(once.forces, (2, 1))))

    return worst(structures, compare, f"Isolated copies are {_APART:g} Å apart.")


def _doubled(structure: Structure) -> Structure:
    name = f"{structure.name}, twice"
    if structure.cell is None:
        return structure.with_copies(np.array([[0, 0, 0], [_APART, 0, 0]]), None, name)
    shifts = np.array([np.zeros(3), structure.cell[2]])
    return structure.with_copies(shifts, structure.cell * [[1], [1], [2]], name)
