r"""Energies and forces at any positions, aside from the run that is watched.

A probe has a Context of its own, so that asking it disturbs no cache of a running integrator.
"""

from collections.abc import Callable

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from openmm_innff.units import (
    ANGSTROM_TO_NM,
    EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM,
    KJ_PER_MOL_TO_EV,
)

Array = NDArray[np.float64]

STEP = 0.002
"""Displacement of central differences, angstrom. Of the stiffest bonds (50 eV/A^2) the force then
changes by 0.1 eV/A: far above rounding in single precision (1e-5), and the cubic terms of the
energy are still below 0.1 % of the force."""


class Probe:
    """Evaluates the forces of a System.

    Parameters
    ----------
    system
        The System.
    platform, properties
        Where to evaluate.
    """

    def __init__(
        self,
        system: openmm.System,
        platform: openmm.Platform,
        properties: dict[str, str] | None = None,
    ) -> None:
        self._context = openmm.Context(
            system, openmm.VerletIntegrator(0.001), platform, properties or {}
        )

    def __call__(self, positions: Array, groups: set[int] | None = None) -> tuple[float, Array]:
        """Return the energy (eV) and the forces (eV/angstrom), shape (n_atoms, 3).

        Parameters
        ----------
        positions
            Shape (n_atoms, 3), angstrom.
        groups
            Force groups; None: all.
        """
        self._context.setPositions(positions * ANGSTROM_TO_NM)
        chosen = -1 if groups is None else groups
        state = self._context.getState(energy=True, forces=True, groups=chosen)
        energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        forces = np.asarray(state.getForces(asNumpy=True)._value, dtype=np.float64)
        return energy * KJ_PER_MOL_TO_EV, forces / EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM

    def group(self, number: int) -> Callable[[Array], Array]:
        """Return the function that gives the forces of one group.

        Parameters
        ----------
        number
            Of the force group.
        """
        return lambda positions: self(positions, {number})[1]


def hessian_times(forces: Callable[[Array], Array], positions: Array, vector: Array) -> Array:
    """Product of the Hessian and a vector, by a central difference of forces.

    Parameters
    ----------
    forces
        Function of positions.
    positions
        Shape (n_atoms, 3), angstrom.
    vector
        Shape (n_atoms, 3); its largest element is displaced by ``STEP``.

    Returns
    -------
    ndarray, shape (n_atoms, 3)
        eV/angstrom^2 times the unit of the vector.
    """
    scale = STEP / float(np.abs(vector).max())
    ahead = forces(positions + scale * vector)
    back = forces(positions - scale * vector)
    return (back - ahead) / (2 * scale)


def energy_force_curvature(
    probe: Probe, positions: Array, random: np.random.Generator
) -> tuple[float, Array, Array]:
    r"""Energy, forces and an unbiased estimate of the Hessian's diagonal, by two evaluations.

    With random signs z (Rademacher), the mean of :math:`z_a (H z)_a` is :math:`H_{aa}`
    (Hutchinson 1990, doi:10.1080/03610919008812866). Energy and forces are means of both sides.

    Parameters
    ----------
    probe
        Of the System.
    positions
        Shape (n_atoms, 3), angstrom.
    random
        Source of the signs.

    Returns
    -------
    energy : float
        eV.
    forces : ndarray, shape (n_atoms, 3)
        eV/angstrom.
    curvature : ndarray, shape (n_atoms, 3)
        eV/angstrom^2.
    """
    signs = random.choice([-1.0, 1.0], size=positions.shape)
    energy_ahead, ahead = probe(positions + STEP * signs)
    energy_back, back = probe(positions - STEP * signs)
    curvature = signs * (back - ahead) / (2 * STEP)
    energy = (energy_ahead + energy_back) / 2 - STEP**2 / 2 * float(curvature.sum())
    return energy, (ahead + back) / 2, curvature
