"""Where structures of a molecule come from: minima, their vibrations, dihedral angles, heat."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import SimulationError
from openmm_innff.sampling import dynamics, modes
from openmm_innff.sampling.conformers import conformers, scan
from openmm_innff.sampling.dynamics import Trajectory
from openmm_innff.sampling.forcefields import Forces
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.sampling.selection import without_doubles

FloatArray = NDArray[np.float64]
Tell = Callable[[int, int], None]
"""Called with how much is done, and of how much."""
MOST_CONFORMERS = 10
SCANNED = np.arange(-180.0, 180.0, 30.0)
PER_RUN, INTERVAL, SETTLE = 25, 20.0, 100.0
"""Of a run of dynamics: frames, and fs between them and before the first."""


def _silent(done: int, total: int) -> None:
    """Tell nobody."""


def minima(
    molecule: Molecule,
    force_field: Forces,
    most: int = MOST_CONFORMERS,
    seed: int = 0,
    tell: Tell = _silent,
) -> list[FloatArray]:
    """Return the minima that conformers lead to, the given structure's first, shapes (N, 3).

    Parameters
    ----------
    molecule : Molecule
    force_field : callable
        See `forcefields`.
    most : int
        Conformers at most.
    seed : int
    tell : callable
        Called after each conformer.

    Raises
    ------
    SimulationError
        If none of them is this molecule.
    """
    found, fault = [], ""
    guesses = conformers(molecule, most, seed)
    for number, guess in enumerate(guesses):
        relaxed = modes.minimize(guess, force_field)
        fault = molecule.fault(relaxed)
        if not fault:
            found.append(relaxed)
        tell(number + 1, len(guesses))
    if not found:
        raise SimulationError(
            f"molecule: every structure of {molecule.smiles!r} goes over into another molecule "
            f"({fault}); is it stable alone, with charge {molecule.charge:+d}?"
        )
    return [found[i] for i in without_doubles(found)]


def vibrations(
    molecule: Molecule,
    bottoms: Sequence[FloatArray],
    force_field: Forces,
    temperatures: Sequence[float],
    count: int,
    random: np.random.Generator,
    tell: Tell = _silent,
) -> list[FloatArray]:
    """Return about so many structures drawn from the normal modes of minima, shapes (N, 3).

    Parameters
    ----------
    molecule : Molecule
    bottoms : sequence of array, shape (N, 3)
        Minima, in angstrom.
    force_field : callable
        See `forcefields`.
    temperatures : sequence of float
        In K; as many of each.
    count : int
    random : numpy Generator
    tell : callable
        Called after each minimum.
    """
    found: list[FloatArray] = []
    each = -(-count // (len(bottoms) * len(temperatures)))
    for number, minimum in enumerate(bottoms):
        second = modes.hessian(minimum, force_field)
        for temperature in temperatures:
            found += modes.draw(molecule, minimum, second, temperature, each, random)
        tell(number + 1, len(bottoms))
    return found


def turned(molecule: Molecule, most: int) -> list[FloatArray]:
    """Return structures along dihedral angles, relaxed by MMFF94, shapes (N, 3).

    Parameters
    ----------
    molecule : Molecule
    most : int
        Angles at most.
    """
    found: list[FloatArray] = []
    for torsion in molecule.torsions[:most]:
        found += [p for p in scan(molecule, torsion, SCANNED) if p is not None]
    return [found[i] for i in without_doubles(found)]


def heated(
    molecule: Molecule,
    bottoms: Sequence[FloatArray],
    force_field: Forces,
    temperatures: Sequence[float],
    number: int,
    seed: int,
) -> Trajectory:
    """Return one of many short runs of dynamics: its number says where it starts and how hot it is.

    Parameters
    ----------
    molecule : Molecule
    bottoms : sequence of array, shape (N, 3)
        Minima, in angstrom.
    force_field : callable
        See `forcefields`.
    temperatures : sequence of float
        In K, taken in turn.
    number : int
    seed : int
        Of all runs.
    """
    turn, which = divmod(number, len(temperatures))
    return dynamics.run(
        molecule, bottoms[turn % len(bottoms)], force_field, temperatures[which],
        frames=PER_RUN, interval_fs=INTERVAL, settle_fs=SETTLE, seed=100_000 * (seed + 1) + number,
    )  # fmt: skip
