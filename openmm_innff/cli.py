"""The command `innff`: train, evaluate, calibrate, run, audit and info.

The parser of its arguments; what is done with them is in `commands`.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmm_innff import commands
from openmm_innff.errors import InnffError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FAILED = 2
INTERRUPTED = 130  # 128 + SIGINT, what shells expect


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0 for success, 2 for an error that was explained, 130 after Ctrl-C.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if "command" not in arguments:
        parser.print_help(sys.stderr)
        return FAILED
    try:
        arguments.command(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED  # training and runs have said what is saved and how to go on
    except (InnffError, OSError) as error:
        if arguments.debug:
            raise
        print(f"innff: error: {_explain(error)}", file=sys.stderr)
        return FAILED
    return 0


def _explain(error: Exception) -> str:
    """One line that says what went wrong, for files also which one."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


class _Parser(argparse.ArgumentParser):
    """A parser that hands over to an inner one if the first word is its name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner: dict[str, argparse.ArgumentParser] = {}

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if args and args[0] in self.inner:
            return self.inner[args[0]].parse_known_args(args[1:], namespace)
        return super().parse_known_args(args, namespace)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="innff",
        description="Force fields of interpolating neural networks, from data to dynamics.",
        epilog="example: innff run water    (innff COMMAND --help shows more)",
    )
    parser.add_argument("--version", action="version", version=f"innff {version('openmm-innff')}")
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND")

    _add_labelling(subcommands)
    train = _command(
        subcommands,
        commands.train,
        "train a fast and a slow part on reference data",
        "innff train config.toml --out runs/water",
    )
    train.add_argument("config", type=Path, metavar="CONFIG.toml", help="what to train, on what")
    base = (
        "go on from this model (name or file), with other data; the file then has no fast and slow"
    )
    train.add_argument("--from", dest="base", metavar="MODEL", help=base)
    sizes = train.add_argument("--sizes", type=_positive(int), nargs="+", metavar="N")
    sizes.help = "a learning curve: a model for each of these numbers of training frames"
    _out(train, "runs/CONFIG")
    _resume(train)

    evaluate = _command(
        subcommands,
        commands.evaluate,
        "errors of a model on reference data, as tables and plots",
        "innff evaluate water-pbe0 valid.xyz.gz",
    )
    _model(evaluate)
    evaluate.add_argument("data", type=Path, metavar="DATA.xyz", help="extended XYZ, plain or gz")
    evaluate.add_argument("--index", default=":", help="frames as in Python (all)")
    _out(evaluate, "runs/evaluate-DATA")

    calibrate = _command(
        subcommands,
        commands.calibrate,
        "give a model file its uncertainty, from its training data",
        "innff calibrate mine.innff --data train.xyz.gz --validation valid.xyz.gz",
    )
    _model(calibrate)
    data = "what it was trained on: extended XYZ, plain or gz"
    calibrate.add_argument("--data", type=Path, metavar="FILE", required=True, help=data)
    held_out = "other frames, or the fraction of DATA that training held out (0.1)"
    calibrate.add_argument("--validation", metavar="FILE", default="0.1", help=held_out)
    calibrate.add_argument("--out", type=Path, metavar="FILE", help="model to write (MODEL itself)")

    _add_prepare(subcommands)

    run = _command(
        subcommands,
        commands.run,
        "molecular dynamics from a recipe, with a report at the end",
        "innff run water --waters 128 --length 50",
    )
    run.add_argument("recipe", metavar="RECIPE", help="name of a shipped recipe, or a TOML file")
    run.add_argument("--waters", type=_positive(int), metavar="N", help="molecules in the box")
    run.add_argument("--length", type=_positive(float), metavar="PS", help="production, ps")
    run.add_argument("--platform", metavar="NAME", help="OpenMM platform: CUDA, OpenCL, CPU ...")
    _out(run, "runs/RECIPE")
    _resume(run)

    free_energy = _command(
        subcommands,
        commands.free_energy,
        "binding free energies by replica exchange, with errors",
        "innff free-energy recipes/binding-free-energy/host-guest.toml",
    )
    free_energy.add_argument("recipe", type=Path, metavar="RECIPE.toml", help="what and how")
    sampled = "time of each replica, ps"
    free_energy.add_argument("--length", type=_positive(float), metavar="PS", help=sampled)
    free_energy.add_argument("--platform", metavar="NAME", help="OpenMM platform")
    _out(free_energy, "runs/RECIPE")
    _resume(free_energy)

    _add_audits(subcommands)

    info = _command(
        subcommands,
        commands.info,
        "what a model file holds: origin, errors, valid range, safe steps",
        "innff info water-pbe0",
    )
    _model(info)
    return parser


def _add_labelling(subcommands: argparse._SubParsersAction[_Parser]) -> None:
    """Add the commands that calculate reference data."""
    from openmm_innff.bespoke import command as one_molecule
    from openmm_innff.reference import command as labelling
    from openmm_innff.sampling import command as sampling

    label = _command(
        subcommands,
        commands.label,
        "energies and forces of structures by quantum chemistry",
        labelling.EXAMPLE,
    )
    labelling.add_arguments(label)
    sample = _command(
        subcommands,
        commands.sample,
        "structures of a molecule that are worth labels",
        sampling.EXAMPLE,
    )
    sampling.add_arguments(sample)
    bespoke = _command(
        subcommands,
        commands.bespoke,
        "a potential for one molecule, from its structure and a level of theory",
        one_molecule.EXAMPLE,
    )
    one_molecule.add_arguments(bespoke)
    _out(bespoke, "runs/bespoke-NAME")
    _resume(bespoke)


def _add_prepare(subcommands: Any) -> None:
    prepare = _command(
        subcommands,
        commands.prepare,
        "a protein and a ligand in water and in a force field, ready for a recipe",
        "innff prepare protein.pdb ligand.sdf --ligand-xml ligand.xml --model ligand.innff",
    )
    prepare.add_argument("protein", type=Path, metavar="PROTEIN.pdb", help="'-': none, for solvent")
    where = "the ligand where it binds, with all hydrogens"
    prepare.add_argument("ligand", type=Path, metavar="LIGAND.sdf", help=where)
    field = "force field files of OpenMM for protein, water and ions"
    prepare.add_argument("--force-field", nargs="+", metavar="FILE.xml", help=field)
    template = "force field file of OpenMM for the ligand"
    prepare.add_argument("--ligand-xml", metavar="FILE.xml", help=template)
    made = "where its force field comes from instead; needs openmmforcefields"
    prepare.add_argument("--ligand-force-field", choices=("xml", "openff", "gaff"), help=made)
    prepare.add_argument("--model", type=Path, help="of the ligand, for the recipe")
    prepare.add_argument("--name", default="LIG", help="of the ligand's residue (LIG)")
    distance = "smallest distance from the faces of the box, angstrom (10)"
    prepare.add_argument("--padding", type=_positive(float), metavar="LENGTH", help=distance)
    prepare.add_argument("--salt", type=float, metavar="MOLAR", help="concentration of salt (0.15)")
    prepare.add_argument("--pH", type=float, help="for hydrogens of the protein (7.4)")
    _out(prepare, "runs/LIGAND")


def _add_audits(subcommands: argparse._SubParsersAction[_Parser]) -> None:
    """Add `audit MODEL` and, inside it, `audit mts MODEL`."""
    from openmm_innff.audit.command import add_arguments

    audit = _command(
        subcommands,
        commands.audit,
        "can a potential be trusted? Tests with thresholds, and a report",
        "innff audit water-pbe0 --against openmm:tip3p.xml    (innff audit mts: time steps)",
    )
    add_arguments(audit)
    _out(audit, "runs/audit-MODEL")
    _resume(audit)
    mts = _Parser(prog=f"{audit.prog} mts")
    _describe(
        mts,
        commands.mts,
        "find the largest time steps that sample what short ones do",
        "innff audit mts water-pbe0 --hydrogen-mass 1.008 --steps 0.5/2 0.5/4",
    )
    audit.inner["mts"] = mts
    _model(mts)
    where = mts.add_mutually_exclusive_group()
    where.add_argument("--waters", type=_positive(int), metavar="N", help="waters in the box (64)")
    where.add_argument("--structure", metavar="PDB", help="PDB file with a box, instead of waters")
    mass = mts.add_argument("--hydrogen-mass", type=_positive(float), nargs="+", metavar="AMU")
    mass.help = "masses of hydrogen (1.008 3.024)"
    steps = mts.add_argument("--steps", type=_pair_of_steps, nargs="+", metavar="IN/OUT")
    steps.help = "inner and outer steps in fs, such as 0.5/4"
    length = "length of each run, ps (50)"
    mts.add_argument("--length", type=_positive(float), metavar="PS", help=length)
    mts.add_argument("--quick", action="store_true", help="minutes only: a trial, settles nothing")
    mts.add_argument("--scheme", metavar="NAME", help="integrator (langevin)")
    mts.add_argument("--mollified", action="store_true", help="mollify the candidates' slow part")
    temperature = "of the bath, K (300); warmer liquids relax sooner, so that error bars shrink"
    mts.add_argument("--temperature", type=_positive(float), metavar="K", help=temperature)
    friction = "friction of the thermostat, 1/ps (2)"
    mts.add_argument("--friction", type=_positive(float), metavar="RATE", help=friction)
    mts.add_argument("--platform", metavar="NAME", help="OpenMM platform: CUDA, OpenCL, CPU ...")
    mts.add_argument("--write", type=Path, metavar="FILE", help="copy of the model with safe steps")
    _out(mts, "runs/audit-mts-MODEL")
    _resume(mts)


def _pair_of_steps(text: str) -> tuple[float, float]:
    """Parse a pair of steps for argparse."""
    try:
        inner, outer = (float(part) for part in text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"wanted IN/OUT in fs, found {text}") from None
    return inner, outer


def _command(
    subcommands: argparse._SubParsersAction[_Parser],
    function: Callable[[argparse.Namespace], None],
    summary: str,
    example: str,
) -> _Parser:
    """Add the subcommand that is named after its function."""
    parser = subcommands.add_parser(function.__name__.replace("_", "-"), help=summary)
    _describe(parser, function, summary, example)
    return parser


def _describe(
    parser: argparse.ArgumentParser,
    function: Callable[[argparse.Namespace], None],
    summary: str,
    example: str,
) -> None:
    """Say what a command does, and let it do so."""
    parser.description = summary[0].upper() + summary[1:] + "."
    parser.epilog = f"example: {example}"
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(command=function)


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="name of a shipped model, or an .innff file")


def _out(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"folder to write to ({default})")


def _resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """Parser of a number above zero, for argparse."""

    def parse(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be above zero, found {text}")
        return value

    parse.__name__ = kind.__name__  # argparse names it: invalid int value: 'x'
    return parse
