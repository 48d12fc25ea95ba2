"""Pairs within a cutoff, in any box, arranged as padded tables that sums run over without scatter.

The rows of a table are the atoms sorted by species; its columns are neighbour slots grouped by the
species of the neighbour. Empty slots point at the atom itself, displaced far beyond the cutoff.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from vesin_torch import NeighborList


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


def find_pairs(
    positions: Tensor, box: Tensor, periodic: bool, cutoff: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Find all ordered pairs closer than the cutoff with vesin's cell list.

    On a CPU a search over all pairs in torch gains nothing, from 22 to 1536 atoms.

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

    Returns
    -------
    first, second : Tensor, shape (P,)
        Atoms of each pair.
    offsets : Tensor, shape (P, 3)
        Lattice translation of the second atom, in angstrom.
    """
    search = NeighborList(cutoff, True, n_threads=1)
    first, second, shifts = search.compute(positions, box, periodic, "ijS", True)
    return first, second, shifts.to(box.dtype) @ box


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
