"""What a mollified slow part lacks along bonds of hydrogen, on average, as springs."""

from collections.abc import Mapping

import openmm
from openmm.app import Topology, element

from openmm_innff.units import ANGSTROM_TO_NM, EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM

NAME = "INN-FF mean slow force along bonds of hydrogen"
_STIFFNESS = 10.0
"""Of two springs (eV/angstrom^2) whose difference is wanted, so that both have possible lengths."""


def make_bond_springs(
    topology: Topology,
    lengths: Mapping[str, float],
    bond_forces: Mapping[str, tuple[float, float]],
    periodic: bool,
) -> openmm.HarmonicBondForce:
    """Make the Force that gives bonds the mean slow force back.

    A slow part that is evaluated at fixed lengths of these bonds (`forces.mollified`) can't act
    along them. Its mean force there and how this changes with the length is a function of the
    bond alone, so that it can be moved from the slow to the fast part without changing their sum;
    what remains lost fluctuates about zero.

    Parameters
    ----------
    topology
        Its bonds.
    lengths
        Length (angstrom) to which the slow part is mollified, by symbol of the other element.
    bond_forces
        Mean force at this length (eV/angstrom, positive where it stretches the bond) and its slope
        with the length (eV/angstrom^2), likewise.
    periodic
        Whether a bond may cross a face of the box.
    """
    force = openmm.HarmonicBondForce()
    for pair in topology.bonds():
        hydrogens = [atom for atom in pair if atom.element is element.hydrogen]
        heavy = [atom for atom in pair if atom.element is not element.hydrogen]
        if len(hydrogens) != 1 or heavy[0].element.symbol not in bond_forces:
            continue
        symbol = heavy[0].element.symbol
        mean, slope = bond_forces[symbol]
        rest = lengths[symbol]
        for length, constant in (
            (rest, _STIFFNESS - slope),
            (rest - mean / _STIFFNESS, -_STIFFNESS),
        ):
            force.addBond(
                hydrogens[0].index,
                heavy[0].index,
                length * ANGSTROM_TO_NM,
                constant * EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM / ANGSTROM_TO_NM,
            )
    force.setName(NAME)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force
