"""Atoms at which a potential is asked: numbers, positions, box and bonds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from openmm_innff.connectivity import bonds_of, molecule_numbers

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms, their box, and which of them are bonded.

    Parameters
    ----------
    name
        For reports.
    numbers
        Atomic numbers, shape (N,).
    positions
        Angstrom, shape (N, 3).
    cell
        Box vectors as rows, angstrom, shape (3, 3); None if isolated.
    bonds
        Pairs of indices.
    """

    name: str
    numbers: Indices
    positions: Array
    cell: Array | None = None
    bonds: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_atoms(cls, name: str, atoms: Atoms) -> Self:
        """Make a structure of ASE's atoms; bonds are guessed from covalent radii."""
        cell = np.array(atoms.cell) if atoms.pbc.all() else None
        numbers = np.array(atoms.numbers, dtype=np.int64)
        return cls.of_frame(name, numbers, np.array(atoms.positions), cell)

    @classmethod
    def of_frame(cls, name: str, numbers: Indices, positions: Array, cell: Array | None) -> Self:
        """Make a structure of arrays, see the class; bonds are guessed from covalent radii."""
        atoms = Atoms(numbers, positions, cell=cell, pbc=cell is not None)
        return cls(name, numbers, positions, cell, tuple(bonds_of(atoms)))

    def __len__(self) -> int:
        """Return the number of atoms."""
        return len(self.numbers)

    @property
    def periodic(self) -> bool:
        """Whether the box repeats in all three directions."""
        return self.cell is not None

    @property
    def symbols(self) -> list[str]:
        """Symbol of each atom."""
        return [chemical_symbols[z] for z in self.numbers]

    @cached_property
    def molecules(self) -> list[Indices]:
        """Atoms that hang together by bonds, each sorted, in the order of their first atoms."""
        molecule = molecule_numbers(len(self), self.bonds)
        return [np.flatnonzero(molecule == number) for number in np.unique(molecule)]

    def moved(self, positions: Array) -> Self:
        """Return the same atoms elsewhere."""
        return replace(self, positions=positions)

    def rattled(self, random: np.random.Generator, size: float = 0.05) -> Self:
        """Return a copy away from equilibrium; size: standard deviation in angstrom."""
        return self.moved(self.positions + random.normal(0.0, size, self.positions.shape))

    def reordered(self, order: Indices) -> Self:
        """Return the same atoms in another order: the new atom i is the old order[i]."""
        place = np.argsort(order)
        pairs = (sorted((int(place[i]), int(place[j]))) for i, j in self.bonds)
        bonds = tuple(sorted((first, second) for first, second in pairs))
        return replace(
            self, numbers=self.numbers[order], positions=self.positions[order], bonds=bonds
        )

    def subset(self, atoms: Sequence[int] | Indices, name: str) -> Self:
        """Return some of the atoms, without the box."""
        chosen = np.asarray(atoms, dtype=np.int64)
        place = {int(atom): i for i, atom in enumerate(chosen)}
        bonds = tuple((place[i], place[j]) for i, j in self.bonds if i in place and j in place)
        return replace(
            self,
            name=name,
            numbers=self.numbers[chosen],
            positions=self.positions[chosen],
            cell=None,
            bonds=bonds,
        )

    def with_copies(self, shifts: Array, cell: Array | None, name: str) -> Self:
        """Return one copy of the atoms for each shift.

        Parameters
        ----------
        shifts
            Angstrom, shape (n, 3).
        cell
            The new box.
        name
            The new name.
        """
        n = len(self)
        bonds = tuple((i + n * k, j + n * k) for k in range(len(shifts)) for i, j in self.bonds)
        return replace(
            self,
            name=name,
            numbers=np.tile(self.numbers, len(shifts)),
            positions=np.concatenate([self.positions + shift for shift in shifts]),
            cell=cell,
            bonds=bonds,
        )
