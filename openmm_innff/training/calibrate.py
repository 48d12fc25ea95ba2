"""Scales of a component, set from data before its training starts."""

import torch
from torch import Tensor

from openmm_innff.neighbors import first_atoms
from openmm_innff.potential import Potential
from openmm_innff.potential.component import Component
from openmm_innff.training.batch import Batch


@torch.no_grad()
def calibrate(potential: Potential, part: str, sample: list[Batch], scale: float) -> None:
    """Give features unit size, invariants zero mean, and energies the scale of the data.

    Parameters
    ----------
    potential : Potential
    part : str
        "fast" or "slow".
    sample : list of Batch
        Some frames of the training data.
    scale : float
        Typical force of what the component has to describe, in eV/angstrom.
    """
    component: Component = getattr(potential, part)
    component.scale.fill_(scale)
    degrees = component.mixing.degree_of_row
    squares = torch.zeros_like(component.mixing.norms)
    for batch in sample:
        a = _features(component, part, batch)
        squares.index_add_(0, degrees, a.square().mean((1, 2)) / (2 * degrees + 1))
    component.mixing.norms.div_(torch.sqrt(squares / len(sample)))
    _normalise_readout(component, part, sample)


def _counts(component: Component, batch: Batch) -> list[int]:
    counts: list[int] = torch.bincount(batch.species, minlength=component.readout.species).tolist()
    return counts


def _features(component: Component, part: str, batch: Batch) -> Tensor:
    density = component.density(batch.positions, getattr(batch, part), batch.species)
    return component.mixing(density, _counts(component, batch))


def _normalise_readout(component: Component, part: str, sample: list[Batch]) -> None:
    grouped: list[list[Tensor]] = []
    for batch in sample:
        invariants = component.products(_features(component, part, batch))
        grouped.append(list(invariants.split(_counts(component, batch))))
    species = [torch.cat(parts) for parts in zip(*grouped, strict=True)]
    component.readout.normalise(torch.cat(species), [len(part) for part in species])


@torch.no_grad()
def set_cores(potential: Potential, sample: list[Batch]) -> None:
    """Set the core radii to the shortest distance of each pair of species.

    Parameters
    ----------
    potential : Potential
        Pairs that never meet within the fast cutoff keep their radius.
    sample : list of Batch
        All training frames.
    """
    core = potential.fast.repulsion.core
    shortest = torch.full_like(core, torch.inf).reshape(-1)
    for batch in sample:
        first, second = first_atoms(batch.fast), batch.fast.second
        vectors = batch.positions[second] - batch.positions[first] + batch.fast.offsets
        kind = batch.species[first] * len(core) + batch.species[second]
        shortest.scatter_reduce_(0, kind, vectors.norm(dim=1).to(core.dtype), "amin")
    shortest = shortest.reshape(core.shape)
    reached = shortest < potential.cutoff("fast")
    core[reached] = shortest[reached]
