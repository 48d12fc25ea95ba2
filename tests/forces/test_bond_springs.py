"""The mean slow force along bonds of hydrogen, given back to a mollified System."""

import numpy as np
import openmm
import pytest
from openmm.app import Topology, element

from openmm_innff.forces.bond_springs import NAME, make_bond_springs
from openmm_innff.forces.groups import FAST
from openmm_innff.system import create_system
from openmm_innff.units import ANGSTROM_TO_NM, EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM

LENGTHS = {"O": 0.98}


@pytest.fixture
def topology() -> Topology:
    made = Topology()
    residue = made.addResidue("HOH", made.addChain())
    o, *hydrogens = (made.addAtom(s, element.get_by_symbol(s), residue) for s in "OHH")
    for hydrogen in hydrogens:
        made.addBond(o, hydrogen)
    return made


def force_on_hydrogen(force: openmm.Force, length: float) -> float:
    """Force (eV/angstrom) that stretches a bond of some length (angstrom)."""
    system = openmm.System()
    for _ in range(3):
        system.addParticle(1.0)
    system.addForce(force)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    positions = ANGSTROM_TO_NM * np.array([[0.0, 0, 0], [length, 0, 0], [0, 0.98, 0]])
    context.setPositions(positions)
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    return forces[1, 0] / EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM


@pytest.mark.parametrize("slope", [-1.5, 0.8, 0.0])
def test_bonds_feel_the_mean_force_and_its_slope(topology, slope: float) -> None:
    for length in (0.93, 0.98, 1.05):
        springs = make_bond_springs(topology, LENGTHS, {"O": (0.02, slope)}, periodic=False)
        expected = 0.02 + slope * (length - 0.98)
        assert force_on_hydrogen(springs, length) == pytest.approx(expected, abs=1e-9)


def test_a_mollified_system_has_them_in_the_fast_group(tiny_potential, topology) -> None:
    terms = {"O": (0.02, 0.8)}
    for mollified, expected in ((LENGTHS, [FAST]), (None, [])):
        system = create_system(
            tiny_potential, topology, mollified=mollified, bond_forces=terms, periodic=False
        )
        found = [f.getForceGroup() for f in system.getForces() if f.getName() == NAME]
        assert found == expected
