"""Frames as tensors: neighbour tables made once, batches of frames of any size."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from openmm_innff.data import Frame
from openmm_innff.neighbors import NeighborTable, build_table, find_pairs, table_vectors
from openmm_innff.potential import Potential

MARGIN = 0.1
"""Extra range of the tables in angstrom, for frames that are displaced a little."""
FAR = 100.0
"""Distance in angstrom of empty slots, beyond any cutoff."""


@dataclass(frozen=True)
class TableInput:
    """What one component needs of a batch.

    Attributes
    ----------
    vectors : Tensor, shape (3, N, M)
        In angstrom.
    table : NeighborTable
        Without offsets (they are contained in the vectors).
    """

    vectors: Tensor
    table: NeighborTable

    def displaced(self, shifts: Tensor) -> Tensor:
        """Return the vectors after atoms moved by ``shifts``, shape (N, 3)."""
        n, m = self.table.neighbors.shape
        neighbours = shifts.index_select(0, self.table.neighbors.reshape(-1)).reshape(n, m, 3)
        own = shifts.index_select(0, self.table.centers).unsqueeze(1)
        return self.vectors + (neighbours - own).permute(2, 0, 1)


@dataclass(frozen=True)
class Batch:
    """Frames that are evaluated together.

    Attributes
    ----------
    fast, slow : TableInput
    frame : Tensor, shape (N,)
        Frame of each atom.
    masses : Tensor, shape (N,)
        In amu.
    forces : Tensor, shape (N, 3)
        Reference forces in eV/angstrom.
    energies : Tensor, shape (F,)
        Reference energies without the reference energies of the elements, in eV.
    sizes : Tensor, shape (F,)
        Atoms per frame.
    """

    fast: TableInput
    slow: TableInput
    frame: Tensor
    masses: Tensor
    forces: Tensor
    energies: Tensor
    sizes: Tensor


def make_batch(potential: Potential, frame: Frame, masses: Tensor, dtype: torch.dtype) -> Batch:
    """Return one frame as a batch.

    Parameters
    ----------
    potential : Potential
        Gives cutoffs, species and reference energies.
    frame : Frame
    masses : Tensor, shape (N,)
        In amu.
    dtype : torch.dtype
    """
    positions = torch.from_numpy(np.array(frame.positions))
    box = torch.from_numpy(np.array(frame.cell))
    species = potential.species_index(frame.numbers)
    inputs = []
    for part in ("fast", "slow"):
        reach = potential.cutoff(part) + MARGIN
        pairs = find_pairs(positions, box, frame.periodic, reach)
        table = build_table(species, pairs, len(potential.elements), 2.0 * reach)
        vectors = table_vectors(table, positions).to(dtype).contiguous()
        inputs.append(TableInput(vectors, table._replace(offsets=torch.empty(0))))
    energy = frame.energy - potential.reference_energy(frame.numbers)
    return Batch(
        fast=inputs[0],
        slow=inputs[1],
        frame=torch.zeros(len(frame), dtype=torch.int64),
        masses=masses.to(dtype),
        forces=torch.from_numpy(np.array(frame.forces)).to(dtype),
        energies=torch.tensor([energy], dtype=torch.float64),
        sizes=torch.tensor([len(frame)]),
    )


def collate(batches: list[Batch]) -> Batch:
    """Join batches into one; frames may differ in size and composition."""
    if len(batches) == 1:
        return batches[0]
    first_atom = [0]
    for batch in batches:
        first_atom.append(first_atom[-1] + len(batch.frame))
    return Batch(
        fast=_join([batch.fast for batch in batches], first_atom),
        slow=_join([batch.slow for batch in batches], first_atom),
        frame=torch.cat([batch.frame + k for k, batch in enumerate(batches)]),
        masses=torch.cat([batch.masses for batch in batches]),
        forces=torch.cat([batch.forces for batch in batches]),
        energies=torch.cat([batch.energies for batch in batches]),
        sizes=torch.cat([batch.sizes for batch in batches]),
    )


def _join(inputs: list[TableInput], first_atom: list[int]) -> TableInput:
    """Join tables: rows by species, then frame; slots padded to the widest of each species."""
    tables = [item.table for item in inputs]
    widths = [max(sizes) for sizes in zip(*(t.widths for t in tables), strict=True)]
    counts = [sum(sizes) for sizes in zip(*(t.counts for t in tables), strict=True)]
    total = sum(counts)
    vectors = inputs[0].vectors.new_zeros([3, total, sum(widths)])
    vectors[0] = FAR
    centers = torch.empty(total, dtype=torch.int64)
    row_starts = np.cumsum([0, *counts])
    column_starts = np.cumsum([0, *widths])
    filled: list[tuple[slice, slice, Tensor]] = []
    next_row = [int(row) for row in row_starts[:-1]]
    for item, first in zip(inputs, first_atom, strict=False):
        own_rows = np.cumsum([0, *item.table.counts])
        own_columns = np.cumsum([0, *item.table.widths])
        for z, (a, b) in enumerate(pairwise(own_rows)):
            rows = slice(next_row[z], next_row[z] + int(b - a))
            next_row[z] = rows.stop
            centers[rows] = item.table.centers[a:b] + first
            for s, (c, d) in enumerate(pairwise(own_columns)):
                start = int(column_starts[s])
                columns = slice(start, start + int(d - c))
                vectors[:, rows, columns] = item.vectors[:, a:b, c:d]
                filled.append((rows, columns, item.table.neighbors[a:b, c:d] + first))
    index = centers.unsqueeze(1).repeat(1, sum(widths))
    for rows, columns, values in filled:
        index[rows, columns] = values
    table = NeighborTable(centers, index, torch.empty(0), counts, widths)
    return TableInput(vectors, table)
