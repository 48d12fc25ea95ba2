"""A whole training run: data in, model file out."""

import dataclasses
import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from openmm_innff.data import FrameSet, read_frames, split_frames
from openmm_innff.errors import DataError, SimulationError
from openmm_innff.files import make_folder
from openmm_innff.interrupt import StopRequest
from openmm_innff.model import Model
from openmm_innff.modelfile import ModelCard, save_model
from openmm_innff.potential import Potential
from openmm_innff.training.batch import Batch, make_batches
from openmm_innff.training.bonds import hydrogen_bond_forces, hydrogen_bond_lengths
from openmm_innff.training.calibrate import shortest_distances
from openmm_innff.training.checkpoint import load_checkpoint, save_checkpoint
from openmm_innff.training.config import TrainingConfig
from openmm_innff.training.log import TrainingLog, display, epoch_row, progress_bar
from openmm_innff.training.plots import plot_learning_curve
from openmm_innff.training.start import composition, continued_potential, new_potential
from openmm_innff.training.stretch import Stretched, longest_bonds, stretch
from openmm_innff.training.trainer import Trainer
from openmm_innff.training.uncertainty_command import summary, uncertainty_of

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"


def train(
    config: TrainingConfig,
    out: str | os.PathLike[str],
    resume: bool = False,
    progress: bool = True,
    base: Model | None = None,
) -> Path:
    """Train a potential and write its model file, log and learning curve.

    Parameters
    ----------
    config : TrainingConfig
    out : path
        Folder of the run.
    resume : bool
        Go on from the checkpoint in ``out``.
    progress : bool
        Show a live table and a progress bar.
    base : Model
        Model to go on from instead of random numbers; the shape is that of its potential.

    Returns
    -------
    Path
        The model file.

    Raises
    ------
    SimulationError
        If the folder holds another run, or the loss is not finite.
    """
    folder = make_folder(out)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise SimulationError(
            f"{folder}: holds a training run already; add --resume to go on with it, "
            f"or choose another folder with --out"
        )
    torch.set_default_dtype(torch.float32)
    training, validation = _read(config)
    start = None if base is None else base.potential
    trainer = make_trainer(config, training, validation, start)
    fingerprint = _fingerprint(config, training, validation, start)
    log = TrainingLog(folder / LOG, resume)
    if resume:
        load_checkpoint(checkpoint, trainer, fingerprint)
        log.drop_after(trainer.stage, trainer.epoch)
    console = Console(quiet=not progress)
    console.print(_summary(trainer, training, validation))
    stop = StopRequest()
    try:
        with stop.listening():
            _loop(trainer, log, checkpoint, fingerprint, console, stop)
    except KeyboardInterrupt:
        save_checkpoint(checkpoint, trainer, fingerprint)
        console.print(
            f"stopped; all is saved in {folder}. To go on, repeat the command with --resume"
        )
        raise
    return _finish(trainer, config, training, validation, folder, console, base)


def _read(config: TrainingConfig) -> tuple[FrameSet, FrameSet]:
    training, validation = read_training_data(config)
    wanted = config.data.frames
    if not 0 <= wanted <= len(training):
        raise DataError(f"data.frames: wanted 0 to {len(training)}, found {wanted}")
    if wanted:
        order = np.random.default_rng(config.optimizer.seed).permutation(len(training))
        training = training.select(np.sort(order[:wanted]))
    return training, validation


def read_training_data(config: TrainingConfig) -> tuple[FrameSet, FrameSet]:
    """Return all training frames and the validation frames."""
    frames = read_frames(config.data.train)
    if isinstance(config.data.validation, str):
        validation = read_frames(config.data.validation)
        unknown = set(validation.elements) - set(frames.elements)
        if unknown:
            raise DataError(
                f"data.validation: has elements that the training data lack: {sorted(unknown)}"
            )
        return frames, validation
    return split_frames(frames, config.data.validation, config.optimizer.seed)


def make_trainer(
    config: TrainingConfig,
    training: FrameSet,
    validation: FrameSet,
    base: Potential | None = None,
) -> Trainer:
    """Return a trainer at the beginning of its first stage: of a new potential, or of ``base``."""
    if base is None:
        potential = new_potential(config, training)
    else:
        potential = continued_potential(config, base, training)

    made = make_batches(potential, training)
    stretched = _stretched(config, potential, training, made)
    return Trainer(
        config, potential, made, make_batches(potential, validation), stretched, base is not None
    )


def _stretched(
    config: TrainingConfig, potential: Potential, frames: FrameSet, sample: list[Batch]
) -> list[Stretched]:
    """Return each training frame with a few of its bonds stretched, if this is asked for."""
    if not config.stretch.weight:
        return []
    longest = longest_bonds(potential.elements, sample)
    seed = 10_000 * config.optimizer.seed
    found = [
        stretch(potential, frame, batch, longest, config.stretch, seed + k)
        for k, (frame, batch) in enumerate(zip(frames, sample, strict=True))
    ]
    return [item for item in found if item is not None]


def _fingerprint(
    config: TrainingConfig, training: FrameSet, validation: FrameSet, base: Potential | None
) -> str:
    settings = dataclasses.asdict(config)
    for name in ("card", "data", "uncertainty"):  # no step depends on these
        del settings[name]
    text = json.dumps([settings, training.sha256, validation.sha256], sort_keys=True)
    digest = hashlib.sha256(text.encode())
    if base is not None:
        for parameter in base.parameters():
            digest.update(parameter.detach().numpy().tobytes())
    return digest.hexdigest()


def _summary(trainer: Trainer, training: FrameSet, validation: FrameSet) -> str:
    potential = trainer.potential
    return (
        f"{len(training)} training and {len(validation)} validation frames of "
        f"{' '.join(potential.elements)}; force RMS {trainer.force_scale:.3f} eV/A\n"
        f"{potential.n_parameters} parameters; cutoffs {potential.cutoff('fast')} (fast) and "
        f"{potential.cutoff('slow')} A (slow)"
    )


def _loop(
    trainer: Trainer,
    log: TrainingLog,
    checkpoint: Path,
    fingerprint: str,
    console: Console,
    stop: StopRequest,
) -> None:
    bar = progress_bar()
    with display(console, log, bar) as show:
        while not trainer.finished:
            total = trainer.stage_epochs * trainer.steps_per_epoch
            task = bar.add_task(f"stage {trainer.stage}", total=total, completed=trainer.step)
            while trainer.epoch < trainer.stage_epochs:
                for _ in trainer.run_epoch():
                    bar.update(task, completed=trainer.step)
                    if stop():
                        raise KeyboardInterrupt
                _end_epoch(trainer, log)
                save_checkpoint(checkpoint, trainer, fingerprint)
                show()
            if trainer.stage != trainer.stages[-1]:
                trainer.next_stage()
            bar.remove_task(task)


def _end_epoch(trainer: Trainer, log: TrainingLog) -> None:
    every = trainer.config.optimizer.validate_every
    due = trainer.epoch % every == 0 or trainer.epoch == trainer.stage_epochs
    log.add(epoch_row(trainer, trainer.validate() if due else {}))
    trainer.sums = type(trainer.sums)()


def _shortest(potential: Potential, training: list[Batch]) -> dict[str, float]:
    """Return the shortest distance seen in training for each pair of elements, in angstrom."""
    distances = shortest_distances(potential, training)
    elements = potential.elements
    return {
        f"shortest_{elements[i]}-{elements[j]}_A": round(float(distances[i, j]), 3)
        for i in range(len(elements))
        for j in range(i, len(elements))
        if distances[i, j] < torch.inf
    }


def _finish(
    trainer: Trainer,
    config: TrainingConfig,
    training: FrameSet,
    validation: FrameSet,
    folder: Path,
    console: Console,
    base: Model | None,
) -> Path:
    trainer.fit_reference_energies(composition(trainer.potential, training))
    errors = trainer.validate()
    elements, sample = trainer.potential.elements, trainer.training
    lengths = hydrogen_bond_lengths(elements, sample)
    units = {"force": "meV_per_A", "energy": "meV_per_atom"}
    card = ModelCard(
        name=config.card.name,
        description=config.card.description,
        level_of_theory=config.card.level_of_theory,
        data=config.card.data,
        data_licence=config.card.data_licence,
        licence=config.card.licence,
        data_sha256=training.sha256,
        errors={f"{key}_{units[key.split('_')[1]]}": value for key, value in errors.items()},
        valid_range={
            **config.card.valid_range,
            **_shortest(trainer.potential, trainer.training),
        },
        molecule=_molecule(training),
        hydrogen_bond_lengths=lengths,
        hydrogen_bond_forces=hydrogen_bond_forces(
            elements, sample, [trainer.slow_forces(batch) for batch in sample], lengths
        ),
        training={
            **({} if base is None else {"from": base.card.name}),
            "frames": len(training),
            "validation_frames": len(validation),
            "minutes": round(trainer.seconds / 60, 1),
            "torch_threads": torch.get_num_threads(),
            **{name: getattr(config.optimizer, name) for name in ("fast_epochs", "joint_epochs")},
            "smoothness_weight_fs2": config.smoothness.weight,
            "smoothness_magnitude": config.smoothness.magnitude,
            "smoothness_bonds": config.smoothness.bonds,
        },
        version=version("openmm-innff"),
    )
    known = uncertainty_of(
        trainer.average, training, validation, console, most=config.uncertainty.frames
    )
    path = save_model(folder / f"{config.card.name}.innff", trainer.average, card, known)
    plot_learning_curve(folder / LOG, folder / "learning_curve.png")
    console.print(
        f"validation: force RMSE {errors['valid_force_rmse']:.2f} meV/A, energy RMSE "
        f"{errors['valid_energy_rmse_shifted']:.3f} meV/atom\n{summary(known)}\nwritten: {path}"
    )
    return path


def _molecule(training: FrameSet) -> dict[str, list[Any]]:
    """Return the molecule of a card, see `ModelCard`."""
    if not training.one_molecule:
        return {}
    lowest = min(training, key=lambda frame: frame.energy)
    return {"numbers": lowest.numbers.tolist(), "positions": lowest.positions.round(4).tolist()}
