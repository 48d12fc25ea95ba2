"""Lengths of the bonds of hydrogen in training data."""

import torch
from torch import Tensor

from openmm_innff.neighbors import first_atoms
from openmm_innff.training.batch import Batch

LONGEST = 1.6
"""No bond of hydrogen to an element of the first two periods is longer, in angstrom."""


def hydrogen_bond_lengths(elements: tuple[str, ...], sample: list[Batch]) -> dict[str, float]:
    """Return the mean distance of hydrogens to their nearest heavy atom, by its element.

    Parameters
    ----------
    elements : tuple of str
        Symbols of the species.
    sample : list of Batch

    Returns
    -------
    dict
        In angstrom; empty without hydrogen.
    """
    if "H" not in elements:
        return {}
    found: list[list[Tensor]] = [[] for _ in elements]
    for batch in sample:
        nearest, species = _nearest_heavy(batch, elements.index("H"))
        for index, lengths in enumerate(found):
            lengths.append(nearest[species == index])
    joined = [torch.cat(lengths) for lengths in found]
    return {
        symbol: round(float(lengths.mean()), 4)
        for symbol, lengths in zip(elements, joined, strict=True)
        if len(lengths)
    }


def _nearest_heavy(batch: Batch, hydrogen: int) -> tuple[Tensor, Tensor]:
    """Return the distance of each bonded hydrogen's nearest heavy atom, and its species."""
    pairs = batch.slow
    first = first_atoms(pairs)
    vectors = batch.positions[pairs.second] - batch.positions[first] + pairs.offsets
    distance = vectors.norm(dim=1)
    near = (batch.species[first] == hydrogen) & (batch.species[pairs.second] != hydrogen)
    near &= distance < LONGEST
    first, second, distance = first[near], pairs.second[near], distance[near]
    order = torch.argsort(distance)
    first, second, distance = first[order], second[order], distance[order]
    first, order = torch.sort(first, stable=True)
    second, distance = second[order], distance[order]
    begins = torch.ones_like(first, dtype=torch.bool)
    begins[1:] = first[1:] != first[:-1]
    return distance[begins], batch.species[second[begins]]
