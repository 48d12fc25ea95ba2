"""Neighbour search and tables, against ASE's neighbour list."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list

from openmm_innff.neighbors import (
    build_table,
    find_pairs,
    table_forces,
    table_vectors,
)

BOXES = {
    "cubic": [[9.0, 0, 0], [0, 9.0, 0], [0, 0, 9.0]],
    "orthorhombic": [[8.0, 0, 0], [0, 10.0, 0], [0, 0, 12.0]],
    "reduced triclinic": [[9.0, 0, 0], [3.0, 9.0, 0], [-4.0, 3.5, 10.0]],
    "skewed": [[9.0, 0, 0], [8.0, 9.0, 0], [-4.0, 12.0, 10.0]],
    "turned": [[0, 9.0, 0], [0, 1.0, 9.0], [9.5, 2.0, 0]],
}


def random_positions(box: np.ndarray, count: int = 60) -> np.ndarray:
    """Positions that reach far outside the box."""
    return np.random.default_rng(0).uniform(-2.0, 3.0, size=(count, 3)) @ box


def sorted_distances(pairs: tuple, positions: torch.Tensor) -> np.ndarray:
    first, second, offsets = pairs
    vectors = positions[second] - positions[first] + offsets
    rows = np.column_stack([first, second, vectors.norm(dim=1).numpy().round(9)])
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("cutoff", [2.0, 4.0, 6.0])
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_pairs_agree_with_ase(box: list, cutoff: float):
    cell = np.array(box, dtype=float)
    points = random_positions(cell)
    atoms = Atoms(numbers=np.ones(len(points)), positions=points, cell=cell, pbc=True)
    i, j, d = neighbor_list("ijd", atoms, cutoff)
    expected = np.column_stack([i, j, d.round(9)])
    positions = torch.from_numpy(points)
    pairs = find_pairs(positions, torch.from_numpy(cell), True, cutoff)
    found = sorted_distances(pairs, positions)
    np.testing.assert_allclose(found, expected[np.lexsort(expected.T)], atol=2e-9)


def test_isolated_atoms_have_no_images():
    points = np.random.default_rng(1).uniform(0, 8, size=(40, 3))
    positions = torch.from_numpy(points)
    box = torch.zeros(3, 3, dtype=torch.float64)
    first, second, offsets = find_pairs(positions, box, False, 3.0)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert len(first) == (distances < 3.0).sum() - len(points)
    assert offsets.abs().max() == 0.0
    assert (first != second).all()


def table_of_random_atoms():
    positions = torch.from_numpy(random_positions(9.0 * np.eye(3)))
    species = torch.from_numpy(np.random.default_rng(2).integers(0, 2, len(positions)))
    box = 9.0 * torch.eye(3, dtype=torch.float64)
    pairs = find_pairs(positions, box, True, 4.0)
    return positions, species, pairs, build_table(species, pairs, 3, far=10.0)


def test_table_holds_each_pair_once_grouped_by_species():
    positions, species, pairs, table = table_of_random_atoms()
    assert table.counts == torch.bincount(species, minlength=3).tolist()
    assert table.widths[2] == 0  # no atom of the third species
    assert (species[table.centers].diff() >= 0).all()

    vectors = table_vectors(table, positions)
    distances = vectors.norm(dim=0)
    filled = distances < 4.0
    assert filled.sum() == len(pairs[0])
    assert distances[~filled].min() == 10.0
    for s, columns in enumerate(torch.arange(sum(table.widths)).split(table.widths)):
        assert (species[table.neighbors[:, columns]][filled[:, columns]] == s).all()


def test_forces_are_minus_the_gradient_of_any_pair_energy():
    positions, _, _, table = table_of_random_atoms()
    weights = torch.randn(
        3, *table.neighbors.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    moved = positions.clone().requires_grad_(True)
    energy = (weights * table_vectors(table, moved).sin()).sum()
    expected = -torch.autograd.grad(energy, moved)[0]
    gradient = weights * table_vectors(table, positions).cos()
    torch.testing.assert_close(table_forces(table, gradient), expected)
