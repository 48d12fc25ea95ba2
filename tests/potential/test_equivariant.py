"""What is special of equivariant components; what all have in common is in test_potential."""

import pytest
import torch

from openmm_innff.errors import ConfigError
from openmm_innff.modelfile import ModelCard, read_model, save_model
from openmm_innff.neighbors import find_pairs
from openmm_innff.potential import (
    ComponentConfig,
    EquivariantConfig,
    Potential,
    PotentialConfig,
)
from openmm_innff.potential.equivariant import degree_sizes, pad_pairs

SMALL = {"channels": 3, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}


@pytest.fixture
def potential() -> Potential:
    fast, slow = ComponentConfig(2.5, **SMALL), EquivariantConfig(4.0, features=4, **SMALL)
    return Potential(PotentialConfig(("H", "O"), fast, slow, distilled=True), seed=2)


@pytest.fixture
def sample(water_box):
    """Sorted positions, pairs, species and counts of a box of water."""
    species = torch.tensor(water_box.numbers == 8, dtype=torch.int64)
    order = torch.argsort(species, stable=True)
    positions = torch.tensor(water_box.positions)[order]
    pairs = find_pairs(positions, torch.tensor(water_box.cell), True, 4.0)
    return positions, pairs, species[order], [54, 27]


def test_tables_of_neighbours_hold_all_pairs_and_nothing_that_acts(sample):
    positions, pairs, _, _ = sample
    longest = int((pairs.starts[1:] - pairs.starts[:-1]).max())
    near, offsets = pad_pairs(pairs, longest + 3)
    distances = (positions[near] - positions.unsqueeze(1) + offsets).norm(dim=2)
    assert near.shape == (81, longest + 3)
    assert int((distances < 4.0).sum()) == len(pairs.second)
    assert float(distances[distances >= 4.0].min()) > 1000.0


def test_energies_do_not_depend_on_the_length_of_the_table(potential, sample):
    positions, pairs, species, counts = sample
    component = potential.slow
    found = [
        component.energies(positions, *pad_pairs(pairs, longest), species, counts)
        for longest in (0, 60)
    ]
    torch.testing.assert_close(found[0], found[1])


@torch.no_grad()
def test_calibration_gives_tensors_unit_size(potential, sample):
    positions, pairs, species, counts = sample
    component = potential.slow
    component.calibrate(positions, pairs, species, counts)
    near, offsets = pad_pairs(pairs, 0)
    harmonics, basis = component.surroundings(positions, near, offsets, species)
    density = component.density(harmonics, basis, counts)
    _, features = component.products(density, counts)
    outer = component.messages.outer(basis, harmonics, features, near)
    for tensors in (density, features, component.messages(outer, features, counts)):
        sizes = degree_sizes(tensors)
        torch.testing.assert_close(sizes, torch.ones_like(sizes), atol=1e-4, rtol=0)


def test_model_files_keep_it(potential, sample, tmp_path):
    path = save_model(tmp_path / "a.innff", potential, ModelCard(name="a"))
    again, _ = read_model(path)
    assert again.config == potential.config
    positions, pairs, species, counts = sample
    with torch.no_grad():
        energies = [p.slow(positions, pairs, species, counts) for p in (potential, again)]
    torch.testing.assert_close(energies[0], energies[1], atol=0, rtol=0)


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="projections: wanted an even number"):
        EquivariantConfig(4.0, projections=7)
    with pytest.raises(ConfigError, match="kind: wanted 'equivariant'"):
        EquivariantConfig(4.0, kind="density")
