"""Density of water at constant pressure."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of
from openmm_innff.audit.checks.pressure import at_pressure
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.statistics import mean_with_error

_EXPERIMENT = 0.9965
"""g/cm^3 at 300 K and 1 bar, doi:10.1063/1.1461829."""


@check(
    "density",
    "dynamics",
    question="Has water its density at a pressure of 1 bar?",
    unit="%",
    threshold=3.0,
    source="IAPWS-95, doi:10.1063/1.1461829; 3 % is chosen: functionals differ by more",
)
def measure(bench: Bench) -> Measurement:
    """Average the density under a Monte Carlo barostat at 300 K, the first fifth left out."""
    if bench.effort != "full":
        raise NotApplicable("takes hours: only with --full")
    run = at_pressure(bench, liquid_water_of(bench), 200.0)
    found = mean_with_error(run.kept(run.densities))
    percent = 100 / _EXPERIMENT
    panel = Panel(
        "At 1 bar", "time, ps", "density, g/cm³", (Curve.of("", run.times, run.densities),)
    )
    rows = (
        ("here", f"{found.value:.3f} ± {found.error:.3f}"),
        ("experiment", f"{_EXPERIMENT:.4f}"),
    )
    return Measurement(
        abs(found.value - _EXPERIMENT) * percent, found.error * percent,
        ("density", "g/cm³"), rows, (panel,),
    )  # fmt: skip
