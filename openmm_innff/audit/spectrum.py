r"""How stiff a part of the forces is, and the bound that this puts on its time step.

The mass-weighted Hessian :math:`M^{-1/2} H M^{-1/2}` of one force group has the squared angular
frequencies as eigenvalues. A kick-drift scheme of step h is stable for a frequency omega only if
:math:`h < 2/\omega` (Leimkuhler and Matthews 2015, doi:10.1007/978-3-319-16375-8). Kicks of a
slow force at half the period of a fast vibration resonate with it: :math:`h < \pi/\omega`
(Ma, Izaguirre and Skeel 2003, doi:10.1137/S1064827501399833).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray

from openmm_innff.audit.probe import Probe, hessian_times
from openmm_innff.forces import FAST, SLOW
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM

Array = NDArray[np.float64]

LAGS_FS = (1.0, 2.0, 4.0, 6.0)
_PER_FS_TO_PER_CM = 1e15 / (2 * math.pi * 2.99792458e10)


@dataclass(frozen=True)
class Stiffness:
    """Largest frequencies of the two parts, and what follows for the steps.

    Parameters
    ----------
    fast_per_cm, slow_per_cm
        Highest wavenumbers, 1/cm.
    slow_bound_fs
        2/omega of the slow part: kicks further apart are unstable.
    resonance_fs
        Half the period of the highest fast vibration.
    """

    fast_per_cm: float
    slow_per_cm: float
    slow_bound_fs: float
    resonance_fs: float


def largest_eigenvalue(
    times: Callable[[Array], Array], size: int, iterations: int = 40, seed: int = 0
) -> float:
    """Largest eigenvalue of a symmetric matrix, by Lanczos' method.

    All vectors are kept orthogonal to each other, since central differences have noise.

    Parameters
    ----------
    times
        Product of the matrix and a vector of shape (size,).
    size
        Of the matrix.
    iterations
        Products at most; fewer if the matrix is smaller.
    seed
        Of the first vector.
    """
    vector = np.random.default_rng(seed).normal(size=size)
    basis = np.zeros((0, size))
    diagonal: list[float] = []
    beside: list[float] = []
    norm = float(np.linalg.norm(vector))
    for _ in range(min(iterations, size)):
        basis = np.vstack([basis, vector / norm])
        product = times(basis[-1])
        diagonal.append(float(basis[-1] @ product))
        vector = product - basis.T @ (basis @ product)
        vector -= basis.T @ (basis @ vector)
        norm = float(np.linalg.norm(vector))
        if norm < 1e-9 * max(map(abs, diagonal)):
            break
        beside.append(norm)
    beside = beside[: len(diagonal) - 1]
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    return float(np.linalg.eigvalsh(matrix)[-1])


def highest_frequency(
    forces: Callable[[Array], Array], positions: Array, masses: Array, iterations: int = 40
) -> float:
    """Highest angular frequency of a force at some positions, 1/fs; 0 if nothing binds.

    Parameters
    ----------
    forces
        eV/angstrom as a function of positions.
    positions
        Shape (n_atoms, 3), angstrom.
    masses
        Shape (n_atoms,), amu, above zero.
    iterations
        Products with the Hessian; each costs two evaluations.
    """
    weights = np.repeat(1 / np.sqrt(masses * AMU_A2_PER_FS2_TO_EV), 3)

    def times(vector: Array) -> Array:
        product = hessian_times(forces, positions, (weights * vector).reshape(-1, 3))
        return weights * product.ravel()

    return math.sqrt(max(0.0, largest_eigenvalue(times, positions.size, iterations)))


def stiffness(
    probe: Probe, frames: Array, masses: Array, fast: int = FAST, slow: int = SLOW
) -> Stiffness:
    """Highest frequencies of both parts, the largest over some frames.

    Parameters
    ----------
    probe
        Of the System.
    frames
        Positions, shape (n_frames, n_atoms, 3), angstrom.
    masses
        Shape (n_atoms,), amu.
    fast, slow
        Force groups.
    """
    highest = [
        max(highest_frequency(probe.group(group), frame, masses) for frame in frames)
        for group in (fast, slow)
    ]
    per_fast, per_slow = (1 / omega if omega > 0 else math.inf for omega in highest)
    wavenumbers = [omega * _PER_FS_TO_PER_CM for omega in highest]
    return Stiffness(wavenumbers[0], wavenumbers[1], 2 * per_slow, math.pi * per_fast)


def slow_changes(
    context: openmm.Context, step_fs: float, slow: int = SLOW, length_fs: float = 40.0
) -> list[float]:
    """RMS of the slow force and of its change over each of `LAGS_FS`, eV/angstrom.

    Parameters
    ----------
    context
        With a short step, positions and velocities; moves on by ``length_fs``.
    step_fs
        Its step; the lags are whole multiples of it.
    slow
        Force group.
    length_fs
        Length of the run.
    """
    forces = []
    for _ in range(round(length_fs / step_fs) + 1):
        found = context.getState(forces=True, groups={slow}).getForces(asNumpy=True)
        forces.append(found._value)
        context.getIntegrator().step(1)
    path = np.array(forces) / EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM
    changes = [float(np.sqrt(np.mean(path**2)))]
    for lag in LAGS_FS:
        n = round(lag / step_fs)
        changes.append(float(np.sqrt(np.mean((path[n:] - path[:-n]) ** 2))))
    return changes
