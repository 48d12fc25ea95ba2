"""Symbols and atomic numbers of the elements."""

from typing import Final

from openmm_innff.errors import UnsupportedElementError

SYMBOLS: Final = tuple(
    "X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As "
    "Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd "
    "Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U".split()
)


def atomic_number(symbol: str) -> int:
    """Return the atomic number of an element symbol."""
    if symbol not in SYMBOLS[1:]:
        raise UnsupportedElementError(f"element: wanted a symbol such as 'H', found {symbol!r}")
    return SYMBOLS.index(symbol)
