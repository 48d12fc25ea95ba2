"""`innff sample`: structures of a molecule that are worth labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from openmm_innff.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from openmm_innff.sampling.collect import Wish
    from openmm_innff.sampling.forcefields import FloatArray, Forces
    from openmm_innff.sampling.molecule import Molecule

EXAMPLE = "innff sample ligand.sdf --frames 200 --temperatures 300 600 --out frames.xyz"
SOURCES = ("modes", "dynamics", "scans")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_molecule(parser)
    parser.add_argument("--out", type=Path, metavar="FILE.xyz", help="to write (NAME.xyz)")
    parser.add_argument("--frames", type=int, default=200, metavar="N", help="to choose (200)")
    parser.add_argument(
        "--temperatures", type=float, nargs="+", default=[300.0, 600.0], metavar="K",
        help="of modes and dynamics (300 600)",
    )  # fmt: skip
    sources = "where structures come from: normal modes, dynamics, dihedral angles (all)"
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES, help=sources)
    moved = "what moves the atoms: a model (name or file) instead of GFN2-xTB"
    parser.add_argument("--model", metavar="MODEL", help=moved)
    known = "structures that are there already: nothing like them is chosen"
    parser.add_argument("--known", type=Path, metavar="FILE.xyz", help=known)
    parser.add_argument(
        "--conformers", type=int, default=10, metavar="N", help="to start from, at most (10)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random")


def add_molecule(parser: argparse.ArgumentParser) -> None:
    """Add what says which molecule it is."""
    molecule = "SDF, MOL2, PDB or XYZ file, or SMILES"
    parser.add_argument("molecule", metavar="MOLECULE", help=molecule)
    parser.add_argument("--charge", type=int, metavar="E", help="that it must have")
    parser.add_argument("--spin", type=int, default=0, metavar="N", help="unpaired electrons (0)")


def run(arguments: argparse.Namespace) -> None:
    """Write structures.

    Parameters
    ----------
    arguments : Namespace
        As of `add_arguments`.
    """
    from rich.console import Console

    from openmm_innff.reference.store import write_frames
    from openmm_innff.sampling.collect import Wish, read_known
    from openmm_innff.sampling.structure import load_molecule

    wish = Wish(
        arguments.frames, tuple(arguments.temperatures), tuple(arguments.sources),
        arguments.conformers, arguments.seed,
    )  # fmt: skip
    molecule = load_molecule(arguments.molecule, arguments.charge, arguments.spin)
    out = arguments.out or Path(f"{molecule.name}.xyz")
    if out.suffix != ".xyz":
        raise ConfigError(f"out: wanted a file that ends in .xyz, found '{out}'")
    known = read_known(arguments.known, molecule) if arguments.known else []
    console = Console(soft_wrap=True)
    for note in molecule.notes:
        console.print(note, highlight=False, markup=False)
    chosen = _collect(molecule, _force_field(arguments.model, molecule), wish, known, console)
    write_frames(out, [molecule.atoms(positions) for positions in chosen])
    console.print(f"written: {out}, {len(chosen)} structures", highlight=False)


def _force_field(model: str | None, molecule: Molecule) -> Forces:
    from openmm_innff.model import load_model
    from openmm_innff.sampling.forcefields import ModelForces, TightBinding

    if model is None:
        return TightBinding(molecule)
    loaded = load_model(model)
    loaded.potential.species_index(molecule.numbers)  # are its elements known?
    return ModelForces(loaded, molecule)


def _collect(
    molecule: Molecule,
    force_field: Forces,
    wish: Wish,
    known: list[FloatArray],
    console: Console,
) -> list[FloatArray]:
    from openmm_innff.sampling.collect import collect

    with console.status("") as status:

        def tell(what: str, done: int, total: int) -> None:
            status.update(f"{what}: {done} of {total}")

        found = collect(molecule, force_field, wish, known, tell)
    for what, number in found.counts.items():
        console.print(f"{what}: {number}", highlight=False)
    return found.structures
