"""`innff label`: from structures to a file that can be trained on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from openmm_innff.cluster import add_workers
from openmm_innff.errors import ConfigError, DataError, SimulationError

if TYPE_CHECKING:
    from rich.console import Console

    from openmm_innff.reference.level import Level
    from openmm_innff.reference.molecule import Target
    from openmm_innff.reference.store import LabelStore

MOST_SHOWN = 10
EXAMPLE = "innff label frames.xyz --level wB97X-D3BJ/def2-TZVP --charge 1 --out labels.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "frames", type=Path, nargs="+", metavar="FRAMES", help="structures that ASE can read"
    )
    add_level(parser)
    parser.add_argument(
        "--charge", type=int, metavar="E", help="of each frame (what it says, or 0)"
    )
    parser.add_argument(
        "--spin", type=int, metavar="N", help="unpaired electrons (what the frame says, or 0)"
    )
    parser.add_argument("--index", default=":", help="frames as in Python (all)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.db", help="labels, kept one by one (FRAMES-labels.db)"
    )
    parser.add_argument(
        "--export", type=Path, metavar="FILE.xyz", help="for innff train (OUT with .xyz)"
    )
    parser.add_argument("--retry", action="store_true", help="try frames again that failed before")
    add_workers(parser)


def add_level(parser: argparse.ArgumentParser) -> None:
    """Add what a level of theory is made of."""
    level = "GFN2-xTB, wB97X-D3BJ/def2-TZVP, or 'CCSD(T)/cc-pVDZ // MP2/cc-pVTZ'"
    parser.add_argument("--level", metavar="LEVEL", help=level)
    parser.add_argument("--method", metavar="NAME", help="instead of --level, with --basis")
    parser.add_argument("--basis", metavar="NAME", default="", help="of --method")
    parser.add_argument(
        "--counterpoise", action="store_true", help="take off the superposition error of dimers"
    )
    parser.add_argument(
        "--exact-integrals", action="store_true", help="no density fitting in HF and DFT"
    )
    parser.add_argument(
        "--all-electrons", action="store_true", help="no frozen core in MP2 and CCSD(T)"
    )
    parser.add_argument("--grid", type=int, default=3, metavar="0-9", help="of DFT (3)")


def level_of(arguments: argparse.Namespace) -> Level:
    """Return the level that the arguments name.

    Raises
    ------
    ConfigError
        If they name none, or two.
    """
    from openmm_innff.reference.level import parse_level

    if bool(arguments.level) == bool(arguments.method):
        raise ConfigError(
            "level: wanted --level, such as GFN2-xTB or MP2/cc-pVTZ, or --method and --basis"
        )
    if arguments.level and arguments.basis:
        raise ConfigError("basis: goes into --level after a slash; or give --method instead")
    text = arguments.level or f"{arguments.method}/{arguments.basis}".rstrip("/")
    return parse_level(
        text,
        density_fit=not arguments.exact_integrals,
        frozen_core=not arguments.all_electrons,
        counterpoise=arguments.counterpoise,
        grid=arguments.grid,
    )


def run(arguments: argparse.Namespace) -> None:
    """Label frames.

    Parameters
    ----------
    arguments : Namespace
        As of `add_arguments`.
    """
    from rich.console import Console

    from openmm_innff.reference.campaign import Tally, label_frames
    from openmm_innff.reference.progress import watching
    from openmm_innff.reference.store import LabelStore

    level = level_of(arguments)
    targets = read_targets(arguments.frames, arguments.index, arguments.charge, arguments.spin)
    first = arguments.frames[0]
    out = arguments.out or Path(f"{first.name.partition('.')[0]}-labels.db")
    export = arguments.export or out.with_suffix(".xyz")
    console = Console(soft_wrap=True)
    store = LabelStore(out)
    if arguments.retry:
        store.forget_failures(level)
    last = Tally(total=len(targets))
    console.print(f"{len(targets)} frames at {level.key}; each is kept in {out}", highlight=False)
    try:
        with watching(console, "frames") as show:

            def report(tally: Tally) -> None:
                nonlocal last
                last = tally
                show(tally)

            label_frames(
                targets,
                level,
                store,
                workers=arguments.workers,
                scheduler=arguments.scheduler,
                report=report,
            )
    except KeyboardInterrupt:
        console.print(f"stopped; {last.left} frames are left. To go on, repeat the command")
        raise
    _finish(console, store, level, targets, export)


def _finish(
    console: Console, store: LabelStore, level: Level, targets: list[Target], export: Path
) -> None:
    """Say what failed, and write what did not."""
    keys = {target.key(level.key) for target in targets}
    failures = [failure for failure in store.failures(level) if failure.key in keys]
    for failure in failures[:MOST_SHOWN]:
        console.print(f"left out: {failure.formula}: {failure.reason}", highlight=False)
    if len(failures) > MOST_SHOWN:
        console.print(f"... and {len(failures) - MOST_SHOWN} more", highlight=False)
    count = store.export(export, level, targets)
    if not count:
        raise SimulationError(f"none of {len(targets)} frames has a label")
    console.print(f"written: {export}, {count} frames", highlight=False)


def read_targets(
    paths: list[Path], index: str, charge: int | None, spin: int | None
) -> list[Target]:
    """Read structures from files.

    Parameters
    ----------
    paths : list of Path
    index : str
        Which frames of each file, as in Python.
    charge, spin : int, optional
        Of all of them, instead of what the files say.

    Raises
    ------
    DataError
        If a file can't be read or holds none.
    """
    from ase.io import read
    from ase.io.formats import UnknownFileTypeError

    from openmm_innff.reference.molecule import Target

    targets: list[Target] = []
    for path in paths:
        try:
            found = read(path, index=index)
        except (OSError, ValueError, KeyError, IndexError, UnknownFileTypeError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise DataError(f"can't read '{path}': {reason}") from error
        frames = found if isinstance(found, list) else [found]
        if not frames:
            raise DataError(f"'{path}': no frames found for index {index!r}")
        targets += [Target.of(atoms, charge, spin) for atoms in frames]
    return targets
