"""What moves a molecule's atoms: GFN2-xTB, or a model.

Both are called with positions in angstrom, shape (N, 3), and return the energy in eV and the forces
in eV/angstrom. (Not calculators of ASE, which take half as long again for small molecules.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from openmm_innff.errors import MissingDependencyError, SimulationError
from openmm_innff.model import Model
from openmm_innff.potential.uncertainty import FrameUncertainty, UncertaintyEvaluator
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.units import (
    BOHR_TO_ANGSTROM,
    HARTREE_PER_BOHR_TO_EV_PER_ANGSTROM,
    HARTREE_TO_EV,
)

FloatArray = NDArray[np.float64]
Forces = Callable[[FloatArray], tuple[float, FloatArray]]
METHOD = "GFN2-xTB"


class TightBinding:
    """GFN2-xTB in the vacuum; each call starts from the charges of the one before.

    Parameters
    ----------
    molecule : Molecule

    Raises
    ------
    MissingDependencyError
        If tblite is not installed.
    """

    def __init__(self, molecule: Molecule) -> None:
        try:
            from tblite.interface import Calculator
        except ImportError as error:
            raise MissingDependencyError(
                "sampling needs the package tblite: pip install 'openmm-innff[bespoke]'"
            ) from error
        self._make = lambda positions: Calculator(
            METHOD,
            molecule.numbers,
            positions / BOHR_TO_ANGSTROM,
            charge=float(molecule.charge),
            uhf=molecule.unpaired,
        )
        self._calculator: Any = None
        self._last: Any = None

    def __call__(self, positions: FloatArray) -> tuple[float, FloatArray]:
        """Return energy and forces.

        Raises
        ------
        SimulationError
            If the charges don't become self-consistent.
        """
        from tblite.exceptions import TBLiteRuntimeError

        if self._calculator is None:
            self._calculator = self._make(positions)
            self._calculator.set("verbosity", 0)
        else:
            self._calculator.update(np.ascontiguousarray(positions / BOHR_TO_ANGSTROM))
        try:
            self._last = self._calculator.singlepoint(self._last)
        except TBLiteRuntimeError as error:
            self._last = None
            raise SimulationError(f"{METHOD}: {' '.join(str(error).split())}") from error
        gradient = np.asarray(self._last["gradient"])
        energy = float(self._last["energy"]) * HARTREE_TO_EV
        return energy, -gradient * HARTREE_PER_BOHR_TO_EV_PER_ANGSTROM


class ModelForces:
    """A model in the vacuum.

    Parameters
    ----------
    model : Model
    molecule : Molecule
    """

    def __init__(self, model: Model, molecule: Molecule) -> None:
        potential = model.potential
        numbers = molecule.numbers.tolist()
        self._evaluate = potential.evaluator(
            "total", numbers, periodic=False, bonds=list(molecule.bonds)
        )
        self._reference = potential.reference_energy(numbers)
        self._box = torch.zeros(3, 3, dtype=torch.float64)

    def __call__(self, positions: FloatArray) -> tuple[float, FloatArray]:
        """Return energy and forces."""
        energy, forces = self._evaluate(torch.as_tensor(positions), self._box)
        return float(energy) + self._reference, forces.detach().numpy().astype(np.float64)


class ModelUncertainty:
    """How uncertain a model is of a molecule's forces.

    Parameters
    ----------
    model : Model
        Calibrated.
    molecule : Molecule
    """

    def __init__(self, model: Model, molecule: Molecule) -> None:
        self._evaluate = UncertaintyEvaluator(
            model.potential,
            model.known_uncertainty(),
            molecule.numbers.tolist(),
            periodic=False,
            bonds=list(molecule.bonds),
        )

    def __call__(self, positions: FloatArray) -> FrameUncertainty:
        """Return the uncertainties of a structure."""
        return self._evaluate(positions)
