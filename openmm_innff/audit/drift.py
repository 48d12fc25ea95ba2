"""Energy drift of a multiple-time-step scheme at constant energy."""

from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from openmm_innff.statistics import Mean
from openmm_innff.units import FS_TO_PS, KJ_PER_MOL_TO_EV

Array = NDArray[np.float64]

SAMPLE_FS = 20.0
_BLOCKS = 5


@dataclass(frozen=True)
class Drift:
    """What a run at constant energy showed.

    Parameters
    ----------
    drift
        Slope of the total energy, meV/atom/ps.
    noise
        RMS of what a straight line leaves, meV/atom.
    """

    drift: Mean
    noise: float


def measure_drift(context: openmm.Context, step_fs: float, length_ps: float) -> Drift:
    """Run a Context and fit a straight line through its total energy.

    Parameters
    ----------
    context
        With an integrator without thermostat, positions and velocities.
    step_fs
        Its step.
    length_ps
        Length of the run.
    """
    stride = max(1, round(SAMPLE_FS / step_fs))
    block_ps = stride * step_fs * FS_TO_PS
    n_atoms = context.getSystem().getNumParticles()
    energies = []
    n_samples = max(2 * _BLOCKS, round(length_ps / block_ps) + 1)
    for k in range(n_samples):
        if k:
            context.getIntegrator().step(stride)
        state = context.getState(energy=True)
        total = state.getPotentialEnergy() + state.getKineticEnergy()
        per_mole = total.value_in_unit(unit.kilojoule_per_mole)
        energies.append(per_mole * KJ_PER_MOL_TO_EV * 1e3 / n_atoms)
    return fit_drift(block_ps * np.arange(n_samples, dtype=np.float64), np.array(energies))


def fit_drift(times: Array, energies: Array) -> Drift:
    """Slope with its standard error from the residuals' means in five blocks.

    Parameters
    ----------
    times
        Shape (n,), ps.
    energies
        Shape (n,), meV/atom.
    """
    fit = np.polyfit(times, energies, 1)
    residual = energies - np.polyval(fit, times)
    means = np.array([np.mean(part) for part in np.array_split(residual, _BLOCKS)])
    centres = np.array([np.mean(part) for part in np.array_split(times, _BLOCKS)])
    error = np.std(means, ddof=2) / np.sqrt(np.sum((centres - centres.mean()) ** 2))
    return Drift(Mean(float(fit[0]), float(error)), float(np.std(residual)))
