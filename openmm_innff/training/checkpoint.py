"""Training checkpoints: everything needed to go on as if nothing had happened."""

import dataclasses
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from openmm_innff.errors import SimulationError
from openmm_innff.files import atomic_write
from openmm_innff.training.trainer import Sums, Trainer

VERSION = 1


def save_checkpoint(path: str | os.PathLike[str], trainer: Trainer, fingerprint: str) -> None:
    """Write the state of a training run; the old checkpoint stays whole if this fails.

    Parameters
    ----------
    path : path
    trainer : Trainer
    fingerprint : str
        Identifies settings and data; a run with others refuses to go on from here.
    """
    state = {
        "version": VERSION,
        "fingerprint": fingerprint,
        "stage": trainer.stage,
        "epoch": trainer.epoch,
        "step": trainer.step,
        "seconds": trainer.seconds,
        "sums": dataclasses.asdict(trainer.sums),
        "potential": trainer.potential.state_dict(),
        "average": trainer.average.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
    }
    with atomic_write(path, "wb") as file:
        torch.save(state, file)


def load_checkpoint(path: str | os.PathLike[str], trainer: Trainer, fingerprint: str) -> None:
    """Put a trainer back to where the checkpoint was written.

    Raises
    ------
    SimulationError
        If the checkpoint is missing, damaged, or belongs to other settings or data.
    """
    state = _read(Path(path))
    if state["fingerprint"] != fingerprint:
        raise SimulationError(
            f"{path}: written with other settings or data; restore them, or start afresh in "
            f"another folder (--out)"
        )
    trainer.set_stage(state["stage"])
    trainer.epoch, trainer.step = state["epoch"], state["step"]
    trainer.seconds = state["seconds"]
    trainer.sums = Sums(**state["sums"])
    trainer.potential.load_state_dict(state["potential"])
    trainer.average.load_state_dict(state["average"])
    trainer.optimizer.load_state_dict(state["optimizer"])


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SimulationError(f"{path}: no checkpoint to resume from; start without --resume")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, ValueError) as error:
        raise SimulationError(f"{path}: the checkpoint is damaged: {error}") from error
    if state.get("version") != VERSION:
        raise SimulationError(
            f"{path}: wanted a checkpoint of version {VERSION}, found {state.get('version')}"
        )
    return state
