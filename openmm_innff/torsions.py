"""Torsions about the rotatable bonds of a molecule, and how two distributions of them differ."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np
from numpy.typing import NDArray

from openmm_innff.files import atomic_write

Array = NDArray[np.float64]
BINS = 36
_FULL = 360.0


@dataclass(frozen=True)
class Torsion:
    """A torsion.

    Parameters
    ----------
    name
        Of its four atoms.
    atoms
        Their indices.
    """

    name: str
    atoms: tuple[int, int, int, int]


def rotatable_torsions(
    topology: mdtraj.Topology, molecule: Sequence[int], bonds: Iterable[tuple[int, int]]
) -> list[Torsion]:
    """Find one torsion for each bond that turns: in no ring, and with neighbours at both ends.

    Parameters
    ----------
    topology
        With the names of all atoms.
    molecule
        Indices of its atoms.
    bonds
        Between them, as pairs of indices.
    """
    near: dict[int, list[int]] = {i: [] for i in molecule}
    for a, b in bonds:
        near[a].append(b)
        near[b].append(a)
    heavy_first = {
        i: sorted(others, key=lambda j: (topology.atom(j).element.symbol == "H", j))
        for i, others in near.items()
    }
    found = []
    for a in near:
        for b in (j for j in near[a] if j > a):
            first = next((i for i in heavy_first[a] if i != b), None)
            last = next((i for i in heavy_first[b] if i != a), None)
            if first is None or last is None or _in_ring(near, a, b):
                continue
            atoms = (first, a, b, last)
            found.append(Torsion("-".join(topology.atom(i).name for i in atoms), atoms))
    return found


def _in_ring(near: Mapping[int, Sequence[int]], a: int, b: int) -> bool:
    """Whether there is another way from a to b than their bond."""
    seen, open_ = {a}, [i for i in near[a] if i != b]
    while open_:
        here = open_.pop()
        if here == b:
            return True
        if here not in seen:
            seen.add(here)
            open_.extend(near[here])
    return False


def torsion_angles(trajectory: mdtraj.Trajectory, torsions: Sequence[Torsion]) -> Array:
    """Return angles in degrees from -180 to 180, shape (n_frames, n_torsions).

    Parameters
    ----------
    trajectory
        The frames.
    torsions
        Of its atoms.
    """
    angles = mdtraj.compute_dihedrals(trajectory, [torsion.atoms for torsion in torsions])
    return np.degrees(angles).astype(np.float64)


def distribution(angles: Array) -> Array:
    """Return the share of samples in each of `BINS` bins from -180 to 180 degrees.

    Parameters
    ----------
    angles
        Shape (n,), degrees.
    """
    counts, _ = np.histogram(angles, BINS, (-_FULL / 2, _FULL / 2))
    return counts / max(1, len(angles))


def similarity(first: Array, second: Array) -> float:
    """Return the share that two distributions have in common: 1 if they are the same.

    Parameters
    ----------
    first, second
        Of `distribution`.
    """
    return float(np.minimum(first, second).sum())


def save_angles(path: Path, torsions: Sequence[Torsion], angles: Array) -> None:
    """Write angles as CSV, a row for each frame.

    Parameters
    ----------
    path
        File to write, atomically.
    torsions, angles
        Their names, and their values in degrees.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([torsion.name for torsion in torsions])
    writer.writerows([f"{value:.2f}" for value in row] for row in angles)
    with atomic_write(path) as file:
        file.write(text.getvalue())


def load_angles(path: Path, torsions: Sequence[Torsion]) -> Array | None:
    """Read what `save_angles` wrote; None if there is none, or of other torsions.

    Parameters
    ----------
    path
        The CSV file.
    torsions
        That it shall hold.
    """
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    if head != [torsion.name for torsion in torsions]:
        return None
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(torsions))
