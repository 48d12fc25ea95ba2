"""A prepared complex as files, with a recipe that runs it."""

import os
from pathlib import Path

import openmm
from openmm import app, unit

from openmm_innff.files import atomic_write, make_folder
from openmm_innff.prepare.build import Prepared
from openmm_innff.prepare.ligand import Ligand

STRUCTURE, SYSTEM, RECIPE = "complex.pdb", "system.xml", "recipe.toml"
NO_MODEL = "your-ligand.innff"


def write_prepared(
    prepared: Prepared,
    ligand: Ligand,
    folder: str | os.PathLike[str],
    model: str | os.PathLike[str] | None = None,
) -> Path:
    """Write a complex and a recipe that runs it.

    Parameters
    ----------
    prepared
        The complex.
    ligand
        Its ligand.
    folder
        Made if missing; files of the same names are replaced.
    model
        That the recipe names: a shipped one, or a file. None: it is to be filled in.

    Returns
    -------
    Path
        The recipe.
    """
    out = make_folder(folder)
    with atomic_write(out / STRUCTURE) as file:
        app.PDBFile.writeFile(prepared.topology, prepared.positions * unit.nanometer, file)
    with atomic_write(out / SYSTEM) as file:
        file.write(openmm.XmlSerializer.serialize(prepared.system))
    with atomic_write(out / RECIPE) as file:
        file.write(_TEMPLATE.format(name=ligand.name, structure=STRUCTURE, system=SYSTEM,
                                    model=_named(model)))  # fmt: skip
    return out / RECIPE


def _named(model: str | os.PathLike[str] | None) -> str:
    """Return a model as a recipe in another folder can name it."""
    if model is None:
        return NO_MODEL
    return str(Path(model).resolve() if Path(model).is_file() else model)


_TEMPLATE = """\
# Made by innff prepare: innff run recipe.toml

title = "{name} in its complex"
structure = "{structure}"
mm_system = "{system}"
ligand = "{name}"
model = "{model}"

outer_step_fs = 4.0
inner_step_fs = 1.0
hydrogen_mass_amu = 3.0
temperature_K = 300.0
pressure_bar = 1.0
friction_per_ps = 1.0
equilibration_ps = 20.0
equilibration_friction_per_ps = 10.0
length_ps = 100.0
report_every_fs = 200.0
"""
