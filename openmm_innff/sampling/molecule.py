"""A molecule as chemists draw it: bonds, charge, and what its bonds turn about."""

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from openmm_innff.elements import SYMBOLS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
LOOSEST, NEAREST = 1.4, 1.25
"""Of the sum of covalent radii: bonds are shorter than the first, other distances longer than the
second. In between are stretched bonds, and atoms that are pressed together."""


@dataclass(frozen=True, eq=False)
class Molecule:
    """Atoms, bonds, charge, and one structure.

    Attributes
    ----------
    name : str
    numbers : array, shape (N,)
        Atomic numbers.
    bonds : tuple of (int, int)
    charge : int
        In e.
    unpaired : int
        Unpaired electrons.
    positions : array, shape (N, 3)
        Of one structure in angstrom.
    smiles : str
    block : str
        The molecule in the format of MDL molfiles, with all of its hydrogens.
    torsions : tuple of (int, int, int, int)
        A dihedral angle for each bond that turns.
    notes : tuple of str
        What was done to the input.
    """

    name: str
    numbers: IntArray
    bonds: tuple[tuple[int, int], ...]
    charge: int
    unpaired: int
    positions: FloatArray
    smiles: str = ""
    block: str = ""
    torsions: tuple[tuple[int, int, int, int], ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def symbols(self) -> list[str]:
        """Symbol of each atom."""
        return [SYMBOLS[z] for z in self.numbers]

    @property
    def formula(self) -> str:
        """Formula with the charge."""
        text: str = Atoms(self.numbers).get_chemical_formula()
        return text + (f" {self.charge:+d}" if self.charge else "")

    def atoms(self, positions: FloatArray | None = None) -> Atoms:
        """Return ASE's Atoms, with charge and spin in ``info``.

        Parameters
        ----------
        positions : array, shape (N, 3), optional
            In angstrom; its own by default.
        """
        made = Atoms(self.numbers, self.positions if positions is None else positions)
        made.info = {"charge": self.charge, "spin": self.unpaired}
        return made

    def intact(self, positions: FloatArray) -> bool:
        """Whether the bonds are those drawn, no more and no fewer, see `fault`."""
        return not self.fault(positions)

    def fault(self, positions: FloatArray) -> str:
        """Say which bond is broken or new; nothing if none is.

        Parameters
        ----------
        positions : array, shape (N, 3)
            In angstrom.
        """
        if not np.isfinite(positions).all():
            return "positions are not finite"
        distances = np.linalg.norm(positions[:, None] - positions, axis=2)
        radii = covalent_radii[self.numbers]
        ratios = distances / (radii[:, None] + radii)
        bonded = np.zeros(ratios.shape, dtype=bool)
        for i, j in self.bonds:
            bonded[i, j] = bonded[j, i] = True
        near = self._two_bonds_apart(bonded)
        np.fill_diagonal(near, True)
        faults = {
            "are no longer bonded": bonded & (ratios >= LOOSEST),
            "overlap": bonded & (ratios <= 0.5),
            "come together": ~(bonded | near) & (ratios <= NEAREST),
        }
        for what, where in faults.items():
            if where.any():
                i, j = np.argwhere(where)[0]
                names = f"{self.symbols[i]}{i} and {self.symbols[j]}{j}"
                return f"{names} {what} ({distances[i, j]:.2f} angstrom)"
        return ""

    @staticmethod
    def _two_bonds_apart(bonded: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Atoms with a common neighbour, which small rings bring near each other."""
        number = bonded.astype(np.int64)
        return np.asarray(number @ number > 0)
