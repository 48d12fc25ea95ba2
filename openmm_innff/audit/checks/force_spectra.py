"""Power spectra of the parts of a force on one axis: the separation made visible."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.force_path import SAMPLE_FS, force_path
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.dynamics import velocity_spectrum
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.statistics import ratio_with_error

_FAST = 1000.0
_SHOWN = 4500.0


@check(
    "force-spectra",
    "scales",
    question="Is the power of the slow force at low frequencies?",
    unit="of its power",
    threshold=0.1,
    source=f"chosen: above {_FAST:g}/cm are periods below 33 fs, which outer steps of some fs "
    "can't follow; a tenth of the power is a third of the amplitude",
)
def measure(bench: Bench) -> Measurement:
    """Transform the mass-weighted forces along one run; share of the last part above 1000/cm."""
    path = force_path(bench)
    rows, curves, shares = [], [], []
    for part, forces in path.forces.items():
        # Weights of F^2/m: what a kick adds to the kinetic energy.
        wavenumbers, power = velocity_spectrum(
            forces.astype(np.float32), 1.0 / path.masses, SAMPLE_FS
        )
        if len(power) < 2:
            raise NotApplicable("the run is too short for a spectrum with an error")
        share = ratio_with_error(power[:, wavenumbers > _FAST].sum(1), power.sum(1))
        shares.append(share)
        rms = float(np.sqrt(np.mean(forces**2)))
        rows.append((part, f"{rms:.3g}", f"{share.value:.2g} ± {share.error:.1g}"))
        shown = (wavenumbers > 0) & (wavenumbers < _SHOWN)
        curves.append(Curve.of(part, wavenumbers[shown], power.mean(0)[shown]))
    panel = Panel(
        "Power of the parts of the force", "wavenumber, 1/cm", "power, arbitrary unit",
        tuple(curves), y_log=True, marks=((f"{_FAST:g}/cm", _FAST),),
    )  # fmt: skip
    head = ("part", "RMS force, eV/Å", f"share above {_FAST:g}/cm")
    remark = f"{path.structure}, each part along the same run at constant energy, F²/m."
    return Measurement(shares[-1].value, shares[-1].error, head, tuple(rows), (panel,), remark)
