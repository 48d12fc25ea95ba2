"""Triclinic boxes: a crystal is the same whichever box describes it."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import (
    ROUNDING,
    ROUNDING_SOURCE,
    SYMMETRY_UNIT,
    deviation,
)
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import Evaluation, Options

_BOXES = {
    "leaning forward": ([[2, 0, 0], [1, 1, 0], [0, 0, 1]], [[0, 0, 0], [1, 0, 0]]),
    "leaning back": ([[2, 0, 0], [-1, 1, 0], [0, 0, 1]], [[0, 0, 0], [1, 0, 0]]),
    "leaning twice": (
        [[2, 0, 0], [0, 2, 0], [1, 1, 1]],
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]],
    ),
}  # fmt: skip
"""Boxes, and the copies of the small box that fill them, in vectors of the small box.

They are in the reduced form that OpenMM asks for, if the small box is rectangular."""


@check(
    "triclinic",
    "exactness",
    question="Is a periodic system the same in a box that leans?",
    unit=SYMMETRY_UNIT,
    threshold=ROUNDING,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Describe the same periodic system by larger boxes that lean to either side, by all codes."""
    random = bench.random()
    structures = [
        s for s in bench.boxes() if not bench.subject.obstacle(_in_box(s, "leaning back"))
    ]
    if not structures:
        raise NotApplicable(bench.subject.obstacle(_in_box(bench.boxes()[0], "leaning back")))
    rows, values = [], []
    for structure in (structure.rattled(random) for structure in structures):
        for backend in bench.subject.backends or ("",):
            options = Options(backend=backend)
            before = bench.evaluate(structure, options)
            for name in list(_BOXES)[: bench.pick(2, 3, 3)]:
                after = bench.evaluate(_in_box(structure, name), options)
                copies = len(after.forces) // len(before.forces)
                wanted = Evaluation(copies * before.energy, np.tile(before.forces, (copies, 1)))
                values.append(deviation(after, wanted))
                rows.append((structure.name, name, backend or "–", f"{values[-1]:.2g}"))
    head = ("structure", "box", "code", "value")
    return Measurement(max(values), head=head, rows=tuple(rows))


def _in_box(structure: Structure, name: str) -> Structure:
    vectors, copies = (np.array(numbers, dtype=float) for numbers in _BOXES[name])
    cell = np.asarray(structure.cell)
    return structure.with_copies(copies @ cell, vectors @ cell, f"{structure.name}, {name}")
