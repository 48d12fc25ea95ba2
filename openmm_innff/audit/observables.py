r"""Static observables of a recorded run, each with its error.

**Configurational temperature** of any set of coordinates a, whatever the energy U:

.. math:: k T = \langle \textstyle\sum_a F_a^2 \rangle / \langle \sum_a \partial_a^2 U \rangle

(Rugh 1997, doi:10.1103/PhysRevLett.78.772; Butler et al. 1998, doi:10.1063/1.477301). It sees a
wrong distribution of the positions, which a kinetic temperature does not, and its exact value is
known: the bath's.

**Bond and angle energies**: of each kind of bond or angle q, with a harmonic constant k and rest
value q0 fitted on a reference run so that its mean energy k <(q - q0)^2> / 2 is exactly kT/2,

.. math:: E = \tfrac{kT}{2} \langle (q - q_0)^2 \rangle / \langle (q - q_0)^2 \rangle_\mathrm{ref}

Given here is the mean square deviation; the ratio of two runs is the ratio of their energies.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import mdtraj
import numpy as np
from numpy.typing import NDArray
from openmm import app

from openmm_innff.analysis import RadialDistribution, radial_distribution
from openmm_innff.audit.sampling import Record, Species
from openmm_innff.statistics import Mean, mean_with_error, ratio_with_error
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, ANGSTROM_TO_NM, KB_EV_PER_K

Array = NDArray[np.float64]

_RDF_EVERY_FS = 100.0


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Bonds and angles of a topology by kind, such as "H-O" and "H-O-H".

    Parameters
    ----------
    kinds
        Atoms of each, shape (n, 2) or (n, 3); the middle one is the vertex.
    """

    kinds: dict[str, NDArray[np.int64]]


def find_coordinates(topology: app.Topology) -> Coordinates:
    """Find bonds and angles from the bonds of a topology.

    Parameters
    ----------
    topology
        Atoms with elements, and bonds.
    """
    symbols = [atom.element.symbol for atom in topology.atoms()]
    neighbours: list[list[int]] = [[] for _ in symbols]
    found: dict[str, list[tuple[int, ...]]] = {}

    def add(*atoms: int) -> None:
        ordered = atoms if symbols[atoms[0]] <= symbols[atoms[-1]] else atoms[::-1]
        found.setdefault("-".join(symbols[i] for i in ordered), []).append(ordered)

    for first, second in topology.bonds():
        add(first.index, second.index)
        neighbours[first.index].append(second.index)
        neighbours[second.index].append(first.index)
    for vertex, around in enumerate(neighbours):
        for i, first_atom in enumerate(around):
            for second_atom in around[i + 1 :]:
                add(first_atom, vertex, second_atom)
    return Coordinates({kind: np.array(atoms) for kind, atoms in found.items()})


def values_of(positions: Array, atoms: NDArray[np.int64]) -> Array:
    """Lengths (angstrom) of bonds, or angles (degrees), of whole molecules.

    Parameters
    ----------
    positions
        Shape (n_samples, n_atoms, 3), angstrom.
    atoms
        Shape (n, 2) or (n, 3).

    Returns
    -------
    ndarray, shape (n_samples, n)
    """
    ends = positions[:, atoms[:, 0]] - positions[:, atoms[:, 1]]
    length = np.linalg.norm(ends, axis=-1)
    if atoms.shape[1] == 2:
        return np.asarray(length)
    others = positions[:, atoms[:, 2]] - positions[:, atoms[:, 1]]
    cosine = (ends * others).sum(axis=-1) / (length * np.linalg.norm(others, axis=-1))
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def kinetic_temperature(velocities: Array, masses: Array, removed: float = 0.0) -> Array:
    """Kinetic temperature of some atoms, K, shape (n_samples,).

    Parameters
    ----------
    velocities
        Shape (n_samples, n_atoms, 3), angstrom/fs.
    masses
        Shape (n_atoms,), amu.
    removed
        Degrees of freedom that have no kinetic energy.
    """
    twice = AMU_A2_PER_FS2_TO_EV * np.einsum("i,sia->s", masses, np.square(velocities))
    return np.asarray(twice / ((3 * len(masses) - removed) * KB_EV_PER_K))


def configurational_temperature(squares: Array, curvatures: Array) -> Mean:
    """Compute a configurational temperature, K.

    Parameters
    ----------
    squares
        Squared force along the run, shape (n_samples,), (eV/angstrom)^2.
    curvatures
        Laplacian of the energy, same shape, eV/angstrom^2.
    """
    found = ratio_with_error(squares, curvatures)
    return Mean(found.value / KB_EV_PER_K, found.error / KB_EV_PER_K)


def temperatures(record: Record, species: Species, centre_removed: bool) -> dict[str, Mean]:
    """Kinetic and configurational temperatures of all atoms and of each element, K.

    Parameters
    ----------
    record, species, centre_removed
        As for `kinetic_temperatures`.
    """
    kinetic = kinetic_temperatures(record, species, centre_removed)
    configurational = configurational_temperatures(record, species)
    return {
        **{f"kinetic temperature {name}": mean for name, mean in kinetic.items()},
        **{f"configurational temperature {name}": mean for name, mean in configurational.items()},
    }


def kinetic_temperatures(record: Record, species: Species, centre_removed: bool) -> dict[str, Mean]:
    """Compute kinetic temperatures of all atoms and of each element, K.

    Parameters
    ----------
    record
        Of a run.
    species
        Elements of its atoms.
    centre_removed
        Whether the motion of the centre of mass is removed. Its three degrees of freedom are then
        taken from the elements by their part of the mass.
    """
    found = {}
    total_mass = species.masses.sum()
    sets = [("all", np.ones(len(species.masses)))]
    if len(species.symbols) > 1:
        sets += list(zip(species.symbols, species.member, strict=True))
    for name, member in sets:
        chosen = member > 0
        masses = species.masses[chosen]
        removed = 3 * float(masses.sum() / total_mass) if centre_removed else 0.0
        kinetic = kinetic_temperature(record.drift_velocities[:, chosen], masses, removed)
        found[name] = mean_with_error(kinetic)
    return found


def configurational_temperatures(record: Record, species: Species) -> dict[str, Mean]:
    """Compute configurational temperatures of all atoms and of each element, K.

    Parameters
    ----------
    record, species
        As for `kinetic_temperatures`.
    """
    names = ["all", *(species.symbols if len(species.symbols) > 1 else ())]
    found = {}
    for name in names:
        part = slice(None) if name == "all" else [species.symbols.index(name)]
        found[name] = configurational_temperature(
            record.squares[:, part].sum(axis=1), record.curvatures[:, part].sum(axis=1)
        )
    return found


def bonded(
    record: Record, coordinates: Coordinates, rest: Mapping[str, float] | None = None
) -> tuple[dict[str, Mean], dict[str, Mean]]:
    """Mean value, and mean square deviation from the rest value, of each kind of bond and angle.

    Parameters
    ----------
    record
        Of a run.
    coordinates
        Bonds and angles.
    rest
        Rest values by kind: the means of the reference run. None: those of this one.

    Returns
    -------
    means, deviations : dict of Mean
        Angstrom or degrees, and their squares.
    """
    means, deviations = {}, {}
    for kind, atoms in coordinates.kinds.items():
        values = values_of(record.positions, atoms)
        means[kind] = mean_with_error(values.mean(axis=1))
        centre = means[kind].value if rest is None else rest[kind]
        deviations[kind] = mean_with_error(np.square(values - centre).mean(axis=1))
    return means, deviations


def radial_distributions(
    record: Record, topology: app.Topology, r_max: float | None = None
) -> list[RadialDistribution]:
    """Compute g(r) of all pairs of elements, with errors; none without a box.

    Parameters
    ----------
    record
        Of a run.
    topology
        Atoms, bonds and box.
    r_max
        Angstrom; None: half the box.
    """
    box = topology.getPeriodicBoxVectors()
    if box is None:
        return []
    every = max(1, round(_RDF_EVERY_FS / record.sample_fs))
    positions = record.positions[::every] * ANGSTROM_TO_NM
    frames = mdtraj.Trajectory(positions, mdtraj.Topology.from_openmm(topology))
    frames.unitcell_vectors = np.tile(np.array(box._value, dtype=float), (len(positions), 1, 1))
    symbols = sorted({atom.element.symbol for atom in topology.atoms()})
    pairs = [f"{a}-{b}" for i, a in enumerate(symbols) for b in symbols[i:]]
    return [radial_distribution(frames, pair, r_max) for pair in pairs]
