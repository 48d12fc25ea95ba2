"""Parts: their sum is the whole."""

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
from openmm_innff.audit.subjects import Evaluation, Options


@check(
    "parts",
    "exactness",
    question="Do the parts add up to the whole?",
    unit=SYMMETRY_UNIT,
    threshold=ROUNDING,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Add the energies and forces of all parts."""
    if not bench.subject.parts:
        raise NotApplicable("it has no parts")
    random = bench.random()

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        parts = [bench.evaluate(structure, Options(part)) for part in bench.subject.parts]
        energy = sum(part.energy for part in parts)
        forces = np.sum([part.forces for part in parts], axis=0)
        return deviation(Evaluation(energy, forces), bench.evaluate(structure))

    return worst(bench.structures, compare)
