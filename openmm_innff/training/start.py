"""The potential that a training run begins with: a new one, or that of another model."""

import copy

import torch
from torch import Tensor

from openmm_innff.data import FrameSet, fit_baseline, read_frames
from openmm_innff.errors import DataError
from openmm_innff.potential import BondedConfig, Potential, PotentialConfig
from openmm_innff.training.bonded import known_types
from openmm_innff.training.config import TrainingConfig
from openmm_innff.training.predict import predict
from openmm_innff.training.shift import smallest_shift


def new_potential(config: TrainingConfig, training: FrameSet) -> Potential:
    """Return a potential of random numbers with reference energies that suit the data.

    Parameters
    ----------
    config : TrainingConfig
    training : FrameSet
    """
    isolated = config.data.isolated_atoms
    baseline = fit_baseline(training, read_frames(isolated, isolated=True) if isolated else None)
    fast = config.fast
    if isinstance(fast, BondedConfig):
        fast = known_types(fast, training)
    shape = PotentialConfig(training.elements, fast, config.slow, config.distilled)
    potential = Potential(shape, seed=config.optimizer.seed).to(_dtype(config))
    energies = [baseline.energies[symbol] for symbol in potential.elements]
    # Isolated atoms leave the cohesive energy over: its mean is no business of the network.
    residual = torch.from_numpy(training.energies - baseline.of(training))
    change = smallest_shift(composition(potential, training), residual)
    potential.reference_energies = torch.tensor(energies, dtype=torch.float64) + change
    return potential


def continued_potential(config: TrainingConfig, base: Potential, training: FrameSet) -> Potential:
    """Return a copy of a trained potential whose reference energies suit new data.

    What two levels of theory differ by is above all a constant for each element.

    Parameters
    ----------
    config : TrainingConfig
    base : Potential
    training : FrameSet

    Raises
    ------
    DataError
        If the data have elements that the potential does not know.
    """
    unknown = sorted(set(training.elements) - set(base.elements))
    if unknown:
        raise DataError(
            f"data.train: wanted elements that the base model knows "
            f"({' '.join(base.elements)}), found {' '.join(unknown)}"
        )
    potential = copy.deepcopy(base).to(_dtype(config))
    residual = torch.from_numpy(training.energies - predict(base, training, "total").energies)
    shift = smallest_shift(composition(base, training), residual)
    potential.reference_energies = base.reference_energies.to(torch.float64) + shift
    return potential


def _dtype(config: TrainingConfig) -> torch.dtype:
    """Return that of the parameters; energies of the elements are double in any case."""
    dtype: torch.dtype = getattr(torch, config.optimizer.dtype)
    return dtype


def composition(potential: Potential, frames: FrameSet) -> Tensor:
    """Return the numbers of atoms of each element, shape (frames, species), float64."""
    return torch.tensor(frames.counts(potential.elements), dtype=torch.float64)
