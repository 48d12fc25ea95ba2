"""The structures that an audit takes where the user gives none."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.collections import g2
from ase.data import atomic_numbers, reference_states, s22
from ase.io import read

from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import Subject
from openmm_innff.boxes import settle_classically, water_box
from openmm_innff.errors import ConfigError
from openmm_innff.units import NM_TO_ANGSTROM

WATERS = (64, 216)
"""Sizes of the liquid, the first that is wide enough is taken."""
WATER = ("H", "O")
_LIQUID = " waters, liquid"
_MOLECULES = (
    *("H2O", "CH3OH", "C2H6", "NH3", "CH4", "HCOOH", "CH3CONH2", "C2H4", "C6H6", "H2O2"),
    *("CH3SH", "CH3Cl", "PH3", "SiH4", "N2", "CO", "H2"),
)
"""Of the G2 set, those tried first."""
_MOST_MOLECULES, _MOST_CRYSTALS = 4, 2
_CRYSTALS = ("fcc", "bcc", "hcp", "diamond")
_SMALLEST = 10.0
"""Width of a crystal's box, angstrom."""
_LONGEST_S = 1.0
"""Crystals whose evaluation takes longer are left to those who ask for them."""


def default_structures(subject: Subject, seed: int) -> tuple[Structure, ...]:
    """Choose structures that a subject can evaluate.

    For a model of one molecule, that; for hydrogen and oxygen alone, liquid water, a dimer and a
    molecule; else molecules of the G2 set and crystals of elements.

    Parameters
    ----------
    subject
        What is audited.
    seed
        Of the liquid.

    Raises
    ------
    ConfigError
        If it can evaluate none of them.
    """
    if subject.molecule is not None:
        return (subject.molecule,)
    water = subject.elements is not None and set(subject.elements) == set(WATER)
    chosen = [*_waters(subject, seed)] if water else [*_molecules(subject), *_crystals(subject)]
    if not chosen:
        raise ConfigError(
            f"structure: {subject.name} evaluates none of the default structures; give files with "
            f"--structure"
        )
    return tuple(chosen)


def read_structures(paths: Sequence[Path], subject: Subject) -> tuple[Structure, ...]:
    """Read structures from files of any format that ASE knows.

    Raises
    ------
    ConfigError
        If one can't be read or evaluated.
    """
    chosen = []
    for path in paths:
        try:
            atoms = read(path)
        except (OSError, ValueError, KeyError, StopIteration) as error:
            raise ConfigError(f"structure: can't read {str(path)!r}: {error}") from error
        if not isinstance(atoms, Atoms):
            raise ConfigError(f"structure: wanted one in {str(path)!r}, found {len(atoms)}")
        structure = Structure.from_atoms(path.name, atoms)
        if reason := subject.obstacle(structure):
            raise ConfigError(f"structure: {reason}")
        chosen.append(structure)
    return tuple(chosen)


def liquid_water(seed: int, n: int = WATERS[0]) -> Structure:
    """Return liquid water, settled by a classical force field."""
    topology, positions = water_box(n, seed=seed)
    positions = settle_classically(topology, positions, seed=seed)
    edge = topology.getPeriodicBoxVectors()[0][0]._value * NM_TO_ANGSTROM
    bonds = tuple((3 * i, 3 * i + k) for i in range(n) for k in (1, 2))
    numbers = np.array([8, 1, 1] * n, dtype=np.int64)
    return Structure(f"{n}{_LIQUID}", numbers, positions, edge * np.eye(3), bonds)


def is_default_liquid(structure: Structure) -> bool:
    """Whether a structure is one that `liquid_water` makes, so that there are others like it."""
    return structure.name.endswith(_LIQUID)


def water_dimer() -> Structure:
    """Return the water dimer of the S22 set."""
    return Structure.from_atoms("water dimer", s22.create_s22_system("Water_dimer"))


def molecule(name: str) -> Structure:
    """Return a molecule of the G2 set."""
    return Structure.from_atoms(name, g2[name])


def _waters(subject: Subject, seed: int) -> list[Structure]:
    liquids = (liquid_water(seed, n) for n in WATERS)
    liquid = next((box for box in liquids if not subject.obstacle(box)), None)
    candidates = [*([] if liquid is None else [liquid]), water_dimer(), molecule("H2O")]
    return [structure for structure in candidates if not subject.obstacle(structure)]


def _molecules(subject: Subject) -> list[Structure]:
    chosen: list[Structure] = []
    for name in _MOLECULES:
        if len(chosen) == _MOST_MOLECULES:
            break
        structure = molecule(name)
        if not subject.obstacle(structure):
            chosen.append(structure)
    return chosen


def _crystals(subject: Subject) -> list[Structure]:
    chosen: list[Structure] = []
    covered = {symbol for name in _MOLECULES for symbol in g2[name].get_chemical_symbols()}
    for symbol in subject.elements or ():
        if len(chosen) == _MOST_CRYSTALS or symbol in covered:
            continue
        state = reference_states[atomic_numbers[symbol]]
        if state is None or state["symmetry"] not in _CRYSTALS:
            continue
        structure = Structure.from_atoms(f"{symbol}, crystal", _crystal(symbol))
        began = time.perf_counter()
        if subject.obstacle(structure):
            continue
        if time.perf_counter() - began > _LONGEST_S:
            break  # so would the others
        chosen.append(structure)
    return chosen


def _crystal(symbol: str) -> Atoms:
    orthorhombic = bulk(symbol, orthorhombic=True)
    repeats = np.ceil(_SMALLEST / orthorhombic.cell.lengths()).astype(int)
    return orthorhombic.repeat(repeats)
