"""Infrared spectrum of water, of potentials that have charges."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.vibrations import unshifted
from openmm_innff.audit.dynamics import velocity_spectrum
from openmm_innff.audit.recording import STEP_FS
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.statistics import ratio_with_error

_STRETCHING = (2500.0, 4500.0)
"""Band of the O-H stretching vibrations, 1/cm."""
_EXPERIMENT = 3404.0
"""Maximum of this band in liquid water at 25 °C, 1/cm (Bertie and Lan 1996)."""


@check(
    "infrared",
    "dynamics",
    question="Does water absorb infrared light where it does in experiment?",
    unit="%",
    threshold=10.0,
    source="Bertie and Lan 1996, doi:10.1366/0003702963905385; 10 % is chosen: classical nuclei "
    "vibrate some hundred 1/cm faster than real ones",
)
def measure(bench: Bench) -> Measurement:
    r"""Transform the autocorrelation of the charge current; mean wavenumber of O-H stretching.

    The absorption coefficient times the refractive index is proportional to the power spectrum of
    :math:`\dot M = \sum_i q_i v_i`, for classical nuclei.
    """
    structure = liquid_water_of(bench)
    if bench.subject.charges(structure) is None:
        raise NotApplicable("it has no charges")
    recording = bench.lasting(structure)
    charges, record = bench.subject.charges(recording.structure), recording.seen
    current = np.einsum("i,tia->ta", np.asarray(charges), record.velocities)[:, None]
    found, power = velocity_spectrum(current.astype(np.float32), np.ones(1), record.velocity_fs)
    if len(power) < 2:
        raise NotApplicable("the run is too short for a spectrum with an error")
    wavenumbers = unshifted(found, STEP_FS)
    band = (wavenumbers > _STRETCHING[0]) & (wavenumbers < _STRETCHING[1])
    centre = ratio_with_error(power[:, band] @ wavenumbers[band], power[:, band].sum(1))
    rows = (("here", f"{centre.value:.0f} ± {centre.error:.0f}"),
            ("experiment", f"{_EXPERIMENT:.0f}"))  # fmt: skip
    mean = power.mean(0)
    panel = Panel("Infrared", "wavenumber, 1/cm", "absorption (arbitrary)",
                  (Curve.of("", wavenumbers, mean / mean.max()),),
                  marks=(("experiment", _EXPERIMENT),))  # fmt: skip
    percent = 100 / _EXPERIMENT
    return Measurement(
        abs(centre.value - _EXPERIMENT) * percent, centre.error * percent,
        ("O–H stretching", "mean wavenumber, 1/cm"), rows, (panel,),
        f"{recording.structure.name}, {recording.plan.length_ps:g} ps; charges are fixed.",
    )  # fmt: skip
