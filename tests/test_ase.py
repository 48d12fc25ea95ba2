"""The calculator of ASE against the evaluator, ASE's finite differences and its errors."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from openmm_innff.ase import INNFFCalculator
from openmm_innff.data import Frame
from openmm_innff.errors import SystemSetupError, UnsupportedElementError
from openmm_innff.model import Model
from openmm_innff.modelfile import ModelCard
from openmm_innff.potential import Potential
from tests.conftest import bonded_potential


@pytest.fixture
def model(tiny_potential: Potential) -> Model:
    return Model(tiny_potential, ModelCard("tiny"))


def box(frame: Frame) -> Atoms:
    return Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=True)


def test_energy_and_forces_are_the_evaluators(model: Model, water_box: Frame) -> None:
    atoms = box(water_box)
    atoms.calc = INNFFCalculator(model)
    evaluator = model.potential.evaluator(
        "total", water_box.numbers, periodic=True, dtype=torch.float64
    )
    energy, forces = evaluator(torch.tensor(atoms.positions), torch.tensor(atoms.cell[:]))
    shift = 27 * (2 * -13.0 - 430.0)
    assert atoms.get_potential_energy() == pytest.approx(float(energy) + shift, abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), forces.numpy(), atol=1e-9)


def test_parts_add_up(model: Model) -> None:
    atoms = molecule("H2O")
    found = {}
    for part in ("total", "fast", "slow"):
        atoms.calc = INNFFCalculator(model, part=part)
        found[part] = atoms.get_potential_energy(), atoms.get_forces()
    assert found["fast"][0] + found["slow"][0] == pytest.approx(found["total"][0], abs=1e-9)
    np.testing.assert_allclose(found["fast"][1] + found["slow"][1], found["total"][1], atol=1e-9)


def test_changes_are_noticed(model: Model) -> None:
    """New positions, elements and cells each give what a new calculator gives."""
    atoms = molecule("H2O")
    atoms.calc = INNFFCalculator(model)
    energies = [atoms.get_potential_energy()]
    atoms.positions[1] *= 1.1
    energies.append(atoms.get_potential_energy())
    atoms.numbers[1] = 8
    energies.append(atoms.get_potential_energy())
    atoms.set_cell(np.eye(3) * 8.2)
    atoms.pbc = True
    atoms.positions[0] += 4.0
    energies.append(atoms.get_potential_energy())
    assert len({round(energy, 6) for energy in energies}) == 4
    again = atoms.copy()
    again.calc = INNFFCalculator(model)
    assert again.get_potential_energy() == pytest.approx(energies[-1], abs=1e-10)


def test_forces_are_gradients(model: Model) -> None:
    atoms = molecule("H2O")
    atoms.rattle(0.05, seed=1)
    atoms.calc = INNFFCalculator(model, reference_energies=False)
    forces, step = atoms.get_forces(), 1e-4
    for i, k in ((0, 2), (1, 1), (2, 0)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[i, k] += sign * step
            energies.append(moved.get_potential_energy())
        gradient = (energies[0] - energies[1]) / (2 * step)
        assert forces[i, k] == pytest.approx(-gradient, abs=1e-6)


def test_a_bonded_fast_part_finds_its_bonds(water_box: Frame) -> None:
    model = Model(bonded_potential([water_box]), ModelCard("bonded"))
    atoms = box(water_box)
    atoms.calc = INNFFCalculator(model)
    bonds = [(3 * i, 3 * i + k) for i in range(27) for k in (1, 2)]
    evaluator = model.potential.evaluator(
        "total", water_box.numbers, periodic=True, dtype=torch.float64, bonds=bonds
    )
    energy, _ = evaluator(torch.tensor(atoms.positions), torch.tensor(atoms.cell[:]))
    shift = model.potential.reference_energy(water_box.numbers)
    assert atoms.get_potential_energy() == pytest.approx(float(energy) + shift, abs=1e-8)


def test_errors(model: Model) -> None:
    with pytest.raises(SystemSetupError, match="part must be 'total', 'fast' or 'slow'"):
        INNFFCalculator(model, part="medium")
    with pytest.raises(SystemSetupError, match="precision must be"):
        INNFFCalculator(model, precision="half")
    for change, error, message in (
        ({"pbc": (True, True, False), "cell": [20] * 3}, SystemSetupError, "all directions or in"),
        ({"pbc": True, "cell": [7] * 3}, SystemSetupError, "8 angstrom, found 7 .* repeat it"),
        ({"numbers": [8, 1, 11]}, UnsupportedElementError, "atom 2 is Na"),
    ):
        atoms = Atoms(**{"numbers": [8, 1, 1], "positions": molecule("H2O").positions, **change})
        atoms.calc = INNFFCalculator(model)
        with pytest.raises(error, match=message):
            atoms.get_potential_energy()
