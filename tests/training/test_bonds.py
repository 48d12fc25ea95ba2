import numpy as np
import pytest
import torch

from openmm_innff.training.batch import collate, make_batch
from openmm_innff.training.bonds import (
    along_bonds,
    find_hydrogen_bonds,
    hydrogen_bond_forces,
    hydrogen_bond_lengths,
)


def test_mean_length_of_the_bonds_in_water(tiny_potential, water_box) -> None:
    batch = make_batch(tiny_potential, water_box, torch.ones(81), torch.float64)
    molecules = water_box.positions.reshape(27, 3, 3)
    lengths = np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1)
    found = hydrogen_bond_lengths(("H", "O"), [collate([batch, batch]), batch])
    assert found == {"O": pytest.approx(lengths.mean(), abs=1e-4)}


def spring_forces(elements: tuple[str, ...], batch, mean: float, slope: float) -> torch.Tensor:
    """Forces (N, 3) of a spring along each bond, and others across it."""
    bonds = find_hydrogen_bonds(elements, batch)
    across = torch.linalg.cross(bonds.directions, torch.ones_like(bonds.directions))
    pull = (mean + slope * (bonds.lengths - 0.98)).unsqueeze(1) * bonds.directions
    forces = torch.zeros_like(batch.positions)
    forces[bonds.hydrogens] = pull + across
    return forces


def test_each_hydrogen_has_one_bond_to_its_own_oxygen(tiny_potential, water_box) -> None:
    batch = make_batch(tiny_potential, water_box, torch.ones(81), torch.float64)
    bonds = find_hydrogen_bonds(("H", "O"), collate([batch, batch]))
    assert sorted(bonds.hydrogens.tolist()) == list(range(108))
    assert torch.bincount(bonds.partners).tolist() == [0] * 108 + [2] * 54
    assert (bonds.species == 1).all()
    torch.testing.assert_close(bonds.directions.norm(dim=1), torch.ones(108).double())


def test_the_mean_force_along_bonds_is_found_again(tiny_potential, water_box) -> None:
    batch = make_batch(tiny_potential, water_box, torch.ones(81), torch.float64)
    forces = spring_forces(("H", "O"), batch, 0.03, -1.5)
    along = along_bonds(find_hydrogen_bonds(("H", "O"), batch), forces)
    assert along.abs().max() > 0.03
    found = hydrogen_bond_forces(("H", "O"), [batch, batch], [forces, forces], {"O": 0.98})
    assert found == {"O": pytest.approx((0.03, -1.5), abs=1e-4)}


def test_nothing_without_hydrogen() -> None:
    assert hydrogen_bond_lengths(("C", "O"), []) == {}
