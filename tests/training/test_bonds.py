import numpy as np
import pytest
import torch

from openmm_innff.training.batch import collate, make_batch
from openmm_innff.training.bonds import hydrogen_bond_lengths


def test_mean_length_of_the_bonds_in_water(tiny_potential, water_box) -> None:
    batch = make_batch(tiny_potential, water_box, torch.ones(81), torch.float64)
    molecules = water_box.positions.reshape(27, 3, 3)
    lengths = np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1)
    found = hydrogen_bond_lengths(("H", "O"), [collate([batch, batch]), batch])
    assert found == {"O": pytest.approx(lengths.mean(), abs=1e-4)}


def test_nothing_without_hydrogen() -> None:
    assert hydrogen_bond_lengths(("C", "O"), []) == {}
