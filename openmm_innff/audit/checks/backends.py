"""Backends: all codes that evaluate the potential give the same numbers."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import ROUNDING_SOURCE, SYMMETRY_UNIT, deviation
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.subjects import Options


@check(
    "backends",
    "exactness",
    question="Do all codes that evaluate it give the same forces?",
    unit=SYMMETRY_UNIT,
    threshold=1e-4,
    source=ROUNDING_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Compare each backend with the first, in the best precision."""
    names = bench.subject.backends
    if len(names) < 2:
        raise NotApplicable("there is one code to evaluate it")
    random, rows, values = bench.random(), [], []
    for structure in (structure.rattled(random) for structure in bench.structures):
        wanted = bench.evaluate(structure, Options(backend=names[0]))
        for name in names[1:]:
            value = deviation(bench.evaluate(structure, Options(backend=name)), wanted)
            values.append(value)
            rows.append((structure.name, name, f"{value:.2g}"))
    head = ("structure", f"compared with {names[0]}", "value")
    return Measurement(max(values), head=head, rows=tuple(rows))
