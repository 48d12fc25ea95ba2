"""The command `innff audit MODEL`: its arguments, and what is made of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from openmm_innff.cluster import add_workers
from openmm_innff.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from openmm_innff.audit.bench import Effort, Labelled

MODEL_HELP = (
    "name of a shipped model, an .innff file, the .xml of an OpenMM System, ase:NAME or "
    "ase:MODULE:CLASS, openmm:FORCEFIELD.xml, openmm-ml:NAME; options follow as ,KEY=VALUE"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser
        Of the command.
    """
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--tests", nargs="+", default=[], metavar="TEST", help="tests or groups")
    parser.add_argument(
        "--against", nargs="+", default=[], metavar="OTHER", help="others to show beside it"
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="reference data, extended XYZ")
    parser.add_argument(
        "--learning-curve", type=Path, metavar="DIR", help="what innff train --sizes left behind"
    )
    parser.add_argument(
        "--structure", type=Path, nargs="+", default=[], metavar="FILE", help="instead of our own"
    )
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", action="store_true", help="less thorough")
    effort.add_argument("--full", action="store_true", help="more thorough")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="copy of report.md, figures in images/ beside"
    )
    add_workers(parser)
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (1)")


def run(arguments: argparse.Namespace, frames: Sequence[Labelled]) -> None:
    """Run the audit.

    Parameters
    ----------
    arguments
        Parsed.
    frames
        Reference data.
    """
    from openmm_innff.audit.suite import SuiteConfig, run_suite

    effort: Effort = "quick" if arguments.quick else "full" if arguments.full else "default"
    config = SuiteConfig(
        tests=tuple(arguments.tests),
        effort=effort,
        seed=arguments.seed,
        structures=tuple(arguments.structure),
        frames=tuple(frames),
        series=_models_in(arguments.learning_curve),
    )
    name = Path(arguments.model).stem if Path(arguments.model).exists() else arguments.model
    out = arguments.out or Path("runs") / f"audit-{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)}"
    names = [arguments.model, *arguments.against]
    run_suite(
        config, names, out, resume=arguments.resume, markdown=arguments.markdown,
        workers=arguments.workers, scheduler=arguments.scheduler,
    )  # fmt: skip


def _models_in(folder: Path | None) -> tuple[Path, ...]:
    """Return the model files in the folders of a folder."""
    if folder is None:
        return ()
    found = tuple(sorted(folder.glob("*/*.innff")))
    if not found:
        raise ConfigError(f"learning-curve: wanted models in folders of {folder}, found none")
    return found
