"""Trainings of the rounds and the last one."""

import math
from pathlib import Path

from openmm_innff.bespoke.config import BespokeConfig, training_entries, with_epochs
from openmm_innff.bespoke.folder import Folder
from openmm_innff.bespoke.view import View
from openmm_innff.model import Model, load_model
from openmm_innff.reference.level import Level
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.settings import build
from openmm_innff.training.config import TrainingConfig
from openmm_innff.training.run import CHECKPOINT, LOG, train

HELD_OUT = 0.05
"""Of the structures, for the calibration of uncertainties."""


def check_training(config: BespokeConfig, level: Level, molecule: Molecule) -> None:
    """Check what training needs, long before it begins.

    Parameters
    ----------
    config : BespokeConfig
    level : Level
    molecule : Molecule

    Raises
    ------
    ConfigError
        If the training file is wrong.
    """
    configure(config, level, molecule, Path("train.xyz"), config.labels, (1, 1))


def configure(
    config: BespokeConfig,
    level: Level,
    molecule: Molecule,
    data: Path,
    count: int,
    steps: tuple[int, int],
) -> TrainingConfig:
    """Return the configuration of a training.

    Parameters
    ----------
    config : BespokeConfig
    level : Level
    molecule : Molecule
    data : Path
        Labelled structures.
    count : int
        Their number.
    steps : tuple of int
        Optimiser steps of the whole and of the fast part.
    """
    card = {
        "name": config.name,
        "description": f"{molecule.formula}, {molecule.smiles}: this molecule alone",
        "level_of_theory": level.key,
        "data": f"{count} structures labelled by innff bespoke",
        "data_licence": config.licence,
        "licence": config.licence,
        "valid_range": {"molecule": molecule.smiles, "charge": molecule.charge,
                        "temperature_K": f"up to {config.hot:g}"},
    }  # fmt: skip
    entries = {
        **training_entries(config),
        "data": {"train": str(data), "validation": HELD_OUT},
        "card": card,
    }
    made = build(TrainingConfig, entries)
    per_epoch = math.ceil((1.0 - HELD_OUT) * count / made.optimizer.batch_size)
    joint, fast = (max(1, round(number / per_epoch)) if number else 0 for number in steps)
    return with_epochs(made, joint, fast)


def teach(
    name: str,
    config: TrainingConfig,
    folder: Folder,
    view: View,
    count: int,
    base: Model | None,
) -> Model:
    """Train, or go on with a training that was stopped, or load what is trained.

    Parameters
    ----------
    name : str
        Of the training's folder.
    config : TrainingConfig
    folder : Folder
    view : View
    count : int
        Of structures.
    base : Model, optional
        To go on from.
    """
    out = folder.path / name
    path = out / f"{config.card.name}.innff"
    if path.is_file():
        return load_model(path)
    optimizer = config.optimizer
    per_epoch = math.ceil((1.0 - HELD_OUT) * count / optimizer.batch_size)
    total = per_epoch * (optimizer.joint_epochs + optimizer.fast_epochs)
    view.begin(f"training on {count} structures", total, out / LOG)
    with folder.timed("training"):
        resume = (out / CHECKPOINT).is_file()
        return load_model(train(config, out, resume=resume, progress=False, base=base))
