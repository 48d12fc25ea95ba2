"""Heavier hydrogens, waters left as they are."""

from collections.abc import Set

import openmm
from openmm import app, unit
from openmm.app import element

from openmm_innff.errors import SystemSetupError
from openmm_innff.mixed.subset import describe


def repartition(
    system: openmm.System,
    topology: app.Topology,
    hydrogen_mass: unit.Quantity | float,
    learned: Set[int] = frozenset(),
) -> None:
    """Give hydrogens a mass that they take from the heavy atoms they are bonded to, in place.

    Waters of the force field keep their masses: rigid ones have no fast vibration that a longer
    step could miss, and would only turn more slowly. Nor do atoms without mass change. No
    equilibrium average but of velocities depends on masses.

    Parameters
    ----------
    system
        Whose masses change.
    topology
        Its bonds say which hydrogen belongs to which atom.
    hydrogen_mass
        With a unit, or a float in amu.
    learned
        Atoms whose waters count like other molecules: they are flexible.

    Raises
    ------
    SystemSetupError
        If no hydrogen has a bond, or a heavy atom would have no mass left.
    """
    if isinstance(hydrogen_mass, unit.Quantity):
        hydrogen_mass = float(hydrogen_mass.value_in_unit(unit.dalton))
    waters = {
        residue.index
        for residue in topology.residues()
        if is_water(residue) and learned.isdisjoint(atom.index for atom in residue.atoms())
    }
    changed = False
    for pair in topology.bonds():
        hydrogens = [atom for atom in pair if atom.element is element.hydrogen]
        if len(hydrogens) != 1 or pair[0].residue.index in waters:
            continue
        hydrogen = hydrogens[0]
        heavy = pair[1] if pair[0] is hydrogen else pair[0]
        own = [system.getParticleMass(a.index)._value for a in (hydrogen, heavy)]
        if 0 in own or heavy.element is None:
            continue
        left = own[1] - (hydrogen_mass - own[0])
        if left <= 0:
            raise SystemSetupError(
                f"hydrogen_mass must leave all masses positive, but with {hydrogen_mass:g} amu "
                f"{describe(heavy)} has {left:g} amu"
            )
        system.setParticleMass(hydrogen.index, hydrogen_mass)
        system.setParticleMass(heavy.index, left)
        changed = True
    if not changed:
        raise SystemSetupError(
            "hydrogen_mass needs bonds of hydrogens to heavy atoms in the topology, found none "
            "outside of water"
        )


def is_water(residue: app.topology.Residue) -> bool:
    """Whether a residue is one oxygen with two hydrogens, virtual sites apart."""
    elements = [atom.element for atom in residue.atoms() if atom.element is not None]
    return sorted(e.symbol for e in elements) == ["H", "H", "O"]
