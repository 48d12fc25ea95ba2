"""Looks after a run: finite numbers, a possible temperature, whole molecules."""

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app, unit

from openmm_innff.errors import SimulationError
from openmm_innff.simulation.outputs import Sample
from openmm_innff.units import ANGSTROM_TO_NM, KB_EV_PER_K


@dataclass(frozen=True, eq=False)
class Guard:
    """Limits beyond which a run counts as exploded.

    Parameters
    ----------
    bonds
        Pairs of bonded atoms, shape (n_bonds, 2).
    max_temperature
        K.
    max_bond
        Angstrom.
    """

    bonds: NDArray[np.int64]
    max_temperature: float
    max_bond: float

    @classmethod
    def of(
        cls,
        topology: app.Topology,
        max_temperature: float,
        max_bond: float,
        atoms: Set[int] | None = None,
    ) -> "Guard":
        """Guard the bonds of a topology.

        Parameters
        ----------
        topology
            Whose bonds to watch.
        max_temperature
            K.
        max_bond
            Angstrom.
        atoms
            Whose bonds; None: all.
        """
        bonds = [
            (first.index, second.index)
            for first, second in topology.bonds()
            if atoms is None or {first.index, second.index} <= atoms
        ]
        array = np.array(bonds, dtype=np.int64).reshape(-1, 2)
        return cls(array, max_temperature, max_bond)

    def check(
        self, sample: Sample, positions: NDArray[np.float64], box: NDArray[np.float64] | None
    ) -> None:
        """Raise an error if the run has exploded.

        Parameters
        ----------
        sample
            Energies and temperature.
        positions
            Shape (n_atoms, 3), nm.
        box
            Rows are the periodic box vectors, shape (3, 3), nm; None if isolated.

        Raises
        ------
        SimulationError
            Saying what was seen.
        """
        numbers = (sample.potential_eV, sample.kinetic_eV)
        if not (np.isfinite(numbers).all() and np.isfinite(positions).all()):
            raise SimulationError("an energy or a position is not a finite number")
        if sample.temperature_K > self.max_temperature:
            raise SimulationError(
                f"the temperature is {sample.temperature_K:.0f} K, "
                f"more than {self.max_temperature:g} K"
            )
        self._check_bonds(positions, box)

    def _check_bonds(self, positions: NDArray[np.float64], box: NDArray[np.float64] | None) -> None:
        if len(self.bonds) == 0:
            return
        vectors = positions[self.bonds[:, 0]] - positions[self.bonds[:, 1]]
        if box is not None:
            vectors -= np.round(vectors @ np.linalg.inv(box)) @ box
        lengths = np.linalg.norm(vectors, axis=1) / ANGSTROM_TO_NM
        worst = int(np.argmax(lengths))
        if lengths[worst] > self.max_bond:
            first, second = self.bonds[worst]
            raise SimulationError(
                f"the bond of atoms {first} and {second} is {lengths[worst]:.2f} angstrom long, "
                f"more than {self.max_bond:g}"
            )


def degrees_of_freedom(system: openmm.System) -> int:
    """Count the degrees of freedom that carry kinetic energy.

    Three for each atom with a mass, less the constraints, less three if the motion of the
    centre of mass is removed.

    Parameters
    ----------
    system
        The System.
    """
    massive = [
        bool(system.getParticleMass(i).value_in_unit(unit.dalton) > 0)
        for i in range(system.getNumParticles())
    ]
    constraints = sum(
        massive[system.getConstraintParameters(i)[0]]
        or massive[system.getConstraintParameters(i)[1]]
        for i in range(system.getNumConstraints())
    )
    removed = any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())
    return max(1, 3 * sum(massive) - int(constraints) - 3 * removed)


def temperature_of(kinetic_eV: float, freedom: int) -> float:
    """Temperature of a kinetic energy, K.

    Parameters
    ----------
    kinetic_eV
        Kinetic energy, eV.
    freedom
        Number of degrees of freedom.
    """
    return 2.0 * kinetic_eV / (freedom * KB_EV_PER_K)
