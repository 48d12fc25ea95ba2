"""Minima, and structures drawn from the vibrations about them."""

import numpy as np
from ase.data import atomic_masses
from numpy.typing import NDArray
from scipy import optimize

from openmm_innff.sampling.forcefields import Forces
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, KB_EV_PER_K

FloatArray = NDArray[np.float64]
DISPLACEMENT = 0.01  # of finite differences, angstrom
SOFTEST = 0.019
"""Angular frequency in 1/fs (100 /cm) that softer modes are taken to have: straight lines along a
soft mode leave the path of a rotation about a bond soon."""
TRIALS = 20


def minimize(positions: FloatArray, force_field: Forces, force: float = 0.01) -> FloatArray:
    """Return the minimum of the energy near a structure, shape (N, 3), in angstrom.

    Parameters
    ----------
    positions : array, shape (N, 3)
        In angstrom.
    force_field : callable
        See `forcefields`.
    force : float
        On an atom, at the end, in eV/angstrom.
    """

    def flat(x: FloatArray) -> tuple[float, FloatArray]:
        energy, forces = force_field(x.reshape(-1, 3))
        return energy, -forces.ravel()

    options = {"gtol": force, "ftol": 1e-12, "maxiter": 400, "maxcor": 30}
    found = optimize.minimize(flat, positions.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(-1, 3)


def hessian(positions: FloatArray, force_field: Forces) -> FloatArray:
    """Return second derivatives by central differences of forces, shape (3N, 3N), eV/angstrom^2.

    Parameters
    ----------
    positions : array, shape (N, 3)
        In angstrom.
    force_field : callable
        See `forcefields`.
    """
    rows = []
    for atom, axis in np.ndindex(*positions.shape):
        forces = []
        for sign in (1, -1):
            moved = positions.copy()
            moved[atom, axis] += sign * DISPLACEMENT
            forces.append(force_field(moved)[1].ravel())
        rows.append((forces[1] - forces[0]) / (2 * DISPLACEMENT))
    found = np.array(rows)
    return 0.5 * (found + found.T)


def modes(molecule: Molecule, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return angular frequencies in 1/fs (negative if unstable), and modes as columns.

    Parameters
    ----------
    molecule : Molecule
    second : array, shape (3N, 3N)
        Second derivatives in eV/angstrom^2.

    Returns
    -------
    tuple of array, shapes (3N,) and (3N, 3N)
        Modes of mass-weighted positions, amu^1/2 angstrom in units where energy is eV.
    """
    weights = np.sqrt(np.repeat(atomic_masses[molecule.numbers], 3) * AMU_A2_PER_FS2_TO_EV)
    values, vectors = np.linalg.eigh(second / np.outer(weights, weights))
    return np.sign(values) * np.sqrt(np.abs(values)), vectors


def draw(
    molecule: Molecule,
    minimum: FloatArray,
    second: FloatArray,
    temperature: float,
    count: int,
    random: np.random.Generator,
) -> list[FloatArray]:
    """Return structures of the classical harmonic ensemble about a minimum, shapes (N, 3).

    Parameters
    ----------
    molecule : Molecule
    minimum : array, shape (N, 3)
        In angstrom.
    second : array, shape (3N, 3N)
        Second derivatives there.
    temperature : float
        In K.
    count : int
    random : numpy Generator

    Notes
    -----
    Along a mode of frequency w the mass-weighted displacement has variance kT/w^2. The six modes
    of rotation and translation are left out, and soft ones are made stiffer (`SOFTEST`). What has
    broken bonds is drawn again, up to `TRIALS` times.
    """
    frequencies, vectors = modes(molecule, second)
    weights = np.sqrt(np.repeat(atomic_masses[molecule.numbers], 3) * AMU_A2_PER_FS2_TO_EV)
    inner = np.argsort(np.abs(frequencies))[6:]
    spread = np.sqrt(KB_EV_PER_K * temperature) / np.maximum(np.abs(frequencies[inner]), SOFTEST)
    found: list[FloatArray] = []
    for _ in range(count * TRIALS):
        if len(found) == count:
            break
        amplitudes = spread * random.standard_normal(len(inner))
        moved = minimum + (vectors[:, inner] @ amplitudes / weights).reshape(-1, 3)
        if molecule.intact(moved):
            found.append(moved)
    return found
