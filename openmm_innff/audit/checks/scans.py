"""Paths through configuration space: pairs of atoms, pairs of molecules, bonds, dihedral angles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.structure import Array, Indices, Structure
from openmm_innff.audit.subjects import Evaluate


@dataclass(frozen=True, eq=False)
class Scan:
    """A path.

    Parameters
    ----------
    label
        For reports.
    structure
        The atoms.
    place, tangent
        Positions at a coordinate, and their derivative; shape (N, 3).
    start
        The coordinate of the structure as it is.
    """

    label: str
    structure: Structure
    place: Callable[[float], Array]
    tangent: Callable[[float], Array]
    start: float


def profile(evaluate: Evaluate, scan: Scan, coordinates: Sequence[float] | Array) -> Array:
    """Return energy and force along the path at some coordinates, shape (2, n).

    Parameters
    ----------
    evaluate
        Of the scan's atoms.
    scan
        The path.
    coordinates
        In the unit of the path: angstrom or radian.

    Returns
    -------
    ndarray, shape (2, n)
        eV, and eV/angstrom or eV/radian.
    """
    found = []
    for s in coordinates:
        energy, forces = evaluate(scan.place(s), scan.structure.cell)
        found.append((energy, float(np.sum(forces * scan.tangent(s)))))
    return np.array(found).T


def pairs(bench: Bench) -> list[Scan]:
    """Pairs of two atoms of all elements; those of the structures, or with --full all known."""
    found = {symbol for structure in bench.structures for symbol in structure.symbols}
    if bench.effort == "full" and bench.subject.elements is not None:
        found |= set(bench.subject.elements)
    scans = [_pair(a, b) for a, b in combinations_with_replacement(sorted(found), 2)]
    return [scan for scan in scans if not bench.subject.obstacle(scan.structure)]


def _pair(first: str, second: str) -> Scan:
    length = 2.0
    atoms = Atoms([first, second], [[0.0, 0.0, 0.0], [length, 0.0, 0.0]])
    structure = Structure.from_atoms(f"{first}–{second}", atoms)
    return linear(structure.name, structure, np.array([1]), np.array([1.0, 0.0, 0.0]), length)


def separation(structure: Structure, width: float | None = None) -> Scan:
    """Two copies of a molecule that move apart along x.

    Parameters
    ----------
    structure
        The molecule.
    width
        Edge of a cubic box for both, angstrom; None: isolated.

    Returns
    -------
    Scan
        Its coordinate is the distance of their edges, angstrom.
    """
    x = structure.positions[:, 0]
    extent = float(x.max() - x.min())
    start = 3.0
    shifts = np.array([[0, 0, 0], [extent + start, 0, 0]])
    cell = None if width is None else width * np.eye(3)
    where = "" if width is None else " in a box"
    both = structure.with_copies(shifts, cell, f"{structure.name} pair{where}")
    moving = np.arange(len(structure), len(both))
    return linear(both.name, both, moving, np.array([1.0, 0.0, 0.0]), start)


def bonds(structure: Structure) -> list[Scan]:
    """Bonds that are no part of a ring, one of each kind: one side moves away along the bond."""
    scans: dict[str, Scan] = {}
    for first, second in structure.bonds:
        moving = _side(structure, first, second)
        if moving is None:
            continue
        symbols = "–".join(sorted(structure.symbols[i] for i in (first, second)))
        label = f"{structure.name}: {symbols}"
        vector = structure.positions[second] - structure.positions[first]
        length = float(np.linalg.norm(vector))
        scans.setdefault(label, linear(label, structure, moving, vector / length, length))
    return list(scans.values())


def dihedrals(structure: Structure) -> list[Scan]:
    """Bonds about which one side can be turned: both ends have further atoms, and no ring."""
    scans = []
    degree = np.bincount(np.array(structure.bonds, dtype=int).reshape(-1), minlength=len(structure))
    for first, second in structure.bonds:
        moving = _side(structure, first, second)
        if moving is None or min(degree[first], degree[second]) < 2:
            continue
        if _straight(structure, first, second) or _straight(structure, second, first):
            continue
        symbols = f"{structure.symbols[first]}–{structure.symbols[second]}"
        scans.append(
            _turning(f"{structure.name}: about {symbols}", structure, moving, first, second)
        )
    return scans


def linear(
    label: str, structure: Structure, moving: Indices, direction: Array, start: float
) -> Scan:
    """Return the path on which some atoms move along a direction (a unit vector)."""
    tangent = np.zeros_like(structure.positions)
    tangent[moving] = direction
    return Scan(
        label,
        structure,
        lambda s: structure.positions + (s - start) * tangent,
        lambda s: tangent,
        start,
    )


def _turning(label: str, structure: Structure, moving: Indices, first: int, second: int) -> Scan:
    origin = structure.positions[first]
    axis = structure.positions[second] - origin
    axis = axis / np.linalg.norm(axis)

    def place(angle: float) -> Array:
        turned = structure.positions.copy()
        arm = turned[moving] - origin
        along = np.outer(arm @ axis, axis)
        across = arm - along
        turned[moving] = (
            origin + along + np.cos(angle) * across + np.sin(angle) * np.cross(axis, across)
        )
        return turned

    def tangent(angle: float) -> Array:
        slope = np.zeros_like(structure.positions)
        slope[moving] = np.cross(axis, place(angle)[moving] - origin)
        return slope

    return Scan(label, structure, place, tangent, 0.0)


def _side(structure: Structure, first: int, second: int) -> Indices | None:
    """Atoms that hang on the second atom of a bond; None if the bond is part of a ring."""
    reached, edge = {second}, [second]
    links = [(i, j) for pair in structure.bonds for i, j in (pair, pair[::-1])]
    links = [link for link in links if set(link) != {first, second}]
    while edge:
        here = edge.pop()
        new = {j for i, j in links if i == here} - reached
        reached |= new
        edge += new
    return None if first in reached else np.array(sorted(reached))


def _straight(structure: Structure, atom: int, partner: int) -> bool:
    """Whether all neighbours of an atom lie on the line of its bond: nothing to turn."""
    axis = structure.positions[partner] - structure.positions[atom]
    for pair in structure.bonds:
        if atom in pair and partner not in pair:
            other = pair[0] + pair[1] - atom
            arm = structure.positions[other] - structure.positions[atom]
            sine = np.linalg.norm(np.cross(axis, arm))
            if sine > 0.1 * np.linalg.norm(axis) * np.linalg.norm(arm):
                return False
    return True
