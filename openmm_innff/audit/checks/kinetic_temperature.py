"""Kinetic temperature of each element."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.temperature import SOURCE, THRESHOLD, deviation, refuse_constraints
from openmm_innff.audit.observables import kinetic_temperatures
from openmm_innff.audit.result import Measurement


@check(
    "kinetic-temperature",
    "dynamics",
    question="Have all elements the kinetic temperature of the bath?",
    unit="%",
    threshold=THRESHOLD,
    source=SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Average the kinetic energy of the velocities with which atoms drift."""
    recording = bench.lasting(bench.largest())
    refuse_constraints(recording)
    return deviation(
        recording, kinetic_temperatures(recording.seen, recording.species, recording.centre_removed)
    )
