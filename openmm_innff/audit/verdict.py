"""Whether a candidate agrees with the reference: each observable, and all together."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from openmm_innff.analysis import RadialDistribution, agreement
from openmm_innff.statistics import Mean, difference
from openmm_innff.units import KB_EV_PER_K

Verdict = Literal["pass", "unclear", "fail"]

GROUPS = {
    "drift": "NVE drift, meV/atom/ps",
    "kinetic": "kinetic temperature, %",
    "configurational": "configurational temperature, %",
    "bonded": "bond and angle energy, %",
    "energy": "potential energy, % of kT/2",
    "rdf": "g(r): difference / noise",
    "spectrum": "velocity spectrum, %",
    "diffusion": "diffusion, %",
}
DYNAMIC = frozenset({"spectrum", "diffusion"})
SLOW = frozenset({"energy"})
"""Groups whose fluctuations are so slow that runs of common length can refute but not confirm."""
_SIGMAS = 2.0


@dataclass(frozen=True)
class Tolerances:
    """Largest deviations that count as agreement.

    Parameters
    ----------
    temperature_percent
        Of kinetic and configurational temperatures from the bath's.
    bonded_percent
        Of bond and angle energies from the reference's.
    energy_percent
        Of the potential energy from the reference's, for each degree of freedom and in per cent of
        kT/2. It relaxes slowly.
    rdf_noise
        Mean difference of g(r) in units of what noise alone would give.
    drift_meV_per_atom_ps
        Energy drift without thermostat. A thermostat of 2/ps turns 0.1 into 0.2 K.
    dynamics_percent
        Of band intensities, band centres and the diffusion coefficient.
    """

    temperature_percent: float = 2.0
    bonded_percent: float = 2.0
    energy_percent: float = 2.0
    rdf_noise: float = 2.0
    drift_meV_per_atom_ps: float = 0.1
    dynamics_percent: float = 10.0


@dataclass(frozen=True)
class Check:
    """One observable of one candidate.

    Parameters
    ----------
    group
        One of `GROUPS`, which says the unit of the deviation.
    name
        Of the observable.
    deviation, error
        From the reference, and its standard error.
    tolerance
        Largest deviation allowed.
    verdict
        See `judge`.
    """

    group: str
    name: str
    deviation: float
    error: float
    tolerance: float
    verdict: Verdict


def judge(deviation: float, error: float, tolerance: float) -> Verdict:
    """Say whether a deviation is within a tolerance.

    "pass" needs the deviation and its standard error to be within the tolerance, "fail" a
    deviation two errors beyond it; what lies between needs a longer run.

    Parameters
    ----------
    deviation, error, tolerance
        In one unit.
    """
    size = abs(deviation)
    if not math.isfinite(size) or size > tolerance + _SIGMAS * error:
        return "fail"
    return "pass" if size <= tolerance and error <= tolerance else "unclear"


def overall(checks: Iterable[Check]) -> Verdict:
    """Sum up: "fail" if one fails, else "unclear" if one is or there are none, else "pass"."""
    verdicts = {check.verdict for check in checks}
    if "fail" in verdicts:
        return "fail"
    return "pass" if verdicts == {"pass"} else "unclear"


def compare(
    found: Mapping[str, Any],
    reference: Mapping[str, Any],
    temperature: float,
    tolerances: Tolerances,
    with_drift: bool = True,
) -> list[Check]:
    """Compare the result of a candidate with the reference's.

    Temperatures are compared with the bath's, which is exact; all else with the reference.

    Parameters
    ----------
    found, reference
        Results of `mts.measure`.
    temperature
        Of the bath, K.
    tolerances
        What counts as agreement.
    with_drift
        Whether the energy drift tells something of this scheme.
    """
    checks = list(_temperatures(found, temperature, tolerances.temperature_percent))
    for kind, mean in found["deviations"].items():
        change = difference(Mean(*mean), Mean(*reference["deviations"][kind]))
        checks.append(
            _check("bonded", kind, change.percent, change.percent_error, tolerances.bonded_percent)
        )
    if "energy_eV" in found:
        unit = 3 * found["atoms"] * KB_EV_PER_K * temperature / 2 / 100
        change = difference(Mean(*found["energy_eV"]), Mean(*reference["energy_eV"]))
        value, error = change.value / unit, change.error / unit
        checks.append(_check("energy", "potential energy", value, error, tolerances.energy_percent))
    for pair, table in found["rdf"].items():
        alike = agreement(_function(pair, table), _function(pair, reference["rdf"][pair]))
        ratio = alike.difference / alike.noise if alike.noise > 0 else math.inf
        checks.append(_check("rdf", pair, ratio, 0.0, tolerances.rdf_noise))
    if with_drift and found["drift"] is not None:
        limit = tolerances.drift_meV_per_atom_ps
        value, error = found["drift"]
        checks.append(_check("drift", "NVE drift", value, error, limit))
    return [*checks, *_dynamics(found, reference, tolerances.dynamics_percent)]


def _temperatures(
    found: Mapping[str, Any], temperature: float, tolerance: float
) -> Iterator[Check]:
    for name, mean in found["temperatures"].items():
        change = difference(Mean(*mean), Mean(temperature, 0.0))
        group = name.split()[0]
        short = name.split()[-1]
        yield _check(group, short, change.percent, change.percent_error, tolerance)


def _dynamics(
    found: Mapping[str, Any], reference: Mapping[str, Any], tolerance: float
) -> Iterator[Check]:
    for interval, bands in found["bands"].items():
        for band, values in bands.items():
            other = reference["bands"].get(interval, {}).get(band)
            for what in values if other is not None else ():
                change = difference(Mean(*values[what]), Mean(*other[what]))
                yield _check(
                    "spectrum", f"{band} {what}", change.percent, change.percent_error, tolerance
                )
    if found["diffusion"] is not None and reference["diffusion"] is not None:
        change = difference(Mean(*found["diffusion"]), Mean(*reference["diffusion"]))
        yield _check("diffusion", "diffusion", change.percent, change.percent_error, tolerance)


def _check(group: str, name: str, deviation: float, error: float, tolerance: float) -> Check:
    verdict = judge(deviation, error, tolerance)
    return Check(group, name, deviation, error, tolerance, verdict)


def _function(pair: str, table: Mapping[str, Any]) -> RadialDistribution:
    return RadialDistribution(pair, *(np.array(table[key]) for key in ("r", "g", "error")))
