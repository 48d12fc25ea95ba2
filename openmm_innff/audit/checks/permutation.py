"""Permutation: the order of the atoms does not matter."""

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


@check(
    "permutation",
    "exactness",
    question="Do atoms in another order have the same energy and forces?",
    unit=SYMMETRY_UNIT,
    threshold=ROUNDING,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Shuffle the atoms together with their bonds."""
    random = bench.random()

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        before = bench.evaluate(structure)
        found = []
        for _ in range(bench.pick(1, 3, 10)):
            order = random.permutation(len(structure))
            after = bench.evaluate(structure.reordered(order))
            found.append(deviation(after, Evaluation(before.energy, before.forces[order])))
        return max(found)

    structures = [structure for structure in bench.structures if len(structure) > 1]
    for structure in structures:
        turned = structure.reordered(random.permutation(len(structure)))
        if reason := bench.subject.obstacle(turned):
            raise NotApplicable(f"the order of the atoms is fixed: {reason}")
    return worst(structures, compare)
