"""Translation: atoms elsewhere have the same energy and forces, which add up to zero."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import (
    ROUNDING,
    ROUNDING_SOURCE,
    SYMMETRY_UNIT,
    deviation,
    rms,
    worst,
)
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement
from openmm_innff.audit.structure import Structure

_FAR = 10.0
"""Standard deviation of the shift, angstrom."""


@check(
    "translation",
    "exactness",
    question="Do shifted atoms have the same energy and forces, and is there no net force?",
    unit=SYMMETRY_UNIT,
    threshold=ROUNDING,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Shift all atoms; the net force per atom counts as well."""
    random = bench.random()

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        before = bench.evaluate(structure)
        net = rms(before.forces.mean(0)) / max(rms(before.forces), 1e-300)
        found = [net]
        for _ in range(bench.pick(2, 5, 20)):
            shifted = structure.moved(structure.positions + random.normal(0.0, _FAR, 3))
            found.append(deviation(bench.evaluate(shifted), before))
        return max(found)

    return worst(bench.structures, compare)
