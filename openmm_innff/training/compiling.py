"""Whether and for what the training steps of an equivariant component are compiled."""

import shutil
from collections import Counter
from collections.abc import Sequence

import torch

from openmm_innff.errors import ConfigError
from openmm_innff.neighbors import PairList
from openmm_innff.potential import Potential
from openmm_innff.potential.equivariant import Equivariant
from openmm_innff.potential.trainable import compile_training
from openmm_innff.training.batch import Batch
from openmm_innff.training.config import OptimizerConfig

MANY_STEPS = 10_000
"""Compiling takes as long as a few thousand steps."""
ROUND = 4
"""Neighbours are rounded up to a multiple of this."""


def compile_steps(
    potential: Potential, frames: Sequence[Batch], optimizer: OptimizerConfig
) -> bool:
    """Have the steps compiled if this is asked for, or worth while.

    Parameters
    ----------
    potential : Potential
    frames : sequence of Batch
        All training frames.
    optimizer : OptimizerConfig

    Returns
    -------
    bool
        Whether the first step will take minutes.

    Raises
    ------
    ConfigError
        If it is asked for and can't be done.
    """
    component, size = potential.slow, optimizer.batch_size
    if optimizer.compile == "no" or not isinstance(component, Equivariant):
        return False
    compositions = Counter(tuple(_counts(potential, batch)) for batch in frames)
    steps = optimizer.joint_epochs * len(frames) // size
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    possible = len(compositions) == 1 and compiler is not None and len(frames) >= size
    if optimizer.compile == "yes" and not possible:
        raise ConfigError(
            "optimizer.compile: wanted frames of one composition, at least a batch of them, and a "
            f"C++ compiler; found {len(compositions)} compositions, {len(frames)} frames and "
            f"{compiler or 'no compiler'}"
        )
    if not possible or (optimizer.compile == "auto" and steps < MANY_STEPS):
        return False
    counts = [size * count for count in next(iter(compositions))]
    lists = [batch.slow for batch in frames if isinstance(batch.slow, PairList)]
    longest = max(int((pairs.starts[1:] - pairs.starts[:-1]).max()) for pairs in lists)
    # Other frames of the same molecule find what was compiled for these in torch's cache.
    compile_training(component, counts, -(-longest // ROUND) * ROUND)
    return True


def _counts(potential: Potential, batch: Batch) -> list[int]:
    found: list[int] = torch.bincount(batch.species, minlength=len(potential.elements)).tolist()
    return found
