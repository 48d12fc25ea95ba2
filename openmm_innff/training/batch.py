"""Frames as tensors: neighbour lists made once, batches of frames of any size."""

from dataclasses import dataclass

import numpy as np
import torch
from ase.data import atomic_masses
from torch import Tensor

from openmm_innff.data import Frame, FrameSet
from openmm_innff.engine.parameters import Terms
from openmm_innff.neighbors import PairList, find_pairs
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.terms import find_terms
from openmm_innff.training.bonded import find_bonds

MARGIN = 0.1
"""Extra range of the lists in angstrom, for frames that are displaced a little."""


@dataclass(frozen=True)
class Batch:
    """Frames that are evaluated together; their atoms are sorted by species, then by frame.

    Attributes
    ----------
    positions : Tensor, shape (N, 3), float64
        In angstrom.
    species : Tensor, shape (N,), int64
        Ascending.
    fast, slow : PairList
        Pairs within the cutoff of each component, and a little more. A bonded fast part has
        `Terms` in their place.
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

    positions: Tensor
    species: Tensor
    fast: PairList | Terms
    slow: PairList
    frame: Tensor
    masses: Tensor
    forces: Tensor
    energies: Tensor
    sizes: Tensor


def make_batches(potential: Potential, frames: FrameSet) -> list[Batch]:
    """Return each frame as a batch, with the masses of its elements and the potential's type."""
    dtype = next(potential.parameters()).dtype
    return [
        make_batch(potential, frame, torch.tensor(atomic_masses[frame.numbers]), dtype)
        for frame in frames
    ]


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
        Of masses and forces.
    """
    species = potential.species_index(frame.numbers)
    order = torch.argsort(species, stable=True)
    positions = torch.from_numpy(np.array(frame.positions))[order]
    box = torch.from_numpy(np.array(frame.cell))
    where = positions, box, frame.periodic
    reach = {part: potential.cutoff(part) + MARGIN for part in ("fast", "slow")}
    fast: PairList | Terms
    if isinstance(potential.fast, Bonded):
        bonds = find_bonds(frame.numbers[order.numpy()], *where)
        fast = find_terms(*where, reach["fast"], potential.term_index(species[order], bonds))
    else:
        fast = find_pairs(*where, reach["fast"])
    energy = frame.energy - potential.reference_energy(frame.numbers)
    return Batch(
        positions=positions,
        species=species[order],
        fast=fast,
        slow=find_pairs(*where, reach["slow"]),
        frame=torch.zeros(len(frame), dtype=torch.int64),
        masses=masses.to(dtype)[order],
        forces=torch.from_numpy(np.array(frame.forces)).to(dtype)[order],
        energies=torch.tensor([energy], dtype=torch.float64),
        sizes=torch.tensor([len(frame)]),
    )


def collate(batches: list[Batch]) -> Batch:
    """Join batches into one; frames may differ in size and composition."""
    if len(batches) == 1:
        return batches[0]
    species = torch.cat([batch.species for batch in batches])
    order = torch.argsort(species, stable=True)
    return Batch(
        positions=torch.cat([batch.positions for batch in batches])[order],
        species=species[order],
        fast=_join_any([batch.fast for batch in batches], [len(b.frame) for b in batches], order),
        slow=_join([batch.slow for batch in batches], order),
        frame=torch.cat([batch.frame + k for k, batch in enumerate(batches)])[order],
        masses=torch.cat([batch.masses for batch in batches])[order],
        forces=torch.cat([batch.forces for batch in batches])[order],
        energies=torch.cat([batch.energies for batch in batches]),
        sizes=torch.cat([batch.sizes for batch in batches]),
    )


def _join_any(lists: list[PairList | Terms], sizes: list[int], order: Tensor) -> PairList | Terms:
    terms = [item for item in lists if isinstance(item, Terms)]
    if terms:
        return _join_terms(terms, sizes, order)
    return _join([item for item in lists if isinstance(item, PairList)], order)


def _join_terms(terms: list[Terms], sizes: list[int], order: Tensor) -> Terms:
    """Join terms of separate atoms, which then are put into another order."""
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    shifted = []
    atoms = distances = 0
    for item, size in zip(terms, sizes, strict=True):
        shifted.append(
            item._replace(
                first=place[item.first + atoms],
                second=place[item.second + atoms],
                bonds=item.bonds + distances,
                angles=item.angles + distances,
                pairs=item.pairs + distances,
            )
        )
        atoms += size
        distances += len(item.first)
    return Terms(*map(torch.cat, zip(*shifted, strict=True)))


def _join(lists: list[PairList], order: Tensor) -> PairList:
    """Join lists of separate atoms, which then are put into another order."""
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    second, starts = [], []
    atoms = pairs = 0
    for item in lists:
        second.append(item.second + atoms)
        starts.append(item.starts[:-1] + pairs)
        atoms += len(item.starts) - 1
        pairs += len(item.second)
    begin = torch.cat([*starts, torch.tensor([pairs])])
    sizes = (begin[1:] - begin[:-1])[order]
    new_starts = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    # The pairs of each atom move together: their places in the old lists, in the new order.
    moved = torch.repeat_interleave(begin[:-1][order] - new_starts[:-1], sizes)
    source = moved + torch.arange(pairs)
    return PairList(
        new_starts,
        place[torch.cat(second)[source]],
        torch.cat([item.offsets for item in lists])[source],
    )
