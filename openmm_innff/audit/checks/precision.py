"""Precision: forces in single against forces in double precision."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import ROUNDING_SOURCE, SYMMETRY_UNIT, deviation, worst
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import Options


@check(
    "precision",
    "exactness",
    question="Is single precision enough?",
    unit=SYMMETRY_UNIT,
    threshold=1e-4,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Compare forces of rattled structures in both precisions."""
    if len(bench.subject.precisions) < 2:
        raise NotApplicable(f"there is one precision: {', '.join(bench.subject.precisions)}")
    random = bench.random()

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        single = bench.evaluate(structure, Options(precision="single"))
        return deviation(single, bench.evaluate(structure))

    return worst(bench.structures, compare)
