"""The same training with fewer data: how errors depend on their number."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from openmm_innff.errors import ConfigError
from openmm_innff.model import Model
from openmm_innff.modelfile import read_model
from openmm_innff.training.config import TrainingConfig
from openmm_innff.training.run import CHECKPOINT, read_training_data, train


def train_sizes(
    config: TrainingConfig,
    sizes: Sequence[int],
    out: str | os.PathLike[str],
    resume: bool = False,
    progress: bool = True,
    base: Model | None = None,
) -> list[Path]:
    """Train a potential on several numbers of frames, each in a folder of its own.

    Fewer frames are shown in more epochs, so that all have about as many steps: what differs is
    what the data know, not how long was trained. Frames of a smaller number are among those of a
    larger one, and all are validated with the same frames.

    Parameters
    ----------
    config : TrainingConfig
        That of all frames.
    sizes : sequence of int
        Numbers of training frames.
    out : path
        The runs are ``out/N-frames``.
    resume : bool
        Go on from where it was stopped.
    progress : bool
        Show what is trained.
    base : Model
        See `train`.

    Returns
    -------
    list of Path
        The model files.

    Raises
    ------
    ConfigError
        If there are fewer frames than a size, or a size is there twice.
    """
    total = len(read_training_data(config)[0])
    if len(set(sizes)) < len(sizes) or not all(1 <= size <= total for size in sizes):
        raise ConfigError(
            f"sizes: wanted different numbers of frames from 1 to {total}, found "
            f"{', '.join(map(str, sizes))}"
        )
    console, models = Console(quiet=not progress), []
    for size in sorted(sizes):
        folder = Path(out) / f"{size}-frames"
        console.print(f"{size} of {total} frames, into {folder}", highlight=False)
        going_on = resume and (folder / CHECKPOINT).exists()
        models.append(train(with_frames(config, size, total), folder, going_on, progress, base))
    for size, path in zip(sorted(sizes), models, strict=True):
        error = read_model(path)[1].errors["valid_force_rmse_meV_per_A"]
        console.print(f"{size:6d} frames: force RMSE {error:.2f} meV/A", highlight=False)
    return models


def with_frames(config: TrainingConfig, size: int, total: int) -> TrainingConfig:
    """Return the settings for ``size`` of ``total`` frames, in about as many steps."""
    optimizer = config.optimizer

    def longer(epochs: int) -> int:
        return round(epochs * total / size)

    return replace(
        config,
        data=replace(config.data, frames=size),
        optimizer=replace(
            optimizer,
            fast_epochs=longer(optimizer.fast_epochs),
            joint_epochs=longer(optimizer.joint_epochs),
            validate_every=longer(optimizer.validate_every),
        ),
    )
