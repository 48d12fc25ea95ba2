"""Training of a bonded fast part: bonds in data, the first guess, a run from TOML to a model."""

import csv
import dataclasses

import numpy as np
import pytest
import torch
from ase.build import molecule

from openmm_innff.data import Frame, read_frames
from openmm_innff.errors import ConfigError
from openmm_innff.model import load_model
from openmm_innff.potential import BondedConfig, ComponentConfig
from openmm_innff.training.batch import collate, make_batch
from openmm_innff.training.bonded import find_bonds, frame_bonds
from openmm_innff.training.calibrate import fit_linear, third_differences
from openmm_innff.training.config import load_config
from openmm_innff.training.predict import predict
from openmm_innff.training.run import train
from tests.conftest import bonded_potential


@pytest.fixture
def bonded_config(small_config):
    optimizer = dataclasses.replace(small_config.optimizer, fast_epochs=4, joint_epochs=2)
    fast = BondedConfig(cutoff=2.0, modes=2, nodes=10)
    return dataclasses.replace(small_config, fast=fast, optimizer=optimizer)


@pytest.mark.parametrize("name", ["H2O", "CH3CH2OH", "C6H6", "CH3CONH2"])
def test_bonds_are_found_by_distance(name):
    atoms = molecule(name)
    positions, box = torch.from_numpy(atoms.positions), torch.zeros(3, 3, dtype=torch.float64)
    bonds = find_bonds(atoms.numbers, positions, box, False)
    valence = np.bincount(np.ravel(bonds), minlength=len(atoms))
    wanted = {1: (1,), 6: (3, 4), 7: (3,), 8: (1, 2)}
    assert all(valence[i] in wanted[z] for i, z in enumerate(atoms.numbers))


def test_bonds_cross_the_faces_of_the_box_and_hydrogen_has_one(water_box):
    shifted = dataclasses.replace(water_box, positions=water_box.positions % 9.3)
    bonds = frame_bonds(shifted)
    assert sorted(map(sorted, bonds)) == sorted(
        [3 * k, 3 * k + h] for k in range(27) for h in (1, 2)
    )
    # A shared proton belongs to the nearer oxygen.
    positions = torch.tensor([[0.0, 0, 0], [1.15, 0, 0], [2.4, 0, 0]], dtype=torch.float64)
    box = torch.zeros(3, 3, dtype=torch.float64)
    assert find_bonds(np.array([8, 1, 8]), positions, box, False) == [(0, 1)]


def test_the_first_guess_finds_springs(bonded_config):
    """Harmonic bonds are within what the linear functions can describe."""
    frames = read_frames(bonded_config.data.train)
    potential = bonded_potential(list(frames), cutoff=2.0).double()
    with torch.no_grad():
        potential.fast.cosines.zero_()  # the products, which are not linear
    batches = [make_batch(potential, f, torch.ones(len(f)), torch.float64) for f in frames]
    fit_linear(potential.fast, batches)
    for batch in batches:
        _, forces = potential.fast(batch.positions, batch.fast)
        # What is left is the penalty's.
        assert (forces - batch.forces).square().mean().sqrt() < 0.02


def test_third_differences_of_a_parabola_vanish():
    x = torch.arange(9, dtype=torch.float64)
    assert third_differences(9) @ (3 * x**2 - x + 2) == pytest.approx(torch.zeros(6), abs=1e-10)


def test_joined_frames_have_the_forces_of_each(water_box):
    potential = bonded_potential([water_box])
    small = Frame(
        water_box.numbers[:6],
        water_box.positions[:6],
        np.zeros((3, 3)),
        False,
        0.0,
        np.zeros((6, 3)),
    )
    batches = [
        make_batch(potential, f, torch.ones(len(f)), torch.float64) for f in (water_box, small)
    ]
    joined = collate(batches)
    energies, forces = potential.fast(joined.positions, joined.fast)
    for k, batch in enumerate(batches):
        own = joined.frame == k
        energy, force = potential.fast(batch.positions, batch.fast)
        torch.testing.assert_close(energies[own].sum(), energy.sum())
        torch.testing.assert_close(forces[own], force)


def test_training_learns_and_the_model_predicts(bonded_config, tmp_path):
    path = train(bonded_config, tmp_path / "run", progress=False)
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert float(rows[-1]["valid_force_rmse"]) < 30.0  # of 1000 meV/A, after 6 epochs
    model = load_model(path)
    assert model.potential.config.fast.environments == ("H(O)", "O(HH)")
    assert model.card.hydrogen_bond_lengths["O"] == pytest.approx(0.97, abs=0.03)
    frames = read_frames(bonded_config.data.train)
    parts = [
        predict(model.potential, frames, part, precision="double") for part in ("fast", "slow")
    ]
    total = predict(model.potential, frames, "total", precision="double")
    for added, whole in zip((parts[0] + parts[1]).forces, total.forces, strict=True):
        np.testing.assert_allclose(added, whole, atol=1e-8)


def test_toml_says_which_kind(tmp_path):
    text = '[data]\ntrain = "x"\n[card]\nname = "x"\n[fast]\n{}\n[slow]\ncutoff = 4\n'

    def fast(entries):
        (tmp_path / "t.toml").write_text(text.format(entries))
        return load_config(tmp_path / "t.toml").fast

    assert fast('kind = "bonded"\nmodes = 3') == BondedConfig(modes=3)
    assert fast('kind = "density"\ncutoff = 3') == fast("cutoff = 3") == ComponentConfig(cutoff=3.0)
    with pytest.raises(
        ConfigError, match=r"fast\.kind: wanted one of density, bonded, found 'spam'"
    ):
        fast('kind = "spam"')
    with pytest.raises(ConfigError, match=r"fast\.channels: unknown entry"):
        fast('kind = "bonded"\nchannels = 3')
