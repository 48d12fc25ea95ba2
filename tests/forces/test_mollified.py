"""A slow part at fixed lengths of the bonds of hydrogen: exact forces, none along these bonds."""

import copy
import pickle

import numpy as np
import openmm
import pytest
import torch
from openmm.app import Topology, element

from openmm_innff.engine.library import library
from openmm_innff.errors import SystemSetupError
from openmm_innff.forces.mollified import DirectMollified, MollifiedEvaluator, mollify
from openmm_innff.system import create_system

LENGTHS = {"O": 0.97}
TRICLINIC = torch.tensor([[9.3, 0.0, 0.0], [2.0, 9.4, 0.0], [-3.0, 1.5, 9.5]], dtype=torch.float64)


def water_topology(molecules: int = 27, bonds: bool = True) -> Topology:
    topology = Topology()
    chain = topology.addChain()
    for _ in range(molecules):
        residue = topology.addResidue("HOH", chain)
        o, *hydrogens = (
            topology.addAtom(symbol, element.get_by_symbol(symbol), residue) for symbol in "OHH"
        )
        for hydrogen in hydrogens if bonds else ():
            topology.addBond(hydrogen, o)
    return topology


@pytest.fixture
def plain(tiny_potential, water_box):
    return tiny_potential.evaluator(
        "slow", water_box.numbers, periodic=True, skin=0.0, dtype=torch.float64
    )


@pytest.fixture
def mollified(plain) -> MollifiedEvaluator:
    return mollify(plain, water_topology(), LENGTHS, periodic=True)


@pytest.fixture
def positions(water_box) -> torch.Tensor:
    return torch.from_numpy(np.array(water_box.positions))


def pickled(direct: DirectMollified) -> DirectMollified:
    return pickle.loads(pickle.dumps(direct))


def bonds(positions: torch.Tensor) -> torch.Tensor:
    molecules = positions.reshape(-1, 3, 3)
    return molecules[:, 1:] - molecules[:, :1]


def test_forces_are_the_gradient(mollified, positions) -> None:
    _, forces = mollified(positions, TRICLINIC)
    for atom, axis in ((0, 0), (1, 2), (2, 1), (40, 0)):
        energies = []
        for step in (1e-4, -1e-4):
            moved = positions.clone()
            moved[atom, axis] += step
            energies.append(float(mollified(moved, TRICLINIC)[0]))
        slope = -(energies[0] - energies[1]) / 2e-4
        assert float(forces[atom, axis]) == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_no_force_acts_along_a_bond_of_hydrogen(plain, mollified, positions) -> None:
    along = []
    for evaluator in (plain, mollified):
        forces = evaluator(positions, TRICLINIC)[1].reshape(-1, 3, 3)[:, 1:]
        along.append(float((forces * bonds(positions)).sum(-1).abs().max()))
    assert along[0] > 1e-3
    assert along[1] < 1e-12


def test_neither_energy_nor_torque_knows_the_length_of_a_bond(mollified, positions) -> None:
    stretched = positions.clone().reshape(-1, 3, 3)
    stretched[:, 1:] += 0.1 * bonds(positions)
    energy, forces = mollified(positions, TRICLINIC)
    other, changed = mollified(stretched.reshape(-1, 3), TRICLINIC)
    torch.testing.assert_close(other, energy)
    lever = torch.linalg.cross(bonds(positions), forces.reshape(-1, 3, 3)[:, 1:])
    longer = torch.linalg.cross(bonds(stretched.reshape(-1, 3)), changed.reshape(-1, 3, 3)[:, 1:])
    torch.testing.assert_close(longer, lever)


def test_at_these_lengths_nothing_else_changes(plain, mollified, positions) -> None:
    molecules = positions.clone().reshape(-1, 3, 3)
    directions = bonds(positions) / bonds(positions).norm(dim=-1, keepdim=True)
    molecules[:, 1:] = molecules[:, :1] + LENGTHS["O"] * directions
    there = molecules.reshape(-1, 3)
    energy, forces = plain(there, TRICLINIC)
    found, total = mollified(there, TRICLINIC)
    torch.testing.assert_close(found, energy)
    torch.testing.assert_close(
        total.reshape(-1, 3, 3).sum(1), forces.reshape(-1, 3, 3).sum(1), rtol=1e-9, atol=1e-12
    )


def test_molecules_may_be_cut_by_the_box(mollified, positions) -> None:
    moved = positions.clone()
    moved[1] += TRICLINIC[2] - TRICLINIC[0]
    moved[5] -= 3 * TRICLINIC[1]
    expected, found = mollified(positions, TRICLINIC), mollified(moved, TRICLINIC)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(library() is None, reason="no compiled engine")
@pytest.mark.parametrize("copied", [lambda it: it, copy.deepcopy, pickled])
def test_without_torch_the_numbers_are_the_same(plain, mollified, positions, copied) -> None:
    moved = positions.clone()
    moved[1] += TRICLINIC[2] - TRICLINIC[0]
    moved[5] -= 3 * TRICLINIC[1]
    direct = copied(DirectMollified(mollified))
    energy, forces = direct(moved.numpy(), TRICLINIC.numpy())
    expected = mollified(moved, TRICLINIC)
    assert energy == pytest.approx(float(expected[0]), rel=1e-12)
    np.testing.assert_allclose(forces, expected[1], rtol=0, atol=1e-12)
    with pytest.raises(RuntimeError, match="box: wanted a width"):
        direct(moved.numpy(), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"positions: wanted 81 atoms, found 80"):
        direct(moved.numpy()[:80], TRICLINIC.numpy())


def test_system_with_both_backends(tiny_potential, positions, backend: str) -> None:
    topology = water_topology()
    topology.setPeriodicBoxVectors(0.93 * np.eye(3) * openmm.unit.nanometer)
    box = 9.3 * torch.eye(3, dtype=torch.float64)
    system = create_system(
        tiny_potential, topology, backend=backend, precision="double", mollified=LENGTHS
    )
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(positions.numpy() / 10)
    state = context.getState(forces=True, groups={1})
    found = state.getForces(asNumpy=True)._value / 964.8533212331001
    numbers = [8, 1, 1] * 27
    slow = tiny_potential.evaluator("slow", numbers, periodic=True, dtype=torch.float64)
    expected = mollify(slow, topology, LENGTHS, True)(positions, box)[1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_a_system_without_bonds_is_refused(plain) -> None:
    with pytest.raises(SystemSetupError, match=r"bond for each hydrogen .* found none for atom 1"):
        mollify(plain, water_topology(bonds=False), LENGTHS, True)


def test_an_element_without_a_length_is_refused(plain) -> None:
    with pytest.raises(
        SystemSetupError, match=r"bonded to one atom of C; found atom 1 bonded to O"
    ):
        mollify(plain, water_topology(), {"C": 1.09}, True)


def test_a_hydrogen_with_two_bonds_is_refused(plain) -> None:
    topology = water_topology()
    atoms = list(topology.atoms())
    topology.addBond(atoms[1], atoms[3])
    with pytest.raises(SystemSetupError, match="found atom 1 bonded to O as well"):
        mollify(plain, topology, LENGTHS, True)
