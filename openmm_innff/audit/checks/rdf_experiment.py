"""First maximum of g(r) of oxygen in water, beside x-ray diffraction."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of
from openmm_innff.audit.checks.rdf import (
    curve,
    distributions,
    first_maximum,
    reference_of,
    same_pair,
)
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, Panel

_PLACE, _HEIGHT, _HEIGHT_ERROR = 2.80, 2.57, 0.05
"""Skinner et al. 2013, doi:10.1063/1.4790861: 2.80(1) angstrom and 2.57(5)."""


@check(
    "rdf-experiment",
    "dynamics",
    question="Is water as structured as it is in experiment?",
    unit="",
    threshold=0.4,
    source="x-ray diffraction, doi:10.1063/1.4790861; 0.4 is chosen: nuclei are classical here, "
    "which sharpens the first maximum, and the level of theory of the reference data limits what "
    "can be reached",
)
def measure(bench: Bench) -> Measurement:
    """Compare the height of the first maximum of g(r) between oxygen atoms."""
    recording = bench.lasting(liquid_water_of(bench))
    function = distributions(recording)["O-O"]
    place, height = first_maximum(function)
    data = same_pair(reference_of(bench.subject.name) or {}, "O-O")
    of_data = ("–", "–")
    if data is not None:
        where, high = first_maximum(data)
        of_data = (f"{where:.2f}", f"{high.value:.2f} ± {high.error:.2f}")
    rows = (
        ("place, Å", f"{place:.2f}", of_data[0], f"{_PLACE:.2f} ± 0.01"),
        ("height", f"{height.value:.2f} ± {height.error:.2f}", of_data[1],
         f"{_HEIGHT} ± {_HEIGHT_ERROR}"),
    )  # fmt: skip
    seen = Curve.of("first maximum, experiment", [_PLACE], [_HEIGHT], [_HEIGHT_ERROR], points=True)
    panel = Panel("Oxygen in water", "r, Å", "g(r)", (curve(function, "O-O"), seen))
    error = (height.error**2 + _HEIGHT_ERROR**2) ** 0.5
    head = ("first maximum", "here", "reference data of the model", "experiment")
    return Measurement(
        abs(height.value - _HEIGHT), error, head, rows, (panel,),
        f"{recording.structure.name}, {recording.plan.length_ps:g} ps at 300 K and the density of "
        f"the structure.",
    )  # fmt: skip
