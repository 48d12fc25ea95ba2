"""`innff bespoke`: a potential for one molecule."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openmm_innff.bespoke.config import BespokeConfig
    from openmm_innff.reference.level import Level
    from openmm_innff.sampling.molecule import Molecule

EXAMPLE = "innff bespoke ligand.sdf --level wB97X-D3BJ/def2-SVP --labels 300 --target 15"
_OPTIONS = {
    "target": (float, "MEV", "force MAE in fresh structures, meV/A (20)"),
    "labels": (int, "N", "structures to train on at most (1600 with GFN2-xTB, else 300)"),
    "minutes": (float, "MIN", "budget of time (none)"),
    "rounds": (int, "N", "in which labels are added (3)"),
    "fresh": (int, "N", "structures to judge by (60 with GFN2-xTB, else 40)"),
    "temperature": (float, "K", "of fresh structures (300)"),
    "hot": (float, "K", "highest of the dynamics to learn from (600)"),
    "round_steps": (int, "N", "optimiser steps of each round's training (1500)"),
    "final_steps": (int, "N", "optimiser steps of the last training (10000)"),
    "base_frames": (int, "N", "of GFN2-xTB to learn from before dearer labels (2000; 0: none)"),
    "base_steps": (int, "N", "optimiser steps of that (10000)"),
    "stability_ps": (float, "PS", "dynamics that test the model, at both temperatures (20)"),
    "seed": (int, "N", "of all random numbers (0)"),
    "licence": (str, "NAME", "of model and labels, for the model's card (unknown)"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    from openmm_innff.cluster import add_workers
    from openmm_innff.reference.command import add_level
    from openmm_innff.sampling.command import add_molecule

    add_molecule(parser)
    add_level(parser)
    parser.add_argument("--name", metavar="NAME", help="of the model (that of the file)")
    for name, (kind, metavar, text) in _OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=text)
    base = "go on from this model, such as one of a cheaper level of theory"
    parser.add_argument("--from", dest="base", metavar="MODEL", help=base)
    training = "TOML file of how to train, instead of the shipped bespoke/training.toml"
    parser.add_argument("--training", type=Path, metavar="FILE.toml", help=training)
    add_workers(parser)


def run(arguments: argparse.Namespace) -> None:
    """Make a potential.

    Parameters
    ----------
    arguments : Namespace
        As of `add_arguments`, with ``out`` and ``resume``.
    """
    from openmm_innff.bespoke.loop import bespoke
    from openmm_innff.reference.command import level_of
    from openmm_innff.sampling.structure import load_molecule

    level = level_of(arguments)
    molecule = load_molecule(arguments.molecule, arguments.charge, arguments.spin)
    if arguments.name:
        molecule = dataclasses.replace(molecule, name=arguments.name)
    bespoke(
        molecule,
        level,
        configuration(arguments, molecule, level),
        arguments.out or Path("runs") / f"bespoke-{molecule.name}",
        resume=arguments.resume,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
    )


def configuration(arguments: argparse.Namespace, molecule: Molecule, level: Level) -> BespokeConfig:
    """Return the settings: what is given, else what suits the cost of a label.

    Parameters
    ----------
    arguments : Namespace
    molecule : Molecule
    level : Level
    """
    from openmm_innff.bespoke.config import BASE_FRAMES, DEAR_LABELS, BespokeConfig

    given = {name: getattr(arguments, name) for name in _OPTIONS}
    chosen = {name: value for name, value in given.items() if value is not None}
    if not level.tight_binding:
        dear = {"labels": DEAR_LABELS, "fresh": 40, "scans": 2}
        chosen = {**dear, "base_frames": 0 if arguments.base else BASE_FRAMES, **chosen}
    if arguments.base:
        chosen["base"] = arguments.base
    if arguments.training:
        chosen["training"] = str(arguments.training.resolve())
    return BespokeConfig(name=molecule.name, level=level.key, **chosen)
