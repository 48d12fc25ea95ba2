"""Heat capacity of water at constant pressure, from fluctuations."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of
from openmm_innff.audit.checks.pressure import at_pressure
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.recording import TEMPERATURE
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.structure import Array
from openmm_innff.statistics import Mean, mean_with_error
from openmm_innff.units import AVOGADRO, ELEMENTARY_CHARGE, KB_EV_PER_K

_EXPERIMENT = 75.3
"""J/mol/K at 300 K, doi:10.1063/1.1461829."""
_EV_TO_J_PER_MOL = ELEMENTARY_CHARGE * AVOGADRO
_VIBRATIONS = 3
"""Of a molecule, which classical nuclei excite and real ones don't."""


def capacity(enthalpies: Array, molecules: int) -> Mean:
    """Heat capacity of a molecule, J/mol/K, from var(H) = k T^2 C.

    Parameters
    ----------
    enthalpies
        Energy with its kinetic part and pressure times volume, eV, shape (n,).
    molecules
        In the box.
    """
    squares = np.square(enthalpies - enthalpies.mean())
    found = mean_with_error(squares)
    scale = _EV_TO_J_PER_MOL / (KB_EV_PER_K * TEMPERATURE**2 * molecules)
    return Mean(found.value * scale, found.error * scale)


@check(
    "heat-capacity",
    "dynamics",
    question="Has water its heat capacity?",
    unit="J/mol/K",
    threshold=15.0,
    source="IAPWS-95, doi:10.1063/1.1461829; 15 is chosen: hindered rotations, too, are classical "
    "here",
)
def measure(bench: Bench) -> Measurement:
    """Take fluctuations of the enthalpy, less 3 R for vibrations, which have no part in reality."""
    if bench.effort != "full":
        raise NotApplicable("takes hours: only with --full")
    structure = liquid_water_of(bench)
    run = at_pressure(bench, structure, 200.0)
    found = capacity(run.kept(run.enthalpies), len(structure.molecules))
    frozen = _VIBRATIONS * KB_EV_PER_K * _EV_TO_J_PER_MOL
    rows = (
        ("here", f"{found.value:.0f} ± {found.error:.0f}"),
        ("of it by vibrations of molecules", f"{frozen:.1f}"),
        ("experiment", f"{_EXPERIMENT:g}"),
    )
    value = abs(found.value - frozen - _EXPERIMENT)
    return Measurement(value, found.error, ("heat capacity", "J/mol/K"), rows)
