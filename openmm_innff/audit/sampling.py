"""Watches a run: positions, velocities and configurational temperature along the way."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from openmm_innff.audit.probe import Probe, energy_force_curvature
from openmm_innff.errors import SimulationError
from openmm_innff.middle import steps_per_outer
from openmm_innff.units import (
    AMU_A2_PER_FS2_TO_EV,
    ANGSTROM_TO_NM,
    FS_TO_PS,
    KB_EV_PER_K,
    NM_TO_ANGSTROM,
)

Array = NDArray[np.float64]

SAMPLE_FS = 20.0
_TOO_HOT = 5.0
"""A run this many times hotter than its bath has exploded."""


@dataclass(frozen=True, eq=False)
class Record:
    """What was seen along a run, in the package's units.

    Parameters
    ----------
    sample_fs
        Time between two samples.
    positions
        Shape (n_samples, n_atoms, 3), angstrom, never wrapped into the box.
    drift_velocities
        Velocities before the last kick of a step, same shape, angstrom/fs; see `sample_run`.
    squares, curvatures
        Squared force, (eV/angstrom)^2, and estimated diagonal of the Hessian, eV/angstrom^2,
        summed over the atoms of each element, shape (n_samples, n_elements).
    energies
        Potential energy, shape (n_samples,), eV.
    velocity_fs
        Time between two rows of ``velocities``.
    velocities
        Shape (n, n_atoms, 3), angstrom/fs, single precision.
    """

    sample_fs: float
    positions: Array
    drift_velocities: Array
    squares: Array
    curvatures: Array
    energies: Array
    velocity_fs: float
    velocities: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Species:
    """Atoms by element.

    Parameters
    ----------
    symbols
        Of the elements.
    member
        Shape (n_elements, n_atoms), 1 where an atom is of the element.
    masses
        Shape (n_atoms,), amu.
    """

    symbols: tuple[str, ...]
    member: Array
    masses: Array


def sample_run(
    context: openmm.Context,
    probe: Probe,
    species: Species,
    *,
    outer_fs: float,
    inner_fs: float,
    length_ps: float,
    temperature: float,
    velocity_fs: float = 2.0,
    seed: int = 0,
    too_hot: float = _TOO_HOT,
    on_sample: Callable[[float], None] = lambda ps: None,
) -> Record:
    """Run a Context and record what the observables need.

    Kinetic temperatures are taken from the velocities with which the atoms drift, before the last
    half kick: it is those, not the velocities after it, that are distributed as they should be
    when the positions are (Leimkuhler and Matthews 2013, doi:10.1093/amrx/abs010). The kick is
    known from the integrator's own variables, so nothing is evaluated; an integrator that has
    none is taken at its word.

    Parameters
    ----------
    context
        With positions and velocities.
    probe
        Of the System in the Context; asked twice for each sample.
    species
        Elements of the atoms.
    outer_fs, inner_fs
        Steps of its integrator.
    length_ps
        Length of the run.
    temperature
        Of the bath, K.
    velocity_fs
        At least this time between two recorded velocities.
    seed
        Of the signs of Hutchinson's estimator.
    too_hot
        A run this many times hotter than its bath has exploded.
    on_sample
        Called after each sample with the time done, ps. May raise to stop the run.

    Raises
    ------
    SimulationError
        If the run explodes.
    """
    integrator = context.getIntegrator()
    every = max(1, int(np.ceil(velocity_fs / outer_fs - 1e-9)))
    per_sample = max(1, round(SAMPLE_FS / (every * outer_fs)))
    sample_fs = per_sample * every * outer_fs
    random = np.random.default_rng(seed)
    positions, drifts, squares, curvatures, energies = [], [], [], [], []
    velocities = []
    for k in range(max(2, round(length_ps / (sample_fs * FS_TO_PS)))):
        try:
            for _ in range(per_sample):
                integrator.step(every * steps_per_outer(integrator))
                now = context.getState(velocities=True).getVelocities(asNumpy=True)._value
                velocities.append((now * NM_TO_ANGSTROM * FS_TO_PS).astype(np.float32))
        except openmm.OpenMMException as error:
            raise SimulationError(f"the run exploded: {' '.join(str(error).split())}") from error
        where = context.getState(positions=True).getPositions(asNumpy=True)
        positions.append(np.asarray(where.value_in_unit(unit.angstrom)))
        drift = velocities[-1] - _last_kick(integrator, species.masses, outer_fs, inner_fs)
        _check(drift, species, temperature, positions[-1], too_hot)
        drifts.append(drift)
        energy, force, curvature = energy_force_curvature(probe, positions[-1], random)
        squares.append(species.member @ (force**2).sum(axis=1))
        curvatures.append(species.member @ curvature.sum(axis=1))
        energies.append(energy)
        on_sample((k + 1) * sample_fs * FS_TO_PS)
    return Record(
        sample_fs,
        np.array(positions),
        np.array(drifts),
        np.array(squares),
        np.array(curvatures),
        np.array(energies),
        every * outer_fs,
        np.array(velocities),
    )


def _last_kick(
    integrator: openmm.Integrator, masses: Array, outer_fs: float, inner_fs: float
) -> Array | float:
    """Change of the velocities by the last half kick, angstrom/fs."""
    names = []
    if isinstance(integrator, openmm.CustomIntegrator):
        names = [
            integrator.getPerDofVariableName(i) for i in range(integrator.getNumPerDofVariables())
        ]
    if not {"fast", "slow"} <= set(names):
        return 0.0
    fast, slow = (
        np.array(integrator.getPerDofVariableByName(name), dtype=np.float64)
        for name in ("fast", "slow")
    )
    nm_per_ps = 0.5 * FS_TO_PS * (outer_fs * slow + inner_fs * fast) / masses[:, None]
    return nm_per_ps * NM_TO_ANGSTROM * FS_TO_PS


def _check(
    velocities: Array, species: Species, temperature: float, positions: Array, too_hot: float
) -> None:
    twice = AMU_A2_PER_FS2_TO_EV * float((species.masses[:, None] * velocities**2).sum())
    found = twice / (velocities.size * KB_EV_PER_K)
    # "not <" is also true of what is not a number.
    if not found < too_hot * temperature or not np.isfinite(positions).all():
        raise SimulationError(f"the run exploded: {found:.0f} K in a bath of {temperature:g} K")


def species_of(system: openmm.System, symbols: list[str]) -> Species:
    """Sort the atoms of a System by element.

    Parameters
    ----------
    system
        With masses.
    symbols
        Of each atom.
    """
    names = tuple(sorted(set(symbols)))
    member = np.array([[float(symbol == name) for symbol in symbols] for name in names])
    masses = [system.getParticleMass(i)._value for i in range(system.getNumParticles())]
    return Species(names, member, np.array(masses, dtype=np.float64))


def put(context: openmm.Context, positions: Array, velocities: Array) -> None:
    """Set positions (angstrom) and velocities (angstrom/fs)."""
    context.setPositions(positions * ANGSTROM_TO_NM)
    context.setVelocities(velocities * ANGSTROM_TO_NM / FS_TO_PS)
