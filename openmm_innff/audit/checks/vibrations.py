"""Vibrational density of states."""

import math

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.dynamics import BANDS_PER_CM, velocity_spectrum
from openmm_innff.audit.recording import STEP_FS
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array
from openmm_innff.statistics import ratio_with_error

_HIGHEST = 4500.0
"""No molecule vibrates faster: H2, the fastest, at 4401 1/cm (doi:10.1007/978-1-4757-0961-2)."""
_PER_CM_TO_PER_FS = 2 * math.pi * 2.99792458e-5
_ROW_LIMIT = 4200.0


def unshifted(wavenumbers: Array, step_fs: float) -> Array:
    """Return wavenumbers (1/cm) of the potential from those of a run by leapfrog steps.

    A harmonic vibration of frequency w appears at w' with w h = 2 sin(w' h / 2).
    """
    seen = np.minimum(wavenumbers * _PER_CM_TO_PER_FS * step_fs, math.pi)
    return np.asarray(2 * np.sin(seen / 2) / (step_fs * _PER_CM_TO_PER_FS))


@check(
    "vibrations",
    "dynamics",
    question="Are there no vibrations faster than those of any molecule?",
    unit="of the spectrum",
    threshold=5e-3,
    source=f"chosen: no molecule vibrates above {_HIGHEST:g}/cm; the noise of the thermostat is "
    "below 1e-3 there",
)
def measure(bench: Bench) -> Measurement:
    """Transform the autocorrelation of mass-weighted velocities; share above 4500/cm."""
    recording = bench.lasting(bench.largest())
    record = recording.seen
    found, power = velocity_spectrum(
        record.velocities, recording.species.masses, record.velocity_fs
    )
    wavenumbers = unshifted(found, STEP_FS)
    if len(power) < 2:
        raise NotApplicable("the run is too short for a spectrum with an error")
    all_of_it = power.sum(1)
    share = ratio_with_error(power[:, wavenumbers > _HIGHEST].sum(1), all_of_it)
    rows = []
    for name, (low, high) in BANDS_PER_CM.items():
        inside = (wavenumbers >= low) & (wavenumbers < min(high, _ROW_LIMIT))
        part = ratio_with_error(power[:, inside].sum(1), all_of_it)
        rows.append(
            (name, f"{low:g} to {high:g}", f"{100 * part.value:.1f} ± {100 * part.error:.1f}")
        )
    mean = power.mean(0)
    density = Curve.of("", wavenumbers, mean / mean.max())
    panel = Panel("Velocities", "wavenumber, 1/cm", "density of states", (density,))
    return Measurement(
        share.value, share.error, ("band", "1/cm", "share, %"), tuple(rows), (panel,),
        f"{recording.structure.name}, {recording.plan.length_ps:g} ps, nuclei are classical. Bands "
        f"are named as in water.",
    )  # fmt: skip
