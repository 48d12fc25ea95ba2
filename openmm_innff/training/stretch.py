"""Bonds of hydrogen longer than any in the data: they must pull back, whatever else is unknown.

Data of molecules near equilibrium do not tell a network what lies beyond their longest bonds. If it
extrapolates to a low barrier there, a hydrogen leaves its molecule sooner or later and the
simulation explodes. So frames with a few stretched bonds, without labels, are shown to it, and a
pull that is too weak is penalised.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from openmm_innff.data import Frame
from openmm_innff.neighbors import find_pairs
from openmm_innff.potential import Potential
from openmm_innff.training.batch import MARGIN, Batch
from openmm_innff.training.bonds import HydrogenBonds, along_bonds, find_hydrogen_bonds
from openmm_innff.training.config import StretchConfig


@dataclass(frozen=True)
class Stretched:
    """A frame with some bonds stretched.

    Attributes
    ----------
    batch : Batch
        Its labels are those of the frame before, and mean nothing.
    bonds : HydrogenBonds
        Those that are stretched.
    """

    batch: Batch
    bonds: HydrogenBonds


def longest_bonds(elements: tuple[str, ...], sample: list[Batch]) -> Tensor:
    """Return the longest bond of hydrogen to each species, in angstrom; zero where none is."""
    longest = torch.zeros(len(elements), dtype=torch.float64)
    for batch in sample:
        bonds = find_hydrogen_bonds(elements, batch)
        longest.scatter_reduce_(0, bonds.species, bonds.lengths, "amax")
    return longest


def stretch(
    potential: Potential,
    frame: Frame,
    batch: Batch,
    shortest: Tensor,
    config: StretchConfig,
    seed: int,
) -> Stretched | None:
    """Stretch a few bonds of a frame; None if it has none.

    Parameters
    ----------
    potential : Potential
        Gives cutoffs and elements.
    frame : Frame
    batch : Batch
        The same frame.
    shortest : Tensor, shape (species,)
        The result of `longest_bonds`: stretched bonds are longer.
    config : StretchConfig
    seed : int
    """
    bonds = find_hydrogen_bonds(potential.elements, batch)
    if not len(bonds.lengths):
        return None
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(bonds.lengths), generator=generator)
    chosen = order[: max(1, round(config.fraction * len(order)))]
    picked = HydrogenBonds(*(values[chosen] for values in bonds))
    begin = shortest[picked.species]
    part = torch.rand(len(chosen), generator=generator, dtype=torch.float64)
    lengths = begin + part * (config.longest - begin).clamp(min=0.0)
    positions = batch.positions.clone()
    positions[picked.hydrogens] += (lengths - picked.lengths).unsqueeze(1) * picked.directions
    box = torch.from_numpy(np.array(frame.cell))
    lists = {
        part: find_pairs(positions, box, frame.periodic, potential.cutoff(part) + MARGIN)
        for part in ("fast", "slow")
    }
    moved = replace(batch, positions=positions, fast=lists["fast"], slow=lists["slow"])
    return Stretched(moved, picked._replace(lengths=lengths))


def lack_of_pull(stretched: Stretched, forces: Tensor, config: StretchConfig) -> Tensor:
    """Return the mean squared lack of pull, in (eV/angstrom)^2, for forces (N, 3)."""
    outwards = along_bonds(stretched.bonds, forces)
    return torch.relu(outwards + config.pull).square().mean()
