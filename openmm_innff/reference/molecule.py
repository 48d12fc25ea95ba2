"""What is calculated, and what a calculation gives."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from openmm_innff.elements import SYMBOLS
from openmm_innff.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MIN_DISTANCE = 0.5
"""Of covalent radii: atoms nearer than this much of their sum are a mistake."""


@dataclass(frozen=True, eq=False)
class Target:
    """A structure to be calculated.

    Attributes
    ----------
    numbers : array, shape (N,)
        Atomic numbers.
    positions : array, shape (N, 3)
        In angstrom.
    charge : int
        Total charge in e.
    unpaired : int
        Unpaired electrons, the multiplicity less one.
    cell : array, shape (3, 3), or None
        Box vectors as rows in angstrom of a structure that repeats in all directions.
    """

    numbers: IntArray
    positions: FloatArray
    charge: int = 0
    unpaired: int = 0
    cell: FloatArray | None = None

    @classmethod
    def of(cls, atoms: Atoms, charge: int | None = None, unpaired: int | None = None) -> "Target":
        """Make one of ASE's Atoms.

        Parameters
        ----------
        atoms : Atoms
            Its ``info`` may have `charge` and `spin` (unpaired electrons).
        charge, unpaired : int, optional
            Instead of these.

        Raises
        ------
        DataError
            If it repeats in some directions only.
        """
        if atoms.pbc.any() and not atoms.pbc.all():
            raise DataError(f"pbc: wanted all directions or none, found {atoms.pbc.tolist()}")
        cell = atoms.cell.array.copy() if atoms.pbc.all() else None
        if charge is None:
            charge = int(atoms.info.get("charge", 0))
        if unpaired is None:
            unpaired = int(atoms.info.get("spin", 0))
        numbers = np.asarray(atoms.numbers, dtype=np.int64)
        return cls(numbers, atoms.positions.astype(np.float64), charge, unpaired, cell)

    @property
    def symbols(self) -> list[str]:
        """Symbol of each atom."""
        return [SYMBOLS[z] for z in self.numbers]

    @property
    def formula(self) -> str:
        """Formula with the charge."""
        text: str = Atoms(self.numbers).get_chemical_formula()
        return text + (f" {self.charge:+d}" if self.charge else "")

    @property
    def electrons(self) -> int:
        """Number of electrons."""
        return int(self.numbers.sum()) - self.charge

    @property
    def centre(self) -> FloatArray:
        """Centre of nuclear charge in angstrom, shape (3,)."""
        return np.asarray(self.numbers @ self.positions / self.numbers.sum(), dtype=np.float64)

    def key(self, level: str) -> str:
        """Return a name of this structure at a level: the same for the same calculation.

        Positions count to 1e-7 angstrom, so that they survive a text file.
        """
        digest = hashlib.sha256(f"{level}|{self.charge}|{self.unpaired}|".encode())
        digest.update(self.numbers.astype("<i8").tobytes())
        for values in (self.positions, self.cell):
            if values is not None:
                rounded = np.round(np.asarray(values) * 1e7).astype("<i8")
                digest.update(rounded.tobytes())
        return "k" + digest.hexdigest()[:32]  # never to be taken for a number


@dataclass(frozen=True, eq=False)
class Label:
    """Result of a calculation.

    Attributes
    ----------
    energy : float
        In eV.
    forces : array, shape (N, 3)
        In eV/angstrom.
    dipole : array, shape (3,), or None
        In e angstrom, of a charged molecule about its centre of nuclear charge; None where
        structures repeat.
    seconds : float
        That it took.
    details : dict
        Versions of programs, iterations and the like.
    """

    energy: float
    forces: FloatArray
    dipole: FloatArray | None
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)


class CalculationFailed(Exception):
    """A calculation that did not converge: its frame is left out, never guessed."""
