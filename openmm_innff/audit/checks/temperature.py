"""What the tests of both temperatures share: deviations from the bath's, by element."""

from collections.abc import Mapping

from openmm_innff.audit.recording import TEMPERATURE, Recording
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.verdict import Tolerances
from openmm_innff.statistics import Mean

THRESHOLD = Tolerances().temperature_percent
SOURCE = "chosen: 6 K, that of `innff audit mts`; averages at 294 K and at 300 K are hard to tell"


def refuse_constraints(recording: Recording) -> None:
    """Raise NotApplicable where elements have no temperatures of their own."""
    if recording.constrained:
        raise NotApplicable("with constraints, elements have no temperatures of their own")


def deviation(recording: Recording, found: Mapping[str, Mean]) -> Measurement:
    """Return the largest deviation from 300 K of any element, per cent, with its error.

    Parameters
    ----------
    recording
        What the temperatures are of.
    found
        Temperatures by element, K.
    """
    found = {name: _honest(recording, name, mean) for name, mean in found.items()}
    worst = max(found.values(), key=lambda mean: abs(mean.value - TEMPERATURE) + mean.error)
    rows = tuple((n, f"{m.value:.1f} ± {m.error:.1f}") for n, m in found.items())
    percent = 100 / TEMPERATURE
    return Measurement(
        abs(worst.value - TEMPERATURE) * percent,
        worst.error * percent,
        ("atoms", "temperature, K"),
        rows,
        remark=f"{recording.structure.name}, {recording.plan.length_ps:g} ps.",
    )


def _honest(recording: Recording, name: str, mean: Mean) -> Mean:
    """Return a mean whose error is not below that of independent degrees of freedom.

    Energies of one of n harmonic degrees of freedom under Langevin friction g forget themselves
    after 1/(2 g), whatever the frequency, so that a run of length t leaves the temperature an error
    of T (2 / (n g t))^(1/2). Anharmonic ones take longer. A short run does not show this by itself.
    """
    species, plan = recording.species, recording.plan
    atoms = (
        len(species.masses) if name == "all" else species.member[species.symbols.index(name)].sum()
    )
    least = TEMPERATURE * (2 / (3 * atoms * plan.friction * plan.length_ps)) ** 0.5
    return Mean(mean.value, max(mean.error, float(least)))
