"""Bonds of hydrogen in training data, and what the slow force does along them."""

from typing import NamedTuple

import torch
from torch import Tensor

from openmm_innff.neighbors import first_atoms
from openmm_innff.training.batch import Batch

LONGEST = 1.6
"""No bond of hydrogen to an element of the first two periods is longer, in angstrom."""


class HydrogenBonds(NamedTuple):
    """Hydrogens with their nearest heavy atoms.

    Attributes
    ----------
    hydrogens, partners : Tensor, shape (B,), int64
    species : Tensor, shape (B,), int64
        Of the partners.
    lengths : Tensor, shape (B,), float64
        In angstrom.
    directions : Tensor, shape (B, 3), float64
        From the partner to the hydrogen.
    """

    hydrogens: Tensor
    partners: Tensor
    species: Tensor
    lengths: Tensor
    directions: Tensor


def find_hydrogen_bonds(elements: tuple[str, ...], batch: Batch) -> HydrogenBonds:
    """Find the bonds of hydrogen; none if it is not among the elements.

    Parameters
    ----------
    elements : tuple of str
        Symbols of the species.
    batch : Batch
    """
    hydrogen = elements.index("H") if "H" in elements else -1
    pairs, first = batch.slow, first_atoms(batch.slow)
    light = batch.species == hydrogen
    chosen = torch.nonzero(light[first] & ~light[pairs.second]).squeeze(1)
    first, second = first[chosen], pairs.second[chosen]
    vectors = batch.positions[first] - batch.positions[second] - pairs.offsets[chosen]
    lengths = vectors.norm(dim=1)
    nearest = torch.full((len(light),), torch.inf, dtype=lengths.dtype)
    nearest.scatter_reduce_(0, first, lengths, "amin")
    near = (lengths == nearest[first]) & (lengths < LONGEST)
    first, second, lengths = first[near], second[near], lengths[near]
    directions = vectors[near] / lengths.unsqueeze(1)
    return HydrogenBonds(first, second, batch.species[second], lengths, directions)


def along_bonds(bonds: HydrogenBonds, forces: Tensor) -> Tensor:
    """Return the component of the hydrogens' forces (N, 3) along their bonds, shape (B,)."""
    return (forces[bonds.hydrogens] * bonds.directions.to(forces.dtype)).sum(1)


def hydrogen_bond_lengths(elements: tuple[str, ...], sample: list[Batch]) -> dict[str, float]:
    """Return the mean length of bonds of hydrogen, by the other element.

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
    found = [find_hydrogen_bonds(elements, batch) for batch in sample]
    return {
        symbol: round(float(lengths.mean()), 4)
        for index, symbol in enumerate(elements)
        if len(lengths := _of_species(index, found, [bonds.lengths for bonds in found]))
    }


def hydrogen_bond_forces(
    elements: tuple[str, ...], sample: list[Batch], forces: list[Tensor], lengths: dict[str, float]
) -> dict[str, tuple[float, float]]:
    """Return what the slow force along the bonds of hydrogen is on average.

    A slow part that does not see these bonds (`forces.mollified`) lacks it.

    Parameters
    ----------
    elements : tuple of str
        Symbols of the species.
    sample : list of Batch
    forces : list of Tensor, shape (N, 3)
        Slow forces in each, in eV/angstrom.
    lengths : dict
        The result of `hydrogen_bond_lengths`.

    Returns
    -------
    dict
        By the other element: the mean force at the mean length, in eV/angstrom, positive where it
        stretches; and its slope with the length, in eV/angstrom^2. Least squares.
    """
    found = [find_hydrogen_bonds(elements, batch) for batch in sample]
    along = [along_bonds(bonds, f) for bonds, f in zip(found, forces, strict=True)]
    terms = {}
    for symbol, length in lengths.items():
        index = elements.index(symbol)
        stretch = _of_species(index, found, [bonds.lengths for bonds in found]) - length
        force = _of_species(index, found, along).double()
        design = torch.stack([torch.ones_like(stretch), stretch], 1)
        mean, slope = torch.linalg.lstsq(design, force.unsqueeze(1), driver="gelsd").solution
        terms[symbol] = (round(float(mean), 5), round(float(slope), 4))
    return terms


def _of_species(index: int, found: list[HydrogenBonds], values: list[Tensor]) -> Tensor:
    """Return the values of the bonds to one species."""
    chosen = [v[bonds.species == index] for bonds, v in zip(found, values, strict=True)]
    return torch.cat(chosen) if chosen else torch.zeros(0)
