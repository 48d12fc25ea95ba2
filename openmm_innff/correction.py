r"""The free energy from a force field to a model of a ligand ("book-ending").

Stages along the parameter of an interpolated mixed System are sampled one after the other, and all
samples are evaluated at all stages by MBAR (doi:10.1063/1.2978177):

.. math:: \Delta A = A_{ML/MM} - A_{MM}, \quad U_\lambda = U_{MM} + \lambda (U_{ML/MM} - U_{MM})

The energy is linear in lambda, so two energies of a frame give those at all stages. The correction
of a binding free energy is the difference of this quantity in the complex and in the solvent. The
same from the first stage alone, by exponential averaging (Zwanzig, doi:10.1063/1.1740409), is a
check: where frames of the force field hardly overlap with those of the model, it is biased.
"""

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm
from numpy.typing import NDArray

from openmm_innff.errors import ConfigError, MissingDependencyError
from openmm_innff.integrators import BOLTZMANN_KJ_PER_MOL_K, mts_langevin_integrator
from openmm_innff.mixed.interpolation import LAMBDA
from openmm_innff.statistics import autocorrelation_time
from openmm_innff.units import FS_TO_PS

Array = NDArray[np.float64]

STAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
_BLOCKS = 10


@dataclass(frozen=True)
class Sampling:
    """How stages are sampled.

    Parameters
    ----------
    stages
        Values of lambda in the order in which they are sampled, from 0 to 1.
    temperature_K, friction_per_ps
        Of Langevin dynamics.
    outer_step_fs, inner_step_fs
        Of multiple time steps.
    settle_ps, length_ps
        Of each stage: before the samples, and with them.
    every_fs
        Time between samples.
    seed
        Of velocities and noise.
    """

    stages: tuple[float, ...] = STAGES
    temperature_K: float = 300.0
    friction_per_ps: float = 5.0
    outer_step_fs: float = 2.0
    inner_step_fs: float = 1.0
    settle_ps: float = 2.0
    length_ps: float = 20.0
    every_fs: float = 50.0
    seed: int = 1

    def __post_init__(self) -> None:
        stages = self.stages
        if len(stages) < 2 or stages[0] != 0 or stages[-1] != 1 or sorted(stages) != list(stages):
            raise ConfigError(f"stages: wanted rising values from 0 to 1, found {stages}")


@dataclass(frozen=True, eq=False)
class Samples:
    """Energies of the frames of all stages.

    Parameters
    ----------
    stages
        Values of lambda.
    temperature_K
        Of all.
    classical, learned
        Energies at lambda 0 and 1 of each frame, shape (n_stages, n_frames), kJ/mol.
    """

    stages: tuple[float, ...]
    temperature_K: float
    classical: Array
    learned: Array

    def part(self, fraction: float) -> "Samples":
        """Return the first part of each stage."""
        count = max(2, round(fraction * self.classical.shape[1]))
        return Samples(
            self.stages, self.temperature_K, self.classical[:, :count], self.learned[:, :count]
        )


@dataclass(frozen=True, eq=False)
class Correction:
    """A free energy from the force field to the model.

    Parameters
    ----------
    value, error
        By MBAR, kJ/mol; the standard error counts independent frames only.
    reweighted, reweighted_error
        From the frames of the force field alone, kJ/mol.
    overlap
        Probability that a frame of one stage (row) could be of another, shape (n_stages, n_stages).
    independent
        Number of independent frames of each stage, shape (n_stages,).
    """

    value: float
    error: float
    reweighted: float
    reweighted_error: float
    overlap: Array
    independent: Array


def sample_stages(
    system: openmm.System,
    positions: Array,
    sampling: Sampling,
    *,
    platform: openmm.Platform | None = None,
    on_stage: Callable[[float], None] = lambda stage: None,
) -> Samples:
    """Sample all stages of an interpolated System, each from where the last one ended.

    Parameters
    ----------
    system
        Of `mixed.create_mixed_system` with ``interpolate=True``.
    positions
        To start from, shape (n_atoms, 3), nm.
    sampling
        How.
    platform
        Of OpenMM; None: its fastest.
    on_stage
        Told each stage before it is sampled.

    Raises
    ------
    ConfigError
        If the System has no such parameter.
    """
    integrator = mts_langevin_integrator(
        system,
        sampling.temperature_K,
        sampling.friction_per_ps,
        sampling.outer_step_fs * FS_TO_PS,
        sampling.inner_step_fs * FS_TO_PS,
        seed=sampling.seed,
    )
    context = openmm.Context(system, integrator, *([platform] if platform else []))
    if LAMBDA not in context.getParameters():
        raise ConfigError(
            f"system: wanted one with the parameter {LAMBDA}, made with interpolate=True"
        )
    context.setPositions(positions)
    context.setParameter(LAMBDA, 0.0)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
    context.setVelocitiesToTemperature(sampling.temperature_K, sampling.seed)

    def steps(time_fs: float) -> int:
        return max(1, round(time_fs / sampling.outer_step_fs))

    frames = max(2, round(1000 * sampling.length_ps / sampling.every_fs))
    energies = np.empty((2, len(sampling.stages), frames))
    for k, stage in enumerate(sampling.stages):
        on_stage(stage)
        context.setParameter(LAMBDA, stage)
        integrator.step(steps(1000 * sampling.settle_ps))
        for i in range(frames):
            integrator.step(steps(sampling.every_fs))
            for end in (0, 1):
                context.setParameter(LAMBDA, float(end))
                state = context.getState(energy=True)
                energies[end, k, i] = state.getPotentialEnergy()._value
            context.setParameter(LAMBDA, stage)
    return Samples(sampling.stages, sampling.temperature_K, energies[0], energies[1])


def correction(samples: Samples) -> Correction:
    """Estimate the free energy from samples.

    Parameters
    ----------
    samples
        Of all stages.

    Raises
    ------
    MissingDependencyError
        If pymbar is not installed.
    """
    kT = BOLTZMANN_KJ_PER_MOL_K * samples.temperature_K
    difference = samples.learned - samples.classical
    apart = [max(1, round(2 * autocorrelation_time(row))) for row in difference]
    chosen = [(k, np.arange(0, difference.shape[1], step)) for k, step in enumerate(apart)]
    counts = np.array([len(frames) for _, frames in chosen])
    classical = np.concatenate([samples.classical[k, frames] for k, frames in chosen])
    change = np.concatenate([difference[k, frames] for k, frames in chosen])
    zero = float(change.mean())  # of the model's energy; MBAR would begin far from its solution
    stages = np.array(samples.stages)[:, None]
    mbar = _mbar((classical + stages * (change - zero)) / kT, counts)
    found = mbar.compute_free_energy_differences()
    first = difference[0, chosen[0][1]] / kT
    weights = np.exp(-(first - first.min()))
    return Correction(
        value=zero + kT * float(found["Delta_f"][0, -1]),
        error=kT * float(found["dDelta_f"][0, -1]),
        reweighted=kT * float(first.min() - np.log(weights.mean())),
        reweighted_error=kT * float(weights.std() / weights.mean() / np.sqrt(len(weights))),
        overlap=np.asarray(mbar.compute_overlap()["matrix"]),
        independent=counts,
    )


def convergence(samples: Samples, blocks: int = _BLOCKS) -> list[tuple[float, float, float]]:
    """Return fraction of the samples, value and error (kJ/mol), for more and more of them.

    Parameters
    ----------
    samples
        Of all stages.
    blocks
        Number of fractions.
    """
    fractions: Sequence[float] = [(i + 1) / blocks for i in range(blocks)]
    found = [(fraction, correction(samples.part(fraction))) for fraction in fractions]
    return [(fraction, each.value, each.error) for fraction, each in found]


def _mbar(reduced: Array, counts: NDArray[np.int64]) -> Any:
    logging.getLogger("pymbar").setLevel(logging.ERROR)  # greets everyone who imports it
    try:
        import pymbar
    except ImportError as error:
        raise MissingDependencyError(
            "free energies need pymbar; pip install 'openmm-innff[freeenergy]'"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pymbar.MBAR(reduced, counts)
