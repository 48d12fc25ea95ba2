"""Boxes of water: density, distances, bonds, seeds."""

import numpy as np
import pytest
from openmm import unit

from openmm_innff.boxes import WATER_MASS, box_edge, settle_classically, water_box
from openmm_innff.errors import ConfigError


def _distances(positions: np.ndarray, edge: float) -> np.ndarray:
    apart = positions[:, None] - positions
    apart -= edge * np.round(apart / edge)
    return np.linalg.norm(apart, axis=-1)


def test_edge_gives_the_density_of_the_reference_data() -> None:
    assert box_edge(64, 0.99335) == pytest.approx(12.444661, abs=2e-3)


@pytest.mark.parametrize("n_waters", [1, 2, 33, 64, 65, 129])
def test_waters_are_whole_and_do_not_overlap(n_waters: int) -> None:
    topology, positions = water_box(n_waters, seed=n_waters)
    edge = box_edge(n_waters, 0.997)
    assert positions.shape == (3 * n_waters, 3)
    assert topology.getUnitCellDimensions().value_in_unit(unit.angstrom)[0] == pytest.approx(edge)
    bonds = np.array([(bond[0].index, bond[1].index) for bond in topology.bonds()])
    assert len(bonds) == 2 * n_waters
    lengths = np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=1)
    np.testing.assert_allclose(lengths, 0.9572)
    distances = _distances(positions, edge)
    molecule = np.arange(3 * n_waters) // 3
    between = distances[molecule[:, None] != molecule]
    assert n_waters == 1 or between.min() > 1.5


def test_mass_is_that_of_the_topology() -> None:
    topology, _ = water_box(1)
    mass = sum(atom.element.mass.value_in_unit(unit.dalton) for atom in topology.atoms())
    assert mass == pytest.approx(WATER_MASS, abs=1e-4)


def test_same_seed_same_box() -> None:
    assert np.array_equal(water_box(20, seed=3)[1], water_box(20, seed=3)[1])
    assert not np.array_equal(water_box(20, seed=3)[1], water_box(20, seed=4)[1])


def test_settling_keeps_molecules_whole_and_is_reproducible() -> None:
    topology, start = water_box(64, seed=1)
    first = settle_classically(topology, start, length_ps=0.4, seed=1)
    again = settle_classically(topology, start, length_ps=0.4, seed=1)
    assert np.array_equal(first, again)
    bonds = np.linalg.norm(first[1::3] - first[::3], axis=1)
    np.testing.assert_allclose(bonds, bonds[0], rtol=1e-3)
    assert np.abs(first - start).max() > 0.3


@pytest.mark.parametrize(("arguments", "message"), [((0,), "n_waters"), ((8, -1.0), "density")])
def test_impossible_boxes(arguments: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        water_box(*arguments)
