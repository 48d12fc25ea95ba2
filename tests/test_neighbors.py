"""Neighbour lists, against ASE's."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list

from openmm_innff.neighbors import PairList, box_widths, find_pairs, first_atoms, geometry_fault

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


def sorted_distances(pairs: PairList, positions: torch.Tensor) -> np.ndarray:
    first = first_atoms(pairs)
    vectors = positions[pairs.second] - positions[first] + pairs.offsets
    rows = np.column_stack([first, pairs.second, vectors.norm(dim=1).numpy().round(9)])
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
    pairs = find_pairs(positions, box, False, 3.0)
    first = first_atoms(pairs)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert len(first) == (distances < 3.0).sum() - len(points)
    assert pairs.offsets.abs().max() == 0.0
    assert (first != pairs.second).all()


def test_each_pair_is_there_in_both_directions():
    cell = torch.tensor(BOXES["reduced triclinic"], dtype=torch.float64)
    positions = torch.from_numpy(random_positions(cell.numpy()))
    pairs = find_pairs(positions, cell, True, 4.0)
    rows = torch.column_stack([first_atoms(pairs), pairs.second, pairs.offsets.round(decimals=6)])
    turned = torch.column_stack([rows[:, 1], rows[:, 0], -rows[:, 2:]])
    assert torch.equal(torch.unique(rows, dim=0), torch.unique(turned + 0.0, dim=0))


@pytest.mark.parametrize("turned", [False, True])
def test_widths_are_distances_between_opposite_faces(turned: bool):
    box = torch.tensor([[6.0, 0, 0], [3.0, 4.0, 0], [0, 0, 5.0]], dtype=torch.float64)
    if turned:
        box = box.flip(1)
    expected = torch.tensor([6.0 * 4.0 / 5.0, 4.0, 5.0], dtype=torch.float64)
    torch.testing.assert_close(box_widths(box), expected)


def test_the_pairs_of_an_atom_stand_together():
    positions = torch.from_numpy(random_positions(9.0 * np.eye(3)))
    pairs = find_pairs(positions, 9.0 * torch.eye(3, dtype=torch.float64), True, 4.0)
    assert pairs.starts[0] == 0
    assert pairs.starts[-1] == len(pairs.second) == len(pairs.offsets)
    assert (first_atoms(pairs).diff() >= 0).all()


def test_an_atom_alone_has_no_pair():
    alone = torch.zeros(1, 3, dtype=torch.float64)
    pairs = find_pairs(alone, torch.zeros(3, 3, dtype=torch.float64), False, 3.0)
    assert pairs.starts.tolist() == [0, 0]
    assert len(pairs.second) == 0


def test_faults_name_what_was_wanted_and_found():
    positions = torch.zeros(3, 3, dtype=torch.float64)
    box = 9.0 * torch.eye(3, dtype=torch.float64)
    assert geometry_fault(positions, box, True, 4.5) == ""
    fault = geometry_fault(positions, box, True, 5.0)
    assert "box: wanted a width of at least twice the cutoff, 10.0" in fault
    assert "found 9.0" in fault
    positions[1, 2] = torch.nan
    assert "positions: wanted finite numbers, found NaN or inf at atom 1" in geometry_fault(
        positions, box, False, 5.0
    )
