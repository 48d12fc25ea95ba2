"""Self-diffusion of water, corrected for the size of the box."""

import math

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.dynamics import centres, diffusion
from openmm_innff.audit.recording import TEMPERATURE
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.units import BOLTZMANN, FS_TO_PS

_SHORTEST_PS = 20.0
_VISCOSITY = 0.854e-3
"""Of water at 300 K, Pa s, doi:10.1063/1.3088050."""
_XI = 2.837297
_M2_PER_S_TO_1E5_CM2_PER_S = 1e9
_PAPER = "Holz et al. 2000, doi:10.1039/b005319h"


def experiment(temperature: float) -> float:
    """Self-diffusion of water, 1e-5 cm^2/s, by the fit of Holz et al. 2000 for 0 to 100 °C."""
    return 16.35 * (temperature / 215.05 - 1.0) ** 2.063


def size_correction(edge: float) -> float:
    """Return what a cubic box takes from diffusion, 1e-5 cm^2/s (Yeh and Hummer 2004).

    Parameters
    ----------
    edge
        Of the box, angstrom.
    """
    slowed = _XI * BOLTZMANN * TEMPERATURE / (6 * math.pi * _VISCOSITY * edge * 1e-10)
    return slowed * _M2_PER_S_TO_1E5_CM2_PER_S


@check(
    "diffusion",
    "dynamics",
    question="Do water molecules diffuse as fast as in experiment?",
    unit="%",
    threshold=30.0,
    source=f"{_PAPER}; 30 % is chosen: classical nuclei and the level of theory of the reference "
    "data limit the agreement",
)
def measure(bench: Bench) -> Measurement:
    """Take the slope of mean square displacements of molecules, less that of all together."""
    recording = bench.lasting(liquid_water_of(bench))
    structure, record, masses = recording.structure, recording.seen, recording.species.masses
    if recording.plan.length_ps < _SHORTEST_PS:
        raise NotApplicable(
            f"runs of {recording.plan.length_ps:g} ps are too short, {_SHORTEST_PS:g} ps are needed"
        )
    paths = centres(record.positions, masses, structure.molecules)
    found = diffusion(paths - paths.mean(1, keepdims=True), record.sample_fs * FS_TO_PS)
    if found is None or structure.cell is None:
        raise NotApplicable("the run has too few samples")
    edge = float(abs(np.linalg.det(structure.cell)) ** (1 / 3))
    # The centre of all molecules is at rest: each of n moves 1 - 1/n as much.
    whole = 1.0 / (1.0 - 1.0 / len(structure.molecules))
    value, wanted = found.value * whole + size_correction(edge), experiment(TEMPERATURE)
    rows = (
        ("in this box", f"{found.value * whole:.2f} ± {found.error:.2f}"),
        ("correction for its size", f"{size_correction(edge):.2f}"),
        ("corrected", f"{value:.2f} ± {found.error:.2f}"),
        (f"experiment ({_PAPER})", f"{wanted:.2f}"),
    )
    percent = 100 / wanted
    return Measurement(
        abs(value - wanted) * percent, found.error * percent, ("diffusion", "1e-5 cm²/s"), rows,
        remark="Correction for the size of the box: Yeh and Hummer 2004, doi:10.1021/jp0477147, "
        "with the viscosity of experiment, 0.854 mPa s, which a liquid that diffuses too fast does "
        "not have. The thermostat slows molecules by some per cent.",
    )  # fmt: skip
