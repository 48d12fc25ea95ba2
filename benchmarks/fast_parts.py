"""Distil several fast parts from one whole: the models that frontier.py compares.

    INNFF_DATA=/path/to/data python benchmarks/fast_parts.py        # about ten minutes on one core
    python benchmarks/frontier.py runs/fast-parts/*.innff

Takes a distilled model (the shipped one) and trains fast parts of other kinds and sizes for it, as
the last stage of its recipe does; the whole stays what it is. Writes model files.
"""

import argparse
import dataclasses
from pathlib import Path

import torch

from openmm_innff import load_model
from openmm_innff.data import read_frames
from openmm_innff.modelfile import save_model
from openmm_innff.potential import BondedConfig, ComponentConfig
from openmm_innff.training.bonds import hydrogen_bond_forces
from openmm_innff.training.config import StretchConfig, TrainingConfig, load_config
from openmm_innff.training.run import make_trainer

ROOT = Path(__file__).parents[1]
SMALL = ComponentConfig(cutoff=3.0, channels=16, l_max=1, projections=32, nodes=10)
VARIANTS: dict[str, ComponentConfig | BondedConfig] = {
    "3.0A-16ch-l1": SMALL,
    "3.0A-8ch-l1": dataclasses.replace(SMALL, channels=8, projections=16),
    "3.0A-32ch-l1": dataclasses.replace(SMALL, channels=32, projections=64),
    "3.0A-16ch-l0": dataclasses.replace(SMALL, l_max=0),
    "3.0A-16ch-l2": dataclasses.replace(SMALL, l_max=2),
    "2.6A-16ch-l1": dataclasses.replace(SMALL, cutoff=2.6),
    "3.3A-16ch-l1": dataclasses.replace(SMALL, cutoff=3.3),
    "3.3A-two-layers": dataclasses.replace(SMALL, cutoff=3.3, l_max=2, messages=8),
    "bonded": BondedConfig(cutoff=3.3, modes=4, nodes=14),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="water-pbe0")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--directory", type=Path, default=Path("runs/fast-parts"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    recipe = load_config(ROOT / "recipes" / "water" / "train.toml")
    for name in arguments.variants:
        path = distilled(arguments, name, with_fast(recipe, VARIANTS[name], arguments.epochs))
        print(f"written: {path}", flush=True)


def with_fast(
    recipe: TrainingConfig, fast: ComponentConfig | BondedConfig, epochs: int
) -> TrainingConfig:
    optimizer = dataclasses.replace(recipe.optimizer, fast_epochs=epochs)
    stretch = StretchConfig() if isinstance(fast, BondedConfig) else recipe.stretch
    return dataclasses.replace(recipe, fast=fast, optimizer=optimizer, stretch=stretch)


def distilled(arguments: argparse.Namespace, name: str, config: TrainingConfig) -> Path:
    model = load_model(arguments.model)
    if model.potential.config.slow != config.slow or not model.potential.config.distilled:
        raise SystemExit(f"{arguments.model}: wanted a distilled model of the recipe's size")
    frames = read_frames(config.data.train)
    trainer = make_trainer(config, frames, read_frames(config.data.validation))
    for potential in (trainer.potential, trainer.average):
        potential.slow.load_state_dict(model.potential.slow.state_dict())
        potential.reference_energies = model.potential.reference_energies.clone()
    trainer.next_stage()
    while not trainer.finished:
        for _ in trainer.run_epoch():
            pass
    sample, lengths = trainer.training, model.card.hydrogen_bond_lengths
    slow = [trainer.slow_forces(batch) for batch in sample]
    forces = hydrogen_bond_forces(trainer.potential.elements, sample, slow, lengths)
    card = dataclasses.replace(model.card, name=name, hydrogen_bond_forces=forces)
    return save_model(arguments.directory / f"{name}.innff", trainer.average, card)


if __name__ == "__main__":
    main()
