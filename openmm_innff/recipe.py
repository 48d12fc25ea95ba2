"""What a run is: a frozen configuration, read from a TOML recipe and written beside the results."""

import dataclasses
import json
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from openmm_innff.errors import ConfigError
from openmm_innff.files import atomic_write
from openmm_innff.settings import build, check_fields, read_toml


@dataclass(frozen=True)
class RunConfig:
    """One run: what is simulated, how, and what is written.

    The unit of a value is in its name. None means "not given"; what is then done is said
    with each value.

    Parameters
    ----------
    title
        Heading of the report.
    model
        Name of a shipped model, or path of a model file.
    waters
        Number of waters of a new cubic box. Give this, `structure`, `prmtop` or `testsystem`.
    density_g_per_cm3
        Density of the new box.
    structure
        PDB file to start from; with a periodic box, unless there is a `ligand`.
    ligand
        Name of a residue, such as "TMP". With it the model describes this molecule alone, and a
        force field everything else.
    mm_system
        The force field of a `structure` with a ligand: XML file of an OpenMM System, such as
        ``innff prepare`` writes.
    prmtop, inpcrd
        Files of Amber with a ligand, its force field and positions.
    implicit_solvent
        Of `prmtop` without a box: "HCT", "OBC1", "OBC2", "GBn" or "GBn2".
    testsystem, testsystem_options
        A system of openmmtools with a ligand, such as "LysozymeImplicit", and arguments for it;
        texts that openmm.app has as names, such as "OBC2", stand for what they name, and "None"
        for nothing.
    temperature_K
        Temperature of thermostat and first velocities.
    pressure_bar
        With a pressure the run is NPT, without one NVT.
    friction_per_ps
        Friction of the Langevin thermostat in the production run.
    outer_step_fs, inner_step_fs, hydrogen_mass_amu
        Steps of the slow and the fast part, and mass of hydrogen (the heavy atom bonded to it
        gives it). Not given: what the model's card calls safe. With a ligand, bonded terms of the
        force field belong to the fast part, and all others to the slow one.
    equilibration_ps, equilibration_friction_per_ps
        Length and friction of the run before the one that is analysed.
    length_ps
        Length of the run that is analysed.
    report_every_fs
        Time between two rows of the table and two frames of the trajectory.
    checkpoint_every_ps
        Time between two checkpoints: no more than this is ever lost.
    max_temperature_K, max_bond_angstrom
        A run that gets beyond is stopped as exploded. With a ligand its bonds alone count.
    uncertainty_every_fs
        Time between two looks at the uncertainty of the model, each of which takes as long as
        about seven outer steps; rounded to times of `report_every_fs`. Not given: none. The model
        must be calibrated.
    uncertainty_limit_eV_per_angstrom
        Uncertainty of the force on an atom from which on the run says so, once. Not given: three
        times the largest in the model's validation data.
    uncertainty_stop
        Whether the run stops there instead, with the frame saved as extended XYZ.
    rdf_pairs
        Pairs of elements, such as "O-H", whose g(r) is computed.
    rdf_reference
        Table of reference g(r): name of a shipped one or path of a CSV file.
    compare_torsions_ps
        With a ligand: length of a further run with the force field alone, from the end of this one,
        whose torsions the report shows beside those of the model. 0: none.
    speed_test_s
        About the time spent on measuring the speed of other steps; 0: not measured.
    platform
        OpenMM platform, or "auto": the one that is likely the fastest.
    threads
        CPU threads; 0: as many as are quickest when the run starts, or, with a ligand, all.
    backend
        How the potential is called: "auto", "torch" or "python".
    precision
        "single" or "double".
    seed
        Seed of the box, the velocities and the noise.
    """

    title: str = "Molecular dynamics"
    model: str = "water-pbe0"
    waters: int | None = None
    density_g_per_cm3: float = 0.997
    structure: str | None = None
    ligand: str | None = None
    mm_system: str | None = None
    prmtop: str | None = None
    inpcrd: str | None = None
    implicit_solvent: str | None = None
    testsystem: str | None = None
    testsystem_options: dict[str, Any] = field(default_factory=dict)
    temperature_K: float = 300.0
    pressure_bar: float | None = None
    friction_per_ps: float = 2.0
    outer_step_fs: float | None = None
    inner_step_fs: float | None = None
    hydrogen_mass_amu: float | None = None
    equilibration_ps: float = 2.0
    equilibration_friction_per_ps: float = 5.0
    length_ps: float = 10.0
    report_every_fs: float = 20.0
    checkpoint_every_ps: float = 1.0
    max_temperature_K: float = 1000.0
    max_bond_angstrom: float = 2.0
    uncertainty_every_fs: float | None = None
    uncertainty_limit_eV_per_angstrom: float | None = None
    uncertainty_stop: bool = False
    rdf_pairs: tuple[str, ...] = ()
    rdf_reference: str | None = None
    compare_torsions_ps: float = 0.0
    speed_test_s: float = 30.0
    platform: str = "auto"
    threads: int = 0
    backend: str = "auto"
    precision: str = "single"
    seed: int = 1

    def __post_init__(self) -> None:
        check_fields(self)
        _check_values(self)


_POSITIVE = (
    "waters density_g_per_cm3 temperature_K outer_step_fs inner_step_fs hydrogen_mass_amu "
    "friction_per_ps equilibration_friction_per_ps length_ps report_every_fs "
    "checkpoint_every_ps max_temperature_K max_bond_angstrom uncertainty_every_fs "
    "uncertainty_limit_eV_per_angstrom"
).split()
FILES = ("structure", "mm_system", "prmtop", "inpcrd", "rdf_reference", "model")
"""Entries that name files."""
_NAMES_TOO = ("rdf_reference", "model")
_SOURCES = ("waters", "structure", "prmtop", "testsystem")
_NEED = {"mm_system": "structure", "inpcrd": "prmtop", "implicit_solvent": "prmtop"}
_NOT_NEGATIVE = ("equilibration_ps", "compare_torsions_ps", "speed_test_s", "threads", "seed")
_CHOICES = {"backend": ("auto", "torch", "python"), "precision": ("single", "double")}


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    folder = resources.files("openmm_innff") / "recipes"
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml"))


def load_recipe(name_or_path: str | Path) -> RunConfig:
    """Read a shipped recipe by its name, or a TOML file by its path.

    Parameters
    ----------
    name_or_path
        Such as ``"water"`` or ``"my/water.toml"``. Files that the recipe names are sought
        from its own folder.

    Raises
    ------
    ConfigError
        If there is no such recipe, it isn't TOML, or a key or value can't be used.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return _make(read_toml(path), str(path), path.parent)
    if str(name_or_path) in shipped_recipes():
        shipped = resources.files("openmm_innff") / "recipes" / f"{name_or_path}.toml"
        table = tomllib.loads(shipped.read_text(encoding="utf-8"))
        return _make(table, f"recipe '{name_or_path}'", None)
    raise ConfigError(
        f"recipe: wanted one of the shipped ones ({', '.join(shipped_recipes())}) or the path "
        f"of a .toml file, found '{name_or_path}'"
    )


def write_recipe(config: RunConfig, path: Path) -> None:
    """Write a configuration as TOML that `load_recipe` reads back to the same values.

    Parameters
    ----------
    config
        The run.
    path
        File to write, atomically.
    """
    lines = [
        f"{key} = {_toml(value)}"
        for key, value in dataclasses.asdict(config).items()
        if value not in (None, {})
    ]
    with atomic_write(path) as file:
        file.write("\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    # A JSON string, number or list of these is valid TOML as it stands.
    return json.dumps(value, ensure_ascii=False)


def _make(table: dict[str, Any], source: str, folder: Path | None) -> RunConfig:
    for key in FILES:
        beside = folder / str(table[key]) if folder is not None and key in table else None
        if beside is not None and (key not in _NAMES_TOO or beside.is_file()):
            table[key] = str(beside.resolve())
    try:
        return build(RunConfig, table)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def _check_values(config: RunConfig) -> None:
    for name in _POSITIVE:
        value = getattr(config, name)
        if value is not None and value <= 0:
            raise ConfigError(f"{name}: wanted more than 0, found {value}")
    for name in _NOT_NEGATIVE:
        if getattr(config, name) < 0:
            raise ConfigError(f"{name}: wanted 0 or more, found {getattr(config, name)}")
    for name, choices in _CHOICES.items():
        if getattr(config, name) not in choices:
            raise ConfigError(
                f"{name}: wanted one of {', '.join(choices)}, found '{getattr(config, name)}'"
            )
    for pair in config.rdf_pairs:
        if len(pair.split("-")) != 2 or not all(pair.split("-")):
            raise ConfigError(f"rdf_pairs: wanted pairs such as 'O-H', found '{pair}'")
    _check_source(config)
    if config.max_temperature_K <= config.temperature_K:
        raise ConfigError(
            f"max_temperature_K: wanted more than temperature_K = {config.temperature_K:g}, "
            f"found {config.max_temperature_K:g}"
        )


def _check_source(config: RunConfig) -> None:
    """Check that one thing is to be simulated, and all of it is given."""
    given = [name for name in _SOURCES if getattr(config, name) is not None]
    if len(given) != 1:
        raise ConfigError(
            f"{', '.join(_SOURCES)}: wanted one of these, found {' and '.join(given) or 'none'}"
        )
    for entry, needed in _NEED.items():
        if getattr(config, entry) is not None and given != [needed]:
            raise ConfigError(f"{entry}: wanted together with {needed}, found {given[0]}")
    if config.testsystem_options and given != ["testsystem"]:
        raise ConfigError(f"testsystem_options: wanted together with testsystem, found {given[0]}")
    if config.ligand is None:
        if given[0] in ("prmtop", "testsystem") or config.mm_system is not None:
            raise ConfigError("ligand: wanted the name of a residue beside the force field")
    elif given == ["waters"]:
        raise ConfigError("ligand: wanted a structure, prmtop or testsystem with it, found waters")
    elif given == ["structure"] and config.mm_system is None:
        raise ConfigError("mm_system: wanted the force field of a structure with a ligand")
    elif given == ["prmtop"] and config.inpcrd is None:
        raise ConfigError("inpcrd: wanted the positions of the prmtop")
