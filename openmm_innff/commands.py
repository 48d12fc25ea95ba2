"""What the commands of `innff` do with their parsed arguments.

Each calls one function of the package, which is imported only then: `innff --help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def train(arguments: argparse.Namespace) -> None:
    """Train a potential, or a learning curve of several."""
    from openmm_innff import training
    from openmm_innff.model import load_model

    out = arguments.out or Path("runs") / arguments.config.stem
    base = None if arguments.base is None else load_model(arguments.base)
    config = training.load_config(arguments.config, base.potential.config if base else None)
    if arguments.sizes:
        training.train_sizes(config, arguments.sizes, out, resume=arguments.resume, base=base)
    else:
        training.train(config, out, resume=arguments.resume, base=base)


def label(arguments: argparse.Namespace) -> None:
    """Label frames."""
    from openmm_innff.reference import command

    command.run(arguments)


def sample(arguments: argparse.Namespace) -> None:
    """Find structures of a molecule."""
    from openmm_innff.sampling import command

    command.run(arguments)


def bespoke(arguments: argparse.Namespace) -> None:
    """Make a potential for one molecule."""
    from openmm_innff.bespoke import command

    command.run(arguments)


def evaluate(arguments: argparse.Namespace) -> None:
    """Evaluate errors on reference data."""
    from openmm_innff.data import read_frames
    from openmm_innff.model import load_model
    from openmm_innff.training.evaluate import evaluate as judge

    model = load_model(arguments.model)
    name = arguments.data.name.partition(".")[0]
    out = arguments.out or Path("runs") / f"evaluate-{name}"
    judge(model, read_frames(arguments.data, index=arguments.index), out)


def calibrate(arguments: argparse.Namespace) -> None:
    """Calibrate the uncertainty of a model."""
    from openmm_innff.training.uncertainty_command import calibrate_model

    calibrate_model(arguments.model, arguments.data, arguments.out, arguments.validation)


def prepare(arguments: argparse.Namespace) -> None:
    """Prepare a complex."""
    from openmm_innff.mixed.molecule import check_molecule
    from openmm_innff.model import load_model
    from openmm_innff.prepare import Options, read_ligand, write_prepared
    from openmm_innff.prepare import prepare as make

    given = {
        "force_field": arguments.force_field and tuple(arguments.force_field),
        "ligand_xml": arguments.ligand_xml,
        "ligand_force_field": arguments.ligand_force_field,
        "padding_angstrom": arguments.padding,
        "salt_molar": arguments.salt,
        "pH": arguments.pH,
    }
    options = Options(**{key: value for key, value in given.items() if value is not None})
    ligand = read_ligand(arguments.ligand, arguments.name)
    model = arguments.model
    if model is not None:
        check_molecule(ligand.numbers, ligand.bonds, load_model(model).card.molecule)
    protein = None if str(arguments.protein) == "-" else arguments.protein
    prepared = make(protein, ligand, options)
    out = arguments.out or Path("runs") / arguments.ligand.stem
    recipe = write_prepared(prepared, ligand, out, model)
    for note in prepared.notes:
        print(f"protein: {note}")
    before = f"give the model in {recipe}, then: " if model is None else ""
    print(f"{prepared.topology.getNumAtoms()} atoms; {before}innff run {recipe}")


def run(arguments: argparse.Namespace) -> None:
    """Run dynamics from a recipe."""
    import dataclasses

    from openmm_innff import simulation
    from openmm_innff.recipe import load_recipe

    given = {
        "waters": arguments.waters,
        "length_ps": arguments.length,
        "platform": arguments.platform,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    config = dataclasses.replace(load_recipe(arguments.recipe), **changes)
    name = Path(arguments.recipe).stem + (f"-{arguments.waters}" if arguments.waters else "")
    simulation.run(config, arguments.out or Path("runs") / name, resume=arguments.resume)


def free_energy(arguments: argparse.Namespace) -> None:
    """Calculate a binding free energy, or a correction of one."""
    import dataclasses

    from openmm_innff.freeenergy import free_energy, load_config

    given = {"length_ps": arguments.length, "platform": arguments.platform}
    changes = {key: value for key, value in given.items() if value is not None}
    config = dataclasses.replace(load_config(arguments.recipe), **changes)
    out = arguments.out or Path("runs") / arguments.recipe.stem
    free_energy(config, out, resume=arguments.resume)


def mts(arguments: argparse.Namespace) -> None:
    """Find safe time steps."""
    import dataclasses

    from openmm_innff.audit.config import AuditConfig, quick
    from openmm_innff.audit.mts import audit_mts

    given = {
        "waters": arguments.waters,
        "structure": arguments.structure,
        "hydrogen_masses": arguments.hydrogen_mass and tuple(arguments.hydrogen_mass),
        "steps": arguments.steps and tuple(arguments.steps),
        "length_ps": arguments.length,
        "scheme": arguments.scheme,
        "mollified": arguments.mollified or None,
        "temperature": arguments.temperature,
        "friction": arguments.friction,
        "platform": arguments.platform,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    config = quick(AuditConfig()) if arguments.quick else AuditConfig()
    config = dataclasses.replace(config, **changes)
    out = arguments.out or Path("runs") / f"audit-mts-{Path(arguments.model).stem}"
    audit_mts(config, arguments.model, out, resume=arguments.resume, write=arguments.write)


def audit(arguments: argparse.Namespace) -> None:
    """Audit a potential."""
    from openmm_innff.audit import command

    frames = []
    if arguments.data is not None:
        from openmm_innff.audit.bench import Labelled
        from openmm_innff.audit.structure import Structure
        from openmm_innff.data import read_frames

        for number, frame in enumerate(read_frames(arguments.data)):
            structure = Structure.of_frame(
                f"frame {number}",
                frame.numbers,
                frame.positions,
                frame.cell if frame.periodic else None,
            )
            frames.append(Labelled(structure, frame.energy, frame.forces))
    command.run(arguments, frames)


def info(arguments: argparse.Namespace) -> None:
    """Print a model card."""
    import rich

    from openmm_innff.model import load_model
    from openmm_innff.modelcard import format_card

    model = load_model(arguments.model)
    rich.print(format_card(model.potential, model.card, model.uncertainty))
