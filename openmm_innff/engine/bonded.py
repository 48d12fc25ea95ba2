"""Bonds, angles and pairs in the compiled library."""

import ctypes
from ctypes import c_double, c_int64, c_void_p

from openmm_innff.engine.compiled import needed
from openmm_innff.engine.library import address
from openmm_innff.engine.parameters import TermIndex
from openmm_innff.nn.functions import Functions


class CFunctions(ctypes.Structure):
    """Interpolants."""

    _fields_ = (
        ("rows", c_int64),
        ("width", c_int64),
        *((name, c_void_p) for name in Functions._fields),
    )


_USED = [name for name in TermIndex._fields if name != "species"]


class CTopology(ctypes.Structure):
    """Bonds and angles."""

    _fields_ = (
        *((name, c_int64) for name in ("kinds", "bonds", "bends")),
        *((name, c_void_p) for name in _USED),
        ("modes", c_int64),
        ("cutoff", c_double),
    )


class CompiledBonded:
    """A bonded component inside the compiled library.

    Parameters
    ----------
    functions : Functions
    index : TermIndex
    modes : int
        Products of each angle.
    cutoff : float
        Of the pairs, in angstrom.
    """

    prefix = "bonded_"

    def __init__(self, functions: Functions, index: TermIndex, modes: int, cutoff: float) -> None:
        self.cutoff = cutoff
        self._library = needed()
        rows = [t.detach().double().contiguous() for t in functions]
        given = CFunctions(*rows[0].shape, *map(address, rows))
        arrays = [getattr(index, name).contiguous() for name in _USED]
        sizes = (len(index.pair_rows), len(index.bond_rows), len(index.angles))
        topology = CTopology(*sizes, *map(address, arrays), modes, cutoff)
        self.handle = self._library.bonded_create(ctypes.byref(given), ctypes.byref(topology))
        if not self.handle:
            raise MemoryError("the compiled engine ran out of memory")

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self._library.bonded_destroy(self.handle)
