"""Stretched bonds of hydrogen: which they are, and that training makes them pull back."""

import dataclasses

import numpy as np
import pytest
import torch

from openmm_innff.data import read_frames
from openmm_innff.errors import ConfigError
from openmm_innff.model import load_model
from openmm_innff.potential import BondedConfig
from openmm_innff.training import train
from openmm_innff.training.batch import make_batch
from openmm_innff.training.config import StretchConfig
from openmm_innff.training.stretch import lack_of_pull, longest_bonds, stretch

ELEMENTS = ("H", "O")


@pytest.fixture
def batch(tiny_potential, water_box):
    return make_batch(tiny_potential, water_box, torch.ones(81), torch.float64)


def test_a_few_bonds_become_longer_than_all_known_ones(tiny_potential, water_box, batch) -> None:
    longest = longest_bonds(ELEMENTS, [batch])
    molecules = water_box.positions.reshape(27, 3, 3)
    lengths = np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1)
    assert longest.tolist() == [0.0, pytest.approx(lengths.max())]
    config = StretchConfig(weight=1.0, fraction=0.1)
    found = stretch(tiny_potential, water_box, batch, longest, config, seed=3)
    assert len(found.bonds.lengths) == 5
    moved = (found.batch.positions - batch.positions).norm(dim=1)
    assert sorted(torch.nonzero(moved).flatten().tolist()) == sorted(found.bonds.hydrogens.tolist())
    now = found.batch.positions
    vectors = now[found.bonds.hydrogens] - now[found.bonds.partners]
    box = torch.from_numpy(np.array(water_box.cell))
    vectors = vectors - torch.round(vectors @ torch.linalg.inv(box)) @ box
    torch.testing.assert_close(vectors.norm(dim=1), found.bonds.lengths)
    assert (found.bonds.lengths >= longest[1]).all()
    assert (found.bonds.lengths <= config.longest).all()


def test_only_a_pull_that_is_too_weak_counts(tiny_potential, water_box, batch) -> None:
    config = StretchConfig(weight=1.0, pull=2.0)
    longest = longest_bonds(ELEMENTS, [batch])
    found = stretch(tiny_potential, water_box, batch, longest, config, seed=0)
    for pull, expected in ((3.0, 0.0), (2.0, 0.0), (0.5, 1.5**2), (-1.0, 3.0**2)):
        forces = torch.zeros_like(batch.positions)
        forces[found.bonds.hydrogens] = -pull * found.bonds.directions
        assert float(lack_of_pull(found, forces, config)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("distilled", [False, True])
def test_training_makes_stretched_bonds_pull_back(small_config, tmp_path, distilled: bool) -> None:
    pulls = {}
    for weight in (0.0, 1.0):
        epochs = {"fast_epochs": 40, "joint_epochs": 25}
        config = dataclasses.replace(
            small_config,
            optimizer=dataclasses.replace(small_config.optimizer, **epochs),
            distilled=distilled,
            stretch=StretchConfig(weight=weight, fraction=0.5),
        )
        model = load_model(train(config, tmp_path / f"{weight}", progress=False))
        frame = read_frames(config.data.train)[0]
        for part in ("fast", "total"):
            evaluator = model.potential.evaluator(part, frame.numbers, periodic=False)
            positions = np.array(frame.positions)
            bond = positions[1] - positions[0]
            positions[1] = positions[0] + 1.35 * bond / np.linalg.norm(bond)
            forces = evaluator(torch.tensor(positions), torch.zeros(3, 3))[1].numpy()
            pulls[part, weight] = -forces[1] @ bond / np.linalg.norm(bond)
    for part in ("fast", "total"):
        assert pulls[part, 1.0] > 0.5 + pulls[part, 0.0]


def test_a_bonded_part_needs_none(small_config) -> None:
    bonded = BondedConfig(cutoff=2.0)
    with pytest.raises(ConfigError, match="stretch: a bonded fast part has walls of its own"):
        dataclasses.replace(small_config, fast=bonded, stretch=StretchConfig(weight=0.1))
