"""Pairs within a cutoff, in any box, found by vesin."""

from typing import NamedTuple

import torch
from torch import Tensor
from vesin_torch import NeighborList


class PairList(NamedTuple):
    """All ordered pairs of N atoms, by first atom: each pair of atoms is there in both directions.

    Attributes
    ----------
    starts : Tensor, shape (N + 1), int64
        Pairs of atom i are starts[i] ... starts[i + 1] - 1.
    second : Tensor, shape (P), int64
        The neighbour in each pair.
    offsets : Tensor, shape (P, 3), float64
        Lattice translation of the neighbour, in angstrom: the vector of a pair is
        positions[second] - positions[first] + offsets.
    """

    starts: Tensor
    second: Tensor
    offsets: Tensor


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


def geometry_fault(positions: Tensor, box: Tensor, periodic: bool, cutoff: float) -> str:
    """Say which position is not finite, or that the box is narrower than twice the cutoff.

    Returns
    -------
    str
        Empty if all is well.
    """
    if not bool(torch.isfinite(positions).all()):
        atom = int(torch.where(~torch.isfinite(positions).all(1))[0][0])
        return f"positions: wanted finite numbers, found NaN or inf at atom {atom}"
    if periodic:
        narrowest = float(box_widths(box).min())
        if not narrowest >= 2.0 * cutoff:
            wanted = round(2000.0 * cutoff) / 1000.0
            if not bool(torch.isfinite(box).all()) or narrowest != narrowest:
                return f"box: wanted a width of at least {wanted} angstrom, found none, NaN or inf"
            found = round(1000.0 * narrowest) / 1000.0
            return (
                f"box: wanted a width of at least twice the cutoff, {wanted} angstrom, "
                f"found {found} angstrom; use a larger box"
            )
    return ""


def find_pairs(positions: Tensor, box: Tensor, periodic: bool, cutoff: float) -> PairList:
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
    """
    search = NeighborList(cutoff, True, n_threads=1)
    first, second, shifts = search.compute(positions, box, periodic, "ijS", True)
    order = torch.argsort(first, stable=True)
    sizes = torch.bincount(first, minlength=positions.shape[0])
    starts = torch.cat([sizes.new_zeros([1]), sizes.cumsum(0)])
    offsets = shifts.index_select(0, order).to(box.dtype) @ box
    return PairList(starts, second.index_select(0, order), offsets)


def first_atoms(pairs: PairList) -> Tensor:
    """Return the first atom of each pair, shape (P,)."""
    sizes = pairs.starts[1:] - pairs.starts[:-1]
    return torch.repeat_interleave(sizes, output_size=pairs.second.shape[0])
