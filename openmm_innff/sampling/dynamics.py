"""Langevin dynamics that stops where a molecule breaks."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmm_innff.sampling.forcefields import Forces
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, KB_EV_PER_K

FloatArray = NDArray[np.float64]
STEP_FS = 1.0
FRICTION = 0.02  # 1/fs
WILD_FORCE = 60.0
"""On an atom, eV/angstrom: beyond it a trajectory has left all sense."""


@dataclass
class Trajectory:
    """Frames of one run.

    Attributes
    ----------
    frames : list of array, shape (N, 3)
        In angstrom.
    temperatures : list of float
        Of the atoms' motion in each frame, in K.
    energies : list of float
        In eV.
    forces : list of array, shape (N, 3)
        In eV/angstrom.
    fs : float
        How long it was.
    broken : str
        Why it stopped early; empty if it did not.
    """

    frames: list[FloatArray] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    energies: list[float] = field(default_factory=list)
    forces: list[FloatArray] = field(default_factory=list)
    fs: float = 0.0
    broken: str = ""


def run(
    molecule: Molecule,
    positions: FloatArray,
    force_field: Forces,
    temperature: float,
    *,
    frames: int,
    interval_fs: float,
    settle_fs: float,
    seed: int,
    step_fs: float = STEP_FS,
    watch: Callable[[FloatArray], bool] = lambda positions: False,
) -> Trajectory:
    """Run Langevin dynamics and keep frames; stop early where bonds break.

    BAOAB (B. Leimkuhler, C. Matthews, doi:10.1093/amrx/abs010): half a kick, half a drift, the
    thermostat, half a drift, half a kick.

    Parameters
    ----------
    molecule : Molecule
    positions : array, shape (N, 3)
        In angstrom, to start from.
    force_field : callable
        See `forcefields`.
    temperature : float
        In K.
    frames : int
        To be kept.
    interval_fs, settle_fs : float
        Between frames, and before the first one.
    seed : int
    step_fs : float
    watch : callable
        Called with each frame's positions; True ends the run after this frame.
    """
    from ase.data import atomic_masses

    random = np.random.default_rng(seed)
    here = positions.copy()
    masses = atomic_masses[molecule.numbers][:, None] * AMU_A2_PER_FS2_TO_EV
    spread = np.sqrt(KB_EV_PER_K * temperature / masses)
    velocities = spread * random.standard_normal(positions.shape)
    kept = np.exp(-FRICTION * step_fs)
    found = Trajectory()
    energy, forces = force_field(here)
    gaps = [settle_fs] + [interval_fs] * (frames - 1)
    for gap in gaps:
        for _ in range(max(1, round(gap / step_fs))):
            velocities += 0.5 * step_fs * forces / masses
            here = here + 0.5 * step_fs * velocities
            noise = spread * random.standard_normal(positions.shape)
            velocities = kept * velocities + np.sqrt(1 - kept**2) * noise
            here = here + 0.5 * step_fs * velocities
            energy, forces = force_field(here)
            velocities += 0.5 * step_fs * forces / masses
            if not np.abs(forces).max() < WILD_FORCE:
                found.broken = f"forces above {WILD_FORCE:g} eV/angstrom"
                return found
            found.fs += step_fs
        fault = molecule.fault(here)
        if fault:
            found.broken = fault
            return found
        found.frames.append(here - here.mean(0))
        found.energies.append(energy)
        found.forces.append(forces.copy())
        kinetic = float(np.sum(masses * velocities**2))
        found.temperatures.append(kinetic / (3 * len(positions) * KB_EV_PER_K))
        if watch(here):
            break
    return found
