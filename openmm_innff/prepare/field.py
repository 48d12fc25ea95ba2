"""The force field of a complex: from files, and for its ligand from openmmforcefields."""

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import util

from openmm import app

from openmm_innff.errors import ConfigError, MissingDependencyError
from openmm_innff.prepare.ligand import Ligand

_LIGAND_FIELDS = {"openff": "openff-2.2.1", "gaff": "gaff-2.2.20"}
_TOOLKIT = ("openmmforcefields", "openff.toolkit")
_NEEDED = {"openff": ("openff.interchange", "openforcefields"), "gaff": ("parmed",)}


def force_field(
    ligand: Ligand, files: Sequence[str], kind: str, ligand_xml: str | None
) -> app.ForceField:
    """Read or make the force field of a complex.

    Parameters
    ----------
    ligand
        Of which openmmforcefields makes a template if `kind` is "openff" or "gaff".
    files
        XML files of OpenMM.
    kind
        "xml", "openff" or "gaff".
    ligand_xml
        XML file with the ligand.

    Raises
    ------
    ConfigError
        If a file can't be read.
    MissingDependencyError
        If the ligand's force field needs what is not installed; says how to get it.
    """
    if kind == "xml":
        files = [*files, str(ligand_xml)]
    try:
        field = app.ForceField(*files)
    except (OSError, ValueError) as error:
        raise ConfigError(f"force_field: {error}") from error
    if kind != "xml":
        field.registerTemplateGenerator(_generator(ligand, kind))
    return field


def _generator(ligand: Ligand, kind: str) -> Callable[..., bool]:
    """Return what makes the ligand's template: of openmmforcefields, with OpenFF's toolkit."""
    missing = [module for module in (*_TOOLKIT, *_NEEDED[kind]) if not _is_there(module)]
    if not _has_program("sqm"):
        missing.append("AmberTools (its program sqm, for charges)")
    if missing:
        raise MissingDependencyError(
            f"ligand_force_field = {kind} lacks {', '.join(missing)}: conda install -c conda-forge "
            "openmmforcefields, or pip install 'openmm-innff[openff]', packages of others than "
            "OpenFF. Or give ligand_xml, or a System or Amber's prmtop made elsewhere to a recipe"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of programs that only conda has
        from openff.toolkit import Molecule
        from openmmforcefields import generators

    molecule = Molecule.from_file(ligand.source, allow_undefined_stereo=True)
    made = getattr(generators, f"{'GAFF' if kind == 'gaff' else 'SMIRNOFF'}TemplateGenerator")
    return made(molecules=[molecule], forcefield=_LIGAND_FIELDS[kind]).generator


def _is_there(module: str) -> bool:
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _has_program(name: str) -> bool:
    """Whether a program is in PATH, or in the folder of this environment, which joins PATH then."""
    folder = os.path.join(sys.prefix, "bin")
    if shutil.which(name) is None and os.path.isfile(os.path.join(folder, name)):
        os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", "")])
    return shutil.which(name) is not None
