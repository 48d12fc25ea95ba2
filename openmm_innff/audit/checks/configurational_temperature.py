"""Configurational temperature of each element: what positions, not velocities, say."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.temperature import SOURCE, THRESHOLD, deviation, refuse_constraints
from openmm_innff.audit.observables import configurational_temperatures
from openmm_innff.audit.result import Measurement, NotApplicable


@check(
    "configurational-temperature",
    "dynamics",
    question="Are positions distributed as they are at the temperature of the bath?",
    unit="%",
    threshold=THRESHOLD,
    source=SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Divide the mean squared force by the mean Laplacian of the energy.

    It is the temperature for any energy (Rugh 1997, doi:10.1103/PhysRevLett.78.772), if forces
    are its gradient and smooth.
    """
    recording = bench.lasting(bench.largest())
    refuse_constraints(recording)
    if not recording.seen.curvatures.any(axis=0).all():
        raise NotApplicable("an element has no force on it: nothing holds its atoms")
    return deviation(recording, configurational_temperatures(recording.seen, recording.species))
