"""What the tests of both temperatures share: deviations from the bath's, by element."""

from typing import Literal

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.observables import temperatures
from openmm_innff.audit.recording import TEMPERATURE
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.verdict import Tolerances

THRESHOLD = Tolerances().temperature_percent
SOURCE = "chosen: 6 K, that of `innff audit mts`; averages at 294 K and at 300 K are hard to tell"


def deviation(bench: Bench, kind: Literal["kinetic", "configurational"]) -> Measurement:
    """Return the largest deviation from 300 K of any element, per cent, with its error.

    Parameters
    ----------
    bench
        Its largest structure is taken.
    kind
        Of temperature.
    """
    structure = bench.largest()
    recording = bench.lasting(structure)
    if recording.constrained:
        raise NotApplicable("with constraints, elements have no temperatures of their own")
    found = temperatures(recording.seen, recording.species, recording.centre_removed)
    chosen = {n.split()[-1]: mean for n, mean in found.items() if n.startswith(kind)}
    worst = max(chosen.values(), key=lambda mean: abs(mean.value - TEMPERATURE) + mean.error)
    rows = tuple((n, f"{m.value:.1f} ± {m.error:.1f}") for n, m in chosen.items())
    percent = 100 / TEMPERATURE
    return Measurement(
        abs(worst.value - TEMPERATURE) * percent,
        worst.error * percent,
        ("atoms", "temperature, K"),
        rows,
        remark=f"{structure.name}, {recording.plan.length_ps:g} ps.",
    )
