"""Conversion factors between the internal units and those of OpenMM.

Inside the package: eV, angstrom, amu, fs and K. OpenMM's units (kJ/mol, nm, ps) appear only
where a number crosses into OpenMM. Values: CODATA 2018 (doi:10.1103/RevModPhys.93.025010),
exact where the SI defines them.
"""

from typing import Final

ELEMENTARY_CHARGE: Final = 1.602176634e-19  # C, exact
AVOGADRO: Final = 6.02214076e23  # 1/mol, exact
BOLTZMANN: Final = 1.380649e-23  # J/K, exact
ATOMIC_MASS: Final = 1.66053906660e-27  # kg

EV_TO_KJ_PER_MOL: Final = ELEMENTARY_CHARGE * AVOGADRO / 1000.0
KJ_PER_MOL_TO_EV: Final = 1.0 / EV_TO_KJ_PER_MOL
ANGSTROM_TO_NM: Final = 0.1
NM_TO_ANGSTROM: Final = 10.0
EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM: Final = EV_TO_KJ_PER_MOL * NM_TO_ANGSTROM
FS_TO_PS: Final = 1e-3

KB_EV_PER_K: Final = BOLTZMANN / ELEMENTARY_CHARGE
AMU_A2_PER_FS2_TO_EV: Final = ATOMIC_MASS * 1e10 / ELEMENTARY_CHARGE
"""Kinetic energy of 1 amu (angstrom/fs)^2 in eV (without the factor 1/2): about 103.64."""

COULOMB_EV_ANGSTROM: Final = 14.399645478
"""e^2 / (4 pi epsilon_0) in eV angstrom."""

HARTREE_TO_EV: Final = 27.211386245988
BOHR_TO_ANGSTROM: Final = 0.529177210903
HARTREE_PER_BOHR_TO_EV_PER_ANGSTROM: Final = HARTREE_TO_EV / BOHR_TO_ANGSTROM
DEBYE_TO_E_ANGSTROM: Final = 0.20819433270
"""1 debye in e angstrom."""
