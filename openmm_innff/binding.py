r"""A molecule in its site along a trajectory: where it is, and what holds it there.

The site is what surrounds the molecule in the first frame, waters and ions apart. Frames are
superposed on its heavy atoms, so that what remains is motion of the molecule within the site.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from numpy.typing import NDArray

from openmm_innff.errors import DataError
from openmm_innff.files import atomic_write
from openmm_innff.units import NM_TO_ANGSTROM

Array = NDArray[np.float64]

REACH = 8.0
"""Distance from the molecule within which atoms belong to its site, angstrom."""

NEAREST = 5
"""Residues whose distance from the molecule is followed."""

_FEWEST = 4
_COULOMB = 138.93545764438198  # kJ nm / (mol e^2)


@dataclass(frozen=True, eq=False)
class SiteCourse:
    """A molecule in its site, frame by frame.

    Parameters
    ----------
    time
        In ps, shape (n_frames,).
    rmsd
        Root-mean-square distance of its heavy atoms from where they are in the first frame,
        angstrom. Atoms are not exchanged, so a symmetric molecule that turns counts as moved.
    displacement
        Distance of its centre from where it is in the first frame, angstrom.
    coulomb, lennard_jones
        Energy between it and everything else in the force field, by pairs and without a cutoff,
        kJ/mol. None without a force field.
    distances
        By name, angstrom: from the molecule's centre to that of its site, and between the closest
        heavy atoms of the molecule and of each of the residues nearest to it.
    """

    time: Array
    rmsd: Array
    displacement: Array
    coulomb: Array | None = None
    lennard_jones: Array | None = None
    distances: Mapping[str, Array] = field(default_factory=dict)

    def columns(self) -> dict[str, Array]:
        """Return what there is by name, with its unit."""
        found = {
            "time_ps": self.time,
            "rmsd_angstrom": self.rmsd,
            "displacement_angstrom": self.displacement,
            "coulomb_kJ_per_mol": self.coulomb,
            "lennard_jones_kJ_per_mol": self.lennard_jones,
            **{f"{k.replace(' ', '_')}_angstrom": values for k, values in self.distances.items()},
        }
        return {name: values for name, values in found.items() if values is not None}


def site_of(trajectory: mdtraj.Trajectory, molecule: Sequence[int]) -> NDArray[np.int64]:
    """Find the heavy atoms around a molecule in the first frame, waters and ions apart.

    Parameters
    ----------
    trajectory
        Its topology must have bonds.
    molecule
        Indices of its atoms.
    """
    own = set(molecule)
    others = [
        atom.index
        for found in trajectory.topology.find_molecules()
        if len(found) > _FEWEST
        for atom in found
        if atom.index not in own and atom.element.symbol not in ("H", "VS")
    ]
    near = mdtraj.compute_neighbors(
        trajectory[0], REACH / NM_TO_ANGSTROM, np.array(molecule), np.array(others, dtype=int)
    )[0]
    return np.sort(near).astype(np.int64)


def site_course(
    trajectory: mdtraj.Trajectory,
    molecule: Sequence[int],
    frame_interval_ps: float,
    system: openmm.System | None = None,
) -> SiteCourse:
    """Follow a molecule in its site.

    Parameters
    ----------
    trajectory
        Molecules must be whole, but may be in any image of the box.
    molecule
        Indices of its atoms.
    frame_interval_ps
        Time between frames.
    system
        The force field of all atoms, for energies.

    Raises
    ------
    DataError
        If nothing surrounds the molecule.
    """
    site = site_of(trajectory, molecule)
    if len(site) < _FEWEST:
        raise DataError(
            f"molecule: wanted a site of at least {_FEWEST} heavy atoms within {REACH:g} angstrom, "
            f"found {len(site)}"
        )
    heavy = [i for i in molecule if trajectory.topology.atom(i).element.symbol != "H"]
    where = _in_site(trajectory, heavy, site)
    away = where - where[0]
    coulomb, lennard_jones = (
        (None, None) if system is None else interaction_energy(trajectory, molecule, system)
    )
    return SiteCourse(
        time=frame_interval_ps * np.arange(1, trajectory.n_frames + 1),
        rmsd=np.sqrt((away**2).sum(2).mean(1)),
        displacement=np.linalg.norm(away.mean(1), axis=1),
        coulomb=coulomb,
        lennard_jones=lennard_jones,
        distances=key_distances(trajectory, heavy, site),
    )


def key_distances(
    trajectory: mdtraj.Trajectory, heavy: Sequence[int], site: NDArray[np.int64]
) -> dict[str, Array]:
    """Follow the distances of a molecule from its site and from its nearest residues.

    Parameters
    ----------
    trajectory
        The frames.
    heavy
        Indices of the molecule's heavy atoms.
    site
        Those of its site.

    Returns
    -------
    dict of array
        By name, shape (n_frames,), angstrom.
    """
    own, around = _in_site(trajectory, heavy, site), _in_site(trajectory, list(site), site)
    centres = own.mean(1) - around.mean(1)
    found = {"site centre": np.linalg.norm(centres, axis=1)}
    residues: dict[str, list[int]] = {}
    for k, i in enumerate(site):
        residue = trajectory.topology.atom(i).residue
        residues.setdefault(f"{residue.name} {residue.resSeq}", []).append(k)
    closest = {
        name: np.linalg.norm(own[:, :, None] - around[:, None, of], axis=3).min((1, 2))
        for name, of in residues.items()
    }
    nearest = sorted(closest, key=lambda name: float(closest[name].mean()))[:NEAREST]
    return found | {name: closest[name] for name in nearest}


def interaction_energy(
    trajectory: mdtraj.Trajectory, molecule: Sequence[int], system: openmm.System
) -> tuple[Array, Array]:
    """Sum the pairs of a molecule with all other atoms, in their closest images.

    Parameters
    ----------
    trajectory
        The frames.
    molecule
        Indices of its atoms.
    system
        With a NonbondedForce that knows charges and Lennard-Jones parameters of all atoms.

    Returns
    -------
    tuple of array
        Coulomb and Lennard-Jones energies, each of shape (n_frames,), kJ/mol.

    Raises
    ------
    DataError
        If there is no NonbondedForce.
    """
    force = next((f for f in system.getForces() if isinstance(f, openmm.NonbondedForce)), None)
    if force is None:
        raise DataError("system: wanted a NonbondedForce with charges, found none")
    n = force.getNumParticles()
    charge, sigma, epsilon = np.array(
        [[value._value for value in force.getParticleParameters(i)] for i in range(n)]
    ).T
    others = np.setdiff1d(np.arange(n), molecule)
    first, second = (grid.ravel() for grid in np.meshgrid(molecule, others, indexing="ij"))
    charges = _COULOMB * charge[first] * charge[second]
    radius = (sigma[first] + sigma[second]) / 2
    depth = np.sqrt(epsilon[first] * epsilon[second])
    pairs, found = np.column_stack([first, second]), []
    for frame in trajectory:
        r = mdtraj.compute_distances(frame, pairs)[0].astype(float)
        ratio = (radius / r) ** 6
        found.append(((charges / r).sum(), (4 * depth * (ratio**2 - ratio)).sum()))
    coulomb, lennard_jones = np.array(found).T
    return coulomb, lennard_jones


def save_course(course: SiteCourse, path: Path) -> None:
    """Write a course as CSV.

    Parameters
    ----------
    course
        As found.
    path
        File to write, atomically.
    """
    columns = course.columns()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [f"{value:.4f}" for value in row] for row in np.column_stack([*columns.values()])
    )
    with atomic_write(path) as file:
        file.write(text.getvalue())


def _in_site(trajectory: mdtraj.Trajectory, atoms: Sequence[int], site: NDArray[np.int64]) -> Array:
    """Return positions (n_frames, n_atoms, 3) of atoms in the frame of the site, angstrom."""
    x = trajectory.xyz.astype(float) * NM_TO_ANGSTROM
    frame, own = x[:, site], x[:, atoms]
    if trajectory.unitcell_vectors is not None:
        boxes = trajectory.unitcell_vectors.astype(float) * NM_TO_ANGSTROM
        frame = frame - _image(frame - frame[:, :1], boxes)
        apart = own.mean(1, keepdims=True) - frame.mean(1, keepdims=True)
        own = own - _image(apart, boxes)
    reference = frame[0] - frame[0].mean(0)
    where = np.empty_like(own)
    for k, (around, here) in enumerate(zip(frame, own, strict=True)):
        centre = around.mean(0)
        u, _, vt = np.linalg.svd((around - centre).T @ reference)
        turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
        where[k] = (here - centre) @ turn
    return where


def _image(vectors: Array, boxes: Array) -> Array:
    """Return the box vectors by which some vectors (n_frames, n, 3) are not the shortest."""
    return np.round(vectors @ np.linalg.inv(boxes)) @ boxes
