"""What a bonded fast part is told by training data: which atoms are bonded, and known types."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from ase.data import covalent_radii
from torch import Tensor

from openmm_innff.data import Frame
from openmm_innff.elements import SYMBOLS
from openmm_innff.neighbors import find_pairs, first_atoms
from openmm_innff.potential import BondedConfig
from openmm_innff.potential.bonded_config import AngleType, BondType, PairType
from openmm_innff.potential.topology import Topology, find_topology

STRETCH = 1.3
"""Atoms closer than this times the sum of their covalent radii are bonded."""
MARGIN = 0.05
"""What the ranges of functions have beyond the training data, in angstrom or as a cosine."""
SHORTEST = 0.7
"""Where the wall of a pair stands that training data never hold within the cutoff, angstrom."""

Range = tuple[float, float]


def find_bonds(
    numbers: np.ndarray, positions: Tensor, box: Tensor, periodic: bool
) -> list[tuple[int, int]]:
    """Find bonds by distance; each hydrogen has one, to its nearest neighbour.

    Parameters
    ----------
    numbers : array, shape (N,)
        Atomic numbers.
    positions : Tensor, shape (N, 3), float64
        In angstrom.
    box : Tensor, shape (3, 3), float64
        Box vectors as rows, in angstrom.
    periodic : bool

    Returns
    -------
    list of (int, int)
        The first atom is the one of smaller index.
    """
    radii = STRETCH * torch.from_numpy(covalent_radii[numbers])
    first, second, r = _pairs(positions, box, periodic, 2.0 * float(radii.max()))
    near = r < radii[first] + radii[second]
    first, second, r = first[near], second[near], r[near]
    hydrogen = torch.from_numpy(np.asarray(numbers) == 1)
    nearest = torch.full((len(numbers),), torch.inf, dtype=r.dtype)
    nearest.scatter_reduce_(0, first, r, "amin").scatter_reduce_(0, second, r, "amin")
    kept = ~(hydrogen[first] & (r > nearest[first])) & ~(hydrogen[second] & (r > nearest[second]))
    return list(zip(first[kept].tolist(), second[kept].tolist(), strict=True))


def frame_bonds(frame: Frame) -> list[tuple[int, int]]:
    """Return the bonds of a frame."""
    return find_bonds(frame.numbers, *_tensors(frame), frame.periodic)


def known_types(config: BondedConfig, frames: Iterable[Frame]) -> BondedConfig:
    """Return the configuration with the environments and types that training data hold.

    Parameters
    ----------
    config : BondedConfig
    frames : iterable of Frame
    """
    names: set[str] = set()
    bonds: dict[tuple[str, ...], Range] = {}
    angles: dict[tuple[str, ...], Range] = {}
    pairs: dict[tuple[str, ...], Range] = {}
    for frame in frames:
        symbols = [SYMBOLS[z] for z in frame.numbers]
        topology = find_topology(symbols, frame_bonds(frame))
        names.update(topology.environments)
        lengths, cosines = _bonded_geometry(topology, frame)
        _widen(bonds, topology.bond_types, lengths)
        _widen(angles, topology.angle_types, cosines)
        _widen(pairs, *_contacts(topology, symbols, frame, config.cutoff))
        for a in set(symbols):
            for b in set(symbols):
                pairs.setdefault(_by_number(a, b), (SHORTEST + MARGIN, SHORTEST))
    return dataclasses.replace(
        config,
        environments=tuple(sorted(names)),
        bonds=tuple(BondType(kind, *_rounded(r)) for kind, r in sorted(bonds.items())),  # type: ignore[arg-type]
        angles=tuple(AngleType(kind, *_rounded(r)) for kind, r in sorted(angles.items())),  # type: ignore[arg-type]
        pairs=tuple(PairType(kind, _rounded(r)[0]) for kind, r in sorted(pairs.items())),  # type: ignore[arg-type]
    )


def _rounded(limits: Range) -> Range:
    return round(limits[0] - MARGIN, 4), round(limits[1] + MARGIN, 4)


def _by_number(a: str, b: str) -> tuple[str, str]:
    return (a, b) if SYMBOLS.index(a) <= SYMBOLS.index(b) else (b, a)


def _tensors(frame: Frame) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(np.array(frame.positions)), torch.from_numpy(np.array(frame.cell))


def _pairs(
    positions: Tensor, box: Tensor, periodic: bool, cutoff: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return both atoms, the first being that of smaller index, and distances of pairs."""
    pairs = find_pairs(positions, box, periodic, cutoff)
    first = first_atoms(pairs)
    vectors = positions[pairs.second] - positions[first] + pairs.offsets
    once = first < pairs.second
    return first[once], pairs.second[once], vectors[once].norm(dim=1)


def _bonded_geometry(topology: Topology, frame: Frame) -> tuple[Tensor, Tensor]:
    """Return the lengths of bonds and the cosines of angles."""
    positions, box = _tensors(frame)

    def vectors(ends: Sequence[tuple[int, int]]) -> Tensor:
        a, b = torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).unbind(1)
        between = positions[b] - positions[a]
        if frame.periodic:
            between = between - torch.round(between @ torch.linalg.inv(box)) @ box
        return between

    lengths = vectors(topology.bonds).norm(dim=1)
    left = vectors([(centre, end) for end, centre, _ in topology.angles])
    right = vectors([(centre, end) for _, centre, end in topology.angles])
    return lengths, (left * right).sum(1) / (left.norm(dim=1) * right.norm(dim=1))


def _contacts(
    topology: Topology, symbols: list[str], frame: Frame, cutoff: float
) -> tuple[list[tuple[str, str]], Tensor]:
    """Return elements and distances of pairs that one or two bonds do not connect."""
    bonded = {tuple(sorted(pair)) for pair in topology.bonds}
    bonded |= {tuple(sorted((a, b))) for a, _, b in topology.angles}
    first, second, r = _pairs(*_tensors(frame), frame.periodic, cutoff)
    ends = list(zip(first.tolist(), second.tolist(), strict=True))
    free = [k for k, pair in enumerate(ends) if pair not in bonded]
    return [_by_number(*(symbols[i] for i in ends[k])) for k in free], r[free]


def _widen(
    found: dict[tuple[str, ...], Range], kinds: Sequence[tuple[str, ...]], values: Tensor
) -> None:
    """Widen the range of each kind so that it holds its values."""
    grouped: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for kind, value in zip(kinds, values.tolist(), strict=True):
        grouped[kind].append(value)
    for kind, members in grouped.items():
        low, high = found.get(kind, (np.inf, -np.inf))
        found[kind] = (min(low, *members), max(high, *members))
