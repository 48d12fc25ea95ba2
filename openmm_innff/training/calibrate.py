"""Scales of a component, set from data before its training starts."""

import torch
from torch import Tensor

from openmm_innff.potential.component import Component
from openmm_innff.training.batch import TableInput


@torch.no_grad()
def calibrate(component: Component, sample: list[TableInput], scale: float) -> None:
    """Give features unit size, invariants zero mean, and energies the scale of the data.

    Parameters
    ----------
    component : Component
    sample : list of TableInput
        Some frames of the training data.
    scale : float
        Typical force of what the component has to describe, in eV/angstrom.
    """
    component.scale.fill_(scale)
    degrees = component.mixing.degree_of_row
    squares = torch.zeros_like(component.mixing.norms)
    for item in sample:
        a = _features(component, item)
        squares.index_add_(0, degrees, a.square().mean((1, 2)) / (2 * degrees + 1))
    component.mixing.norms.div_(torch.sqrt(squares / len(sample)))
    _normalise_readout(component, sample)


def _features(component: Component, item: TableInput) -> Tensor:
    table = item.table
    return component.mixing(component.density(item.vectors, table.widths), table.counts)


def _normalise_readout(component: Component, sample: list[TableInput]) -> None:
    grouped: list[list[Tensor]] = []
    for item in sample:
        invariants = component.products(_features(component, item))
        grouped.append(list(invariants.split(item.table.counts)))
    species = [torch.cat(parts) for parts in zip(*grouped, strict=True)]
    component.readout.normalise(torch.cat(species), [len(part) for part in species])


@torch.no_grad()
def set_cores(core: Tensor, sample: list[TableInput], limit: float) -> None:
    """Set the core radii to the shortest distance of each pair of species.

    Parameters
    ----------
    core : Tensor, shape (species, species)
        In angstrom; pairs that never meet keep their value.
    sample : list of TableInput
        All training frames.
    limit : float
        Largest core radius in angstrom: the cutoff.
    """
    shortest = torch.full_like(core, torch.inf)
    for item in sample:
        distances = item.vectors.square().sum(0).sqrt()
        for z, rows in enumerate(distances.split(item.table.counts)):
            for s, block in enumerate(rows.split(item.table.widths, dim=1)):
                if block.numel():
                    shortest[z, s] = torch.minimum(shortest[z, s], block.min())
    reached = shortest < limit
    core[reached] = shortest[reached]
