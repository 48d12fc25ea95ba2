"""g(r) beside that of the data which a model was made from."""

from openmm_innff.analysis import agreement
from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of
from openmm_innff.audit.checks.rdf import curve, distributions, reference_of, same_pair
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement, NotApplicable, Panel


@check(
    "rdf-data",
    "dynamics",
    question="Is the liquid as structured as in the reference data?",
    unit="",
    threshold=0.1,
    source="chosen: one minus the shared area is 0 for the same functions and 1 for functions that "
    "share nothing; a tenth can be seen, but moves no peak",
)
def measure(bench: Bench) -> Measurement:
    """Compare all pairs with the table that is shipped with a model, NAME-rdf.csv."""
    table = reference_of(bench.subject.name)
    if table is None:
        raise NotApplicable(f"the package has no reference data {bench.subject.name}-rdf.csv")
    recording = bench.lasting(liquid_water_of(bench))
    found = distributions(recording)
    rows, values, panels = [], [], []
    for pair, reference in table.items():
        here = same_pair(found, pair)
        if here is None:
            continue
        compared = agreement(here, reference)
        values.append((1.0 - compared.similarity, compared.noise))
        cells = (1.0 - compared.similarity, compared.difference, compared.noise)
        rows.append((pair, *(f"{cell:.3f}" for cell in cells)))
        curves = (curve(here, "here"), curve(reference, "reference data"))
        panels.append(Panel(pair, "r, Å", "g(r)", curves))
    if not values:
        raise NotApplicable(f"the reference data have none of the pairs {', '.join(found)}")
    value, noise = max(values)
    head = ("pair", "area not shared", "mean difference", "of it by noise alone")
    return Measurement(
        value, noise / 2, head, tuple(rows), tuple(panels),
        "Reference data may sample nuclei as quantum particles, or at another density.",
    )  # fmt: skip
