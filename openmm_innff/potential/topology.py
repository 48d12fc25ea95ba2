"""Which bonds, angles and pairs some atoms have, and which functions describe them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from openmm_innff.engine.parameters import TermIndex
from openmm_innff.errors import UnknownEnvironmentError
from openmm_innff.potential.bonded_config import BondedConfig

Bonds = Iterable[tuple[int, int]]
Known = Mapping[tuple[str, ...], int]


def environments(symbols: Sequence[str], bonds: Bonds) -> list[str]:
    """Return the environment of each atom: its element, and those of its bonded neighbours.

    Parameters
    ----------
    symbols : sequence of str, length N
    bonds : iterable of (int, int)

    Returns
    -------
    list of str
        Such as "O(HH)".
    """
    neighbours: dict[int, list[str]] = defaultdict(list)
    for a, b in bonds:
        neighbours[a].append(symbols[b])
        neighbours[b].append(symbols[a])
    return [f"{symbol}({''.join(sorted(neighbours[i]))})" for i, symbol in enumerate(symbols)]


@dataclass(frozen=True)
class Topology:
    """Bonds and angles of some atoms, with names of their types.

    Attributes
    ----------
    environments : list of str
        Of each atom.
    bonds : list of (int, int)
        Each once, the atom of the environment that is first in the alphabet first.
    bond_types : list of (str, str)
    angles : list of (int, int, int)
        End, centre, end.
    angle_types : list of (str, str, str)
    angle_bonds : list of (int, int)
        The bonds of the centre with the first and the last atom.
    """

    environments: list[str]
    bonds: list[tuple[int, int]]
    bond_types: list[tuple[str, str]]
    angles: list[tuple[int, int, int]]
    angle_types: list[tuple[str, str, str]]
    angle_bonds: list[tuple[int, int]]


def find_topology(symbols: Sequence[str], bonds: Bonds) -> Topology:
    """Sort bonds and find the angles between them.

    Parameters
    ----------
    symbols : sequence of str, length N
    bonds : iterable of (int, int)
        In any order; repeated ones count once.
    """
    unique = sorted({(min(pair), max(pair)) for pair in bonds})
    names = environments(symbols, unique)
    ordered = [pair if names[pair[0]] <= names[pair[1]] else pair[::-1] for pair in unique]
    partners: dict[int, list[tuple[int, int]]] = defaultdict(list)  # (atom, bond) of each atom
    for k, (a, b) in enumerate(ordered):
        partners[a].append((b, k))
        partners[b].append((a, k))
    angles, angle_bonds = [], []
    for centre in sorted(partners):
        for pair in combinations(sorted(partners[centre]), 2):
            (a, k), (b, m) = sorted(pair, key=lambda end: names[end[0]])
            angles.append((a, centre, b))
            angle_bonds.append((k, m))
    return Topology(
        names,
        ordered,
        [(names[a], names[b]) for a, b in ordered],
        angles,
        [(names[a], names[c], names[b]) for a, c, b in angles],
        angle_bonds,
    )


def index_terms(
    config: BondedConfig, elements: Sequence[str], species: Tensor, bonds: Bonds
) -> TermIndex:
    """Find the function of each bond, angle and pair of elements.

    Parameters
    ----------
    config : BondedConfig
    elements : sequence of str
        Symbols of the species.
    species : Tensor, shape (N,), int64
    bonds : iterable of (int, int)

    Raises
    ------
    UnknownEnvironmentError
        Naming the first atom of an unknown environment, or the first atoms whose bond or angle is
        of no known type.
    """
    topology = find_topology([elements[k] for k in species.tolist()], bonds)
    for atom, name in enumerate(topology.environments):
        if name not in config.environments:
            raise UnknownEnvironmentError(
                f"bonds: atom {atom} is {name}, an element with its bonded neighbours that the "
                f"model never saw; it knows: {', '.join(config.environments) or 'none'}"
            )
    rows = first_rows(config)
    known_bonds: Known = {kind.atoms: rows["bonds"] + k for k, kind in enumerate(config.bonds)}
    known_angles: Known = {kind.atoms: k for k, kind in enumerate(config.angles)}
    bonds_found = _known("bond", topology.bonds, topology.bond_types, known_bonds)
    angles_found = _known("angle", topology.angles, topology.angle_types, known_angles)
    ends = [*topology.bonds, *((a, b) for a, _, b in topology.angles)]
    count = len(topology.bonds)
    angles = [(*pair, count + k) for k, pair in enumerate(topology.angle_bonds)]
    pair_rows = torch.zeros(len(elements), len(elements), dtype=torch.int64)
    for k, kind in enumerate(config.pairs):
        i, j = (list(elements).index(symbol) for symbol in kind.atoms)
        pair_rows[i, j] = pair_rows[j, i] = rows["pairs"] + k
    kinds = _integers(angles_found)
    return TermIndex(
        first=_integers([a for a, _ in ends]),
        second=_integers([b for _, b in ends]),
        bond_rows=_integers(bonds_found),
        angles=_integers(angles).reshape(-1, 3),
        angle_rows=rows["angles"] + kinds,
        product_rows=rows["products"] + 3 * config.modes * kinds,
        species=species,
        pair_rows=pair_rows,
    )


def first_rows(config: BondedConfig) -> dict[str, int]:
    """Return where the functions of bonds, angles, products and pairs begin."""
    bonds, angles = len(config.bonds), len(config.angles)
    products = bonds + angles
    return {
        "bonds": 0,
        "angles": bonds,
        "products": products,
        "pairs": products + 3 * config.modes * angles,
    }


def _integers(values: Sequence[object]) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def _known(
    name: str,
    atoms: Sequence[tuple[int, ...]],
    types: Sequence[tuple[str, ...]],
    known: Known,
) -> list[int]:
    for indices, kind in zip(atoms, types, strict=True):
        if kind not in known:
            listed = ", ".join("-".join(other) for other in known) or "none"
            raise UnknownEnvironmentError(
                f"bonds: atoms {', '.join(map(str, indices))} form the {name} {'-'.join(kind)}, "
                f"which the model never saw; it knows: {listed}"
            )
    return [known[kind] for kind in types]
