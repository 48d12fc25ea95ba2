"""Hydrogens at fixed lengths of their bonds, in the compiled library."""

import ctypes
from ctypes import c_int64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from openmm_innff.engine.compiled import needed
from openmm_innff.engine.library import address

FloatArray = NDArray[np.float64]


class CHydrogens(ctypes.Structure):
    """Bonds of hydrogens."""

    _fields_ = (
        *((name, c_int64) for name in ("bonds", "periodic")),
        *((name, c_void_p) for name in ("hydrogens", "partners", "lengths")),
    )


class Hydrogens:
    """Moves hydrogens along their bonds, and passes forces on, as `forces.mollified` explains.

    Parameters
    ----------
    hydrogens, partners : Tensor, shape (B,), int64
        The two atoms of each bond.
    lengths : Tensor, B numbers, float64
        In angstrom.
    periodic : bool
        Whether a bond may cross a face of the box.
    """

    def __init__(
        self, hydrogens: Tensor, partners: Tensor, lengths: Tensor, periodic: bool
    ) -> None:
        self.functions = needed()
        self.periodic = periodic
        self.arrays = [t.cpu().contiguous() for t in (hydrogens, partners, lengths)]
        self.atoms = 1 + max([-1, *hydrogens.tolist(), *partners.tolist()])
        self.given = CHydrogens(len(hydrogens), periodic, *map(address, self.arrays))

    def __reduce__(self) -> tuple[type["Hydrogens"], tuple[Any, ...]]:
        """Make copies with addresses of their own."""
        return Hydrogens, (*self.arrays, self.periodic)

    def move(self, positions: FloatArray, box: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the positions with hydrogens moved, and the bonds for `pass_on`.

        Parameters
        ----------
        positions : array, shape (N, 3), float64
            In angstrom.
        box : array, shape (3, 3), float64
            Box vectors as rows, in angstrom; ignored unless periodic.

        Returns
        -------
        moved : array, shape (N, 3)
            In angstrom.
        bonds : array, shape (B, 4)
            Directions towards the partners; fixed lengths by the present ones.
        """
        if len(positions) < self.atoms:
            raise ValueError(f"positions: wanted {self.atoms} atoms, found {len(positions)}")
        positions = np.ascontiguousarray(positions, dtype=np.float64)
        box = np.ascontiguousarray(box, dtype=np.float64)
        moved, bonds = np.empty_like(positions), np.empty((len(self.arrays[0]), 4))
        self.functions.move_hydrogens(
            ctypes.byref(self.given),
            len(positions),
            positions.ctypes.data,
            box.ctypes.data,
            moved.ctypes.data,
            bonds.ctypes.data,
        )
        return moved, bonds

    def pass_on(self, bonds: FloatArray, forces: FloatArray) -> None:
        """Turn forces (N, 3) on moved hydrogens into those at the positions before, in place."""
        self.functions.pass_forces(ctypes.byref(self.given), bonds.ctypes.data, forces.ctypes.data)
