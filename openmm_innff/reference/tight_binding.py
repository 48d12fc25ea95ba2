"""GFN2-xTB and GFN1-xTB by tblite.

C. Bannwarth, S. Ehlert, S. Grimme, doi:10.1021/acs.jctc.8b01176 (GFN2);
S. Grimme, C. Bannwarth, P. Shushkov, doi:10.1021/acs.jctc.7b00118 (GFN1).
"""

import time
from importlib.metadata import version

import numpy as np

from openmm_innff.errors import MissingDependencyError
from openmm_innff.reference.molecule import CalculationFailed, Label, Target
from openmm_innff.units import (
    BOHR_TO_ANGSTROM,
    HARTREE_PER_BOHR_TO_EV_PER_ANGSTROM,
    HARTREE_TO_EV,
)

HEAVIEST = 86
ACCURACY = 0.1
"""Of the self-consistent charges, relative to the program's default of 1."""


def check_installed() -> None:
    """Raise a MissingDependencyError if tblite is not there."""
    try:
        import tblite.interface  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "method: GFN2-xTB and GFN1-xTB need the package tblite: "
            "pip install 'openmm-innff[label]'"
        ) from error


def calculate(target: Target, method: str) -> Label:
    """Return energy, forces and dipole.

    Parameters
    ----------
    target : Target
    method : str
        "GFN2-xTB" or "GFN1-xTB".

    Raises
    ------
    CalculationFailed
        If charges don't become self-consistent.
    """
    from tblite.exceptions import TBLiteRuntimeError
    from tblite.interface import Calculator

    start = time.perf_counter()
    periodic = target.cell is not None
    calculator = Calculator(
        method,
        target.numbers,
        target.positions / BOHR_TO_ANGSTROM,
        charge=float(target.charge),
        uhf=target.unpaired,
        lattice=target.cell / BOHR_TO_ANGSTROM if target.cell is not None else None,
        periodic=np.array([True] * 3) if periodic else None,
    )
    calculator.set("verbosity", 0)
    calculator.set("accuracy", ACCURACY)
    try:
        found = calculator.singlepoint()
    except TBLiteRuntimeError as error:
        raise CalculationFailed(" ".join(str(error).split())) from error
    return Label(
        energy=float(found["energy"]) * HARTREE_TO_EV,
        forces=-np.asarray(found["gradient"]) * HARTREE_PER_BOHR_TO_EV_PER_ANGSTROM,
        dipole=None if periodic else _dipole(target, np.asarray(found["dipole"])),
        seconds=time.perf_counter() - start,
        details={"versions": {"tblite": version("tblite")}},
    )


def _dipole(target: Target, dipole: np.ndarray) -> np.ndarray:
    """Turn a dipole in e bohr about the origin to e angstrom about the nuclear charges' centre."""
    return dipole * BOHR_TO_ANGSTROM - target.charge * target.centre
