"""Pairs within a cutoff, in any box, arranged as padded tables that sums run over without scatter.

The rows of a table are the atoms sorted by species; its columns are neighbour slots grouped by the
species of the neighbour. Empty slots point at the atom itself, displaced far beyond the cutoff.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from vesin_torch import NeighborList

DENSE_LIMIT = 400
"""Up to this many atoms a search over all pairs is quicker than a cell list."""


class NeighborTable(NamedTuple):
    """Padded neighbour table of N atoms with M slots each.

    Attributes
    ----------
    centers : Tensor, shape (N,)
        Atom of each row.
    neighbors : Tensor, shape (N, M)
        Atom in each slot.
    offsets : Tensor, shape (N, M, 3), float64
        Lattice translation of the slot's atom, in angstrom.
    counts : list of int
        Rows per species.
    widths : list of int
        Slots per species.
    """

    centers: Tensor
    neighbors: Tensor
    offsets: Tensor
    counts: list[int]
    widths: list[int]


def box_widths(box: Tensor) -> Tensor:
    """Return the three distances between opposite faces of a box, shape (3,), in angstrom."""
    volume = torch.linalg.det(box).abs()
    normals = torch.stack(
        [
            torch.linalg.cross(box[1], box[2]),
            torch.linalg.cross(box[2], box[0]),
            torch.linalg.cross(box[0], box[1]),
        ]
    )
    return volume / torch.linalg.vector_norm(normals, dim=1)


def is_reduced(box: Tensor) -> bool:
    """Tell whether a box is in OpenMM's reduced form (lower triangular, small off-diagonals)."""
    a, b, c = box[0], box[1], box[2]
    upper = a[1].abs() + a[2].abs() + b[2].abs()
    small = 1.0 + 1e-6
    return bool(
        (upper == 0)
        & (2 * b[0].abs() <= small * a[0])
        & (2 * c[0].abs() <= small * a[0])
        & (2 * c[1].abs() <= small * b[1])
    )


def _dense_pairs(
    positions: Tensor, box: Tensor, periodic: bool, cutoff: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return pairs and lattice translations by testing every pair's nearest image."""
    vectors = positions.unsqueeze(0) - positions.unsqueeze(1)
    offsets = torch.zeros_like(vectors)
    if periodic:
        for axis in (2, 1, 0):
            images = torch.round((vectors[..., axis] + offsets[..., axis]) / box[axis, axis])
            offsets = offsets - images.unsqueeze(-1) * box[axis]
        vectors = vectors + offsets
    squared = vectors.square().sum(-1)
    squared.fill_diagonal_(2.0 * cutoff * cutoff + 1.0)
    first, second = torch.where(squared < cutoff * cutoff)
    return first, second, offsets[first, second]


def _cell_list_pairs(
    positions: Tensor, box: Tensor, periodic: bool, cutoff: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return pairs and lattice translations from vesin's cell list."""
    search = NeighborList(cutoff, True, n_threads=1)
    i, j, shifts = search.compute(positions, box, periodic, "ijS", True)
    return i, j, shifts.to(box.dtype) @ box


def find_pairs(
    positions: Tensor, box: Tensor, periodic: bool, cutoff: float, dense_limit: int = DENSE_LIMIT
) -> tuple[Tensor, Tensor, Tensor]:
    """Find all ordered pairs closer than the cutoff.

    Parameters
    ----------
    positions : Tensor, shape (N, 3), float64
        In angstrom, anywhere in space.
    box : Tensor, shape (3, 3), float64
        Box vectors as rows, in angstrom; ignored unless ``periodic``.
    periodic : bool
        Whether the box repeats in all three directions.
    cutoff : float
        In angstrom.
    dense_limit : int
        Largest number of atoms for the search over all pairs.

    Returns
    -------
    first, second : Tensor, shape (P,)
        Atoms of each pair.
    offsets : Tensor, shape (P, 3)
        Lattice translation of the second atom, in angstrom.
    """
    dense = positions.shape[0] <= dense_limit
    if dense and periodic:
        dense = is_reduced(box) and bool(box_widths(box).min() >= 2.0 * cutoff)
    if dense:
        return _dense_pairs(positions, box, periodic, cutoff)
    return _cell_list_pairs(positions, box, periodic, cutoff)


def build_table(
    species: Tensor,
    pairs: tuple[Tensor, Tensor, Tensor],
    n_species: int,
    far: float,
) -> NeighborTable:
    """Arrange pairs as a padded table.

    Parameters
    ----------
    species : Tensor, shape (N,)
        Species index of each atom.
    pairs : tuple
        As from `find_pairs`.
    n_species : int
        Number of species of the model.
    far : float
        Distance in angstrom at which empty slots are put; beyond the cutoff.
    """
    first, second, offsets = pairs
    n = species.shape[0]
    centers = torch.argsort(species, stable=True)
    row_of_atom = torch.empty_like(centers)
    row_of_atom[centers] = torch.arange(n, device=species.device)

    group = row_of_atom[first] * n_species + species[second]
    order = torch.argsort(group, stable=True)
    group = group[order]
    sizes = torch.bincount(group, minlength=n * n_species)
    rank = torch.arange(group.shape[0], device=group.device) - (sizes.cumsum(0) - sizes)[group]
    widest = sizes.reshape(n, n_species).amax(0)
    slot = (widest.cumsum(0) - widest)[group % n_species] + rank
    row = torch.div(group, n_species, rounding_mode="floor")

    widths: list[int] = widest.tolist()
    counts: list[int] = torch.bincount(species, minlength=n_species).tolist()
    index = centers.unsqueeze(1).repeat(1, sum(widths))
    table_offsets = torch.zeros([n, sum(widths), 3], dtype=offsets.dtype, device=offsets.device)
    table_offsets[:, :, 0] = far
    index[row, slot] = second[order]
    table_offsets[row, slot] = offsets[order]
    return NeighborTable(centers, index, table_offsets, counts, widths)


def table_vectors(table: NeighborTable, positions: Tensor) -> Tensor:
    """Return the vectors from each atom to its neighbour slots.

    Parameters
    ----------
    table : NeighborTable
    positions : Tensor, shape (N, 3), float64
        In angstrom.

    Returns
    -------
    Tensor, shape (3, N, M), float64
        In angstrom.
    """
    n, m = table.neighbors.shape
    neighbours = positions.index_select(0, table.neighbors.reshape(-1)).reshape(n, m, 3)
    own = positions.index_select(0, table.centers).unsqueeze(1)
    return (neighbours - own + table.offsets).permute(2, 0, 1)


def table_forces(table: NeighborTable, gradient: Tensor) -> Tensor:
    """Return forces from the gradient of the energy with respect to the pair vectors.

    Parameters
    ----------
    table : NeighborTable
    gradient : Tensor, shape (3, N, M)
        In eV/angstrom.

    Returns
    -------
    Tensor, shape (N, 3)
        In eV/angstrom, in the order of the atoms.
    """
    n = table.centers.shape[0]
    forces = torch.zeros([n, 3], dtype=gradient.dtype, device=gradient.device)
    forces = forces.index_add(0, table.centers, gradient.sum(2).T)
    pulls = gradient.permute(1, 2, 0).reshape(-1, 3)
    return forces.index_add(0, table.neighbors.reshape(-1), -pulls)
