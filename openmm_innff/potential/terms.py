"""Bonds, angles and pairs in a box, as distances between atoms and images of atoms."""

import torch
from torch import Tensor

from openmm_innff.engine.parameters import TermIndex, Terms
from openmm_innff.neighbors import find_pairs, first_atoms


def find_terms(
    positions: Tensor, box: Tensor, periodic: bool, reach: float, index: TermIndex
) -> Terms:
    """Find the images of bonded atoms, and all pairs within a distance that have no bonds.

    Parameters
    ----------
    positions : Tensor, shape (N, 3), float64
        In angstrom.
    box : Tensor, shape (3, 3), float64
        Box vectors as rows, in angstrom; ignored unless ``periodic``.
    periodic : bool
    reach : float
        In angstrom.
    index : TermIndex
    """
    first, second = index.first, index.second
    bonded = positions.index_select(0, second) - positions.index_select(0, first)
    offsets = torch.zeros_like(bonded)
    if periodic:
        offsets = -torch.round(bonded @ torch.linalg.inv(box)) @ box
    pairs = find_pairs(positions, box, periodic, reach)
    here = first_atoms(pairs)
    once = torch.where(here < pairs.second)[0]
    left, right = here.index_select(0, once), pairs.second.index_select(0, once)
    n = positions.shape[0]
    excluded = torch.minimum(first, second) * n + torch.maximum(first, second)
    free = torch.where(~torch.isin(left * n + right, excluded))[0]
    left, right = left.index_select(0, free), right.index_select(0, free)
    kinds = index.species.index_select(0, left) * index.pair_rows.shape[0]
    kinds = kinds + index.species.index_select(0, right)
    count, bonds = first.shape[0], index.bond_rows.shape[0]
    device = positions.device
    return Terms(
        first=torch.cat([first, left]),
        second=torch.cat([second, right]),
        offsets=torch.cat([offsets, pairs.offsets.index_select(0, once).index_select(0, free)]),
        bonds=torch.arange(bonds, device=device),
        bond_rows=index.bond_rows,
        angles=index.angles,
        angle_rows=index.angle_rows,
        product_rows=index.product_rows,
        pairs=torch.arange(count, count + left.shape[0], device=device),
        pair_rows=index.pair_rows.reshape(-1).index_select(0, kinds),
    )
