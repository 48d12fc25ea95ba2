"""Temperatures of the parts of a mixed System, as a run goes on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app

from openmm_innff.mixed.masses import is_water
from openmm_innff.simulation.outputs import append_line, cut_table
from openmm_innff.units import KB_EV_PER_K, KJ_PER_MOL_TO_EV
from openmm_innff.velocities import drift_velocities

TEMPERATURES = "temperatures.csv"


class Temperatures:
    """Writes the temperature of each part after each block.

    Degrees of freedom are three for each atom, less the constraints of the part, less its share by
    mass of those that a CMMotionRemover takes.

    Parameters
    ----------
    context
        Of the run.
    parts
        Indices of atoms by name.
    folder
        Of the run.
    """

    def __init__(
        self, context: openmm.Context, parts: Mapping[str, Sequence[int]], folder: Path
    ) -> None:
        self._context, self._path = context, folder / TEMPERATURES
        system = context.getSystem()
        n = system.getNumParticles()
        self._masses = np.array([system.getParticleMass(i)._value for i in range(n)])
        self._parts = {name: np.array(atoms, dtype=int) for name, atoms in parts.items()}
        self._freedom = {
            name: freedom(system, self._masses, set(atoms)) for name, atoms in parts.items()
        }

    def begin(self, stages: tuple[str, ...], stage: str, time_ps: float) -> None:
        """Start the table, or keep the rows before the place where a run goes on."""
        cut_table(self._path, ("stage", "time_ps", *self._parts), stages, stage, time_ps)

    def look(
        self,
        stage: str,
        block: int,
        time_ps: float,
        positions: NDArray[np.float64],
        box: NDArray[np.float64] | None,
    ) -> None:
        """Write the temperatures after a block."""
        v = drift_velocities(self._context)
        twice = self._masses * (v**2).sum(1) * KJ_PER_MOL_TO_EV
        cells = [
            f"{twice[atoms].sum() / (self._freedom[name] * KB_EV_PER_K):.3f}"
            for name, atoms in self._parts.items()
        ]
        append_line(self._path, [stage, f"{time_ps:.4f}", *cells])


def parts_of(topology: app.Topology, ligand: Sequence[int]) -> dict[str, list[int]]:
    """Name the parts of a mixed System: the ligand, the water, and the rest.

    Parameters
    ----------
    topology
        Of all atoms.
    ligand
        Indices of the atoms of the ligand.
    """
    own = set(ligand)
    water = [a.index for r in topology.residues() if is_water(r) for a in r.atoms()]
    water = [i for i in water if i not in own]
    taken = own | set(water)
    rest = [i for i in range(topology.getNumAtoms()) if i not in taken]
    parts = {"ligand": list(ligand), "rest": rest, "water": water}
    return {name: atoms for name, atoms in parts.items() if atoms}


def freedom(system: openmm.System, masses: NDArray[np.float64], atoms: set[int]) -> float:
    """Count the degrees of freedom of some atoms.

    Parameters
    ----------
    system
        With constraints, and maybe a CMMotionRemover.
    masses
        Of all atoms, amu, shape (n_atoms,).
    atoms
        Indices.
    """
    chosen = np.array(sorted(atoms), dtype=int)
    constraints = 0.0
    for i in range(system.getNumConstraints()):
        first, second, _ = system.getConstraintParameters(i)
        constraints += ((first in atoms) + (second in atoms)) / 2
    removed = any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())
    share = masses[chosen].sum() / masses.sum()
    return float(max(1.0, 3 * (masses[chosen] > 0).sum() - constraints - 3 * removed * share))
