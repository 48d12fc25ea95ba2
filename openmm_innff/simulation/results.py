"""From the files of a finished run to its report."""

import contextlib
import csv
import ctypes
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from numpy.typing import NDArray
from openmm import app, unit

from openmm_innff.analysis import (
    RadialDistribution,
    load_table,
    radial_distribution,
    save_table,
)
from openmm_innff.binding import save_course, site_course
from openmm_innff.errors import DataError, SimulationError
from openmm_innff.files import atomic_write
from openmm_innff.model import Model
from openmm_innff.recipe import RunConfig
from openmm_innff.report import LigandReport, RunReport
from openmm_innff.simulation.comparison import CLASSICAL_TORSIONS, torsions_of
from openmm_innff.simulation.folder import resume_command
from openmm_innff.simulation.machine import Machine
from openmm_innff.simulation.outputs import TABLE, TRAJECTORY
from openmm_innff.simulation.start import Setup
from openmm_innff.simulation.temperatures import TEMPERATURES
from openmm_innff.throughput import Speed
from openmm_innff.torsions import save_angles, torsion_angles

RDF_TABLE = "rdf.csv"
SITE = "site.csv"
TORSIONS = "torsions.csv"
SPEEDS = "speeds.json"


def make_report(
    folder: Path,
    config: RunConfig,
    model: Model,
    setup: Setup,
    machine: Machine,
    speeds: Sequence[Speed],
    classical_torsions: NDArray[np.float64] | None = None,
) -> RunReport:
    """Analyse a run's files.

    Parameters
    ----------
    folder
        With trajectory and table.
    config, model, setup, machine
        What was run, and where.
    speeds
        As measured, or none.
    classical_torsions
        Of the ligand in the force field alone, degrees.
    """
    table = read_table(folder / TABLE)
    structure = _structure(folder, config, setup.topology)
    reference = load_table(config.rdf_reference) if config.rdf_reference else {}
    speed = table["ns_per_day"][table["stage"] == "production"]
    steps = setup.steps
    n_atoms = setup.topology.getNumAtoms()
    what = f"{config.waters} water molecules" if config.waters else f"{n_atoms} atoms"
    if setup.ligand is not None:
        what += f", of which {len(setup.ligand.atoms)} ({config.ligand})"
    return RunReport(
        title=config.title,
        lead=(
            f"{what} with the model {model.card.name}, {config.length_ps:g} ps at "
            f"{config.temperature_K:g} K, multiple time steps: slow forces every "
            f"{steps.outer_fs:g} fs, fast forces every {steps.inner_fs:g} fs."
        ),
        table=table,
        temperature=config.temperature_K,
        n_atoms=n_atoms,
        run_speed=float(len(speed) / (1 / speed).sum()),
        structure=structure,
        reference=reference,
        speeds=speeds,
        facts={
            "What was run": _run_facts(config, setup),
            "Model": _model_facts(model),
            "Where it ran": machine.facts(),
            "Files": _FILES if setup.ligand is None else [*_FILES, *_LIGAND_FILES],
        },
        commands=how_to_go_on(folder, config),
        ligand=None if setup.ligand is None else _ligand(folder, setup, classical_torsions),
    )


def _ligand(folder: Path, setup: Setup, classical: NDArray[np.float64] | None) -> LigandReport:
    """Follow the ligand of a run, and write what is found."""
    if setup.ligand is None:
        raise SimulationError("setup: wanted one with a ligand, found none")
    table = read_table(folder / TEMPERATURES)
    chosen = table["stage"] == "production"
    temperatures = {
        name: values[chosen] for name, values in table.items() if name not in ("stage", "time_ps")
    }
    trajectory = _trajectory(folder, setup.topology)
    times = table["time_ps"][chosen]
    interval = float(times[1] - times[0]) if len(times) > 1 else float(times[0])
    torsions = torsions_of(setup)
    angles = torsion_angles(trajectory, torsions) if torsions else np.empty((len(trajectory), 0))
    if torsions:
        save_angles(folder / TORSIONS, torsions, angles)
    names = [torsion.name for torsion in torsions]
    try:
        course = site_course(trajectory, setup.ligand.atoms, interval, setup.classical)
        save_course(course, folder / SITE)
    except DataError:  # alone in a box of water, or in vacuum
        course = None
    return LigandReport(temperatures, course, names, angles, classical)


def source(config: RunConfig) -> str:
    """Say what a recipe simulates.

    Parameters
    ----------
    config
        The recipe.
    """
    what = config.structure or config.prmtop or config.testsystem or ""
    return what if config.ligand is None else f"{config.ligand} in {Path(what).name}"


def how_to_go_on(folder: Path, config: RunConfig) -> list[tuple[str, str]]:
    """Commands for a longer run and for a larger box.

    Parameters
    ----------
    folder
        Of the run.
    config
        Its recipe.
    """
    longer = resume_command(folder, "--length", f"{5 * config.length_ps:g}")
    commands = [("The same run, longer:", longer)]
    if config.waters:
        n, other = 2 * config.waters, f"{folder}-{2 * config.waters}"
        larger = f"innff run {folder / 'recipe.toml'} --waters {n} --out {other}"
        commands.append(("More waters:", larger))
    return commands


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    """Read the table of a run, its times in one line from the first stage to the last.

    Parameters
    ----------
    path
        The CSV file.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table: dict[str, NDArray[Any]] = {"stage": np.array([row["stage"] for row in rows])}
    for name in rows[0]:
        if name != "stage":
            table[name] = np.array([float(row[name]) for row in rows])
    stages = table["stage"]
    begins = np.flatnonzero(stages[1:] != stages[:-1]) + 1
    for begin in begins:
        table["time_ps"][begin:] += table["time_ps"][begin - 1]
    return table


def save_speeds(speeds: Sequence[Speed], path: Path) -> None:
    """Write measured speeds as JSON.

    Parameters
    ----------
    speeds
        As measured.
    path
        File to write, atomically.
    """
    with atomic_write(path) as file:
        json.dump([dataclasses.asdict(speed) for speed in speeds], file, indent=2)


def load_speeds(path: Path) -> tuple[Speed, ...]:
    """Read what `save_speeds` wrote; empty if there is none.

    Parameters
    ----------
    path
        The JSON file.
    """
    try:
        return tuple(Speed(**entry) for entry in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return ()


def _structure(folder: Path, config: RunConfig, topology: app.Topology) -> list[RadialDistribution]:
    symbols = {atom.element.symbol for atom in topology.atoms()}
    pairs = [pair for pair in config.rdf_pairs if set(pair.split("-")) <= symbols]
    if not pairs:
        return []
    trajectory = _trajectory(folder, topology)
    functions = [radial_distribution(trajectory, pair) for pair in pairs]
    save_table(
        functions,
        folder / RDF_TABLE,
        ["Radial distribution functions; pairs within a molecule are left out."],
    )
    return functions


def _trajectory(folder: Path, topology: app.Topology) -> mdtraj.Trajectory:
    with _silent():
        return mdtraj.load_dcd(folder / TRAJECTORY, top=mdtraj.Topology.from_openmm(topology))


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what compiled code prints (here the DCD reader, about its plugin) from the user."""
    c_library = ctypes.CDLL(None)  # it has a buffer of its own
    sys.stdout.flush()
    c_library.fflush(None)
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            yield
    finally:
        c_library.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def _run_facts(config: RunConfig, setup: Setup) -> list[tuple[str, str]]:
    dimensions = setup.topology.getUnitCellDimensions()
    box = "no box"
    if dimensions is not None:
        edges = " x ".join(f"{edge:.3f}" for edge in dimensions.value_in_unit(unit.angstrom))
        box = f"{edges} angstrom"
    ensemble = (
        "NVT" if config.pressure_bar is None else f"NPT, {config.pressure_bar:g} bar (Monte Carlo)"
    )
    steps = setup.steps
    return [
        ("box", f"{setup.topology.getNumAtoms()} atoms, {box}"),
        ("ensemble", f"{ensemble}, {config.temperature_K:g} K"),
        ("thermostat", f"Langevin (BAOAB-RESPA), {config.friction_per_ps:g} per ps"),
        ("steps", f"slow forces {steps.outer_fs:g} fs, fast forces {steps.inner_fs:g} fs"),
        ("mass of hydrogen", f"{steps.hydrogen_mass:g} amu"),
        ("equilibration", f"{config.equilibration_ps:g} ps, "
                          f"{config.equilibration_friction_per_ps:g} per ps"),
        ("production", f"{config.length_ps:g} ps, a frame every {config.report_every_fs:g} fs"),
        ("seed", str(config.seed)),
    ]  # fmt: skip


def _model_facts(model: Model) -> list[tuple[str, str]]:
    card, potential = model.card, model.potential
    cutoffs = f"fast {potential.cutoff('fast'):g}, slow {potential.cutoff('slow'):g} angstrom"
    return [
        ("name", card.name),
        ("description", card.description),
        ("level of theory", card.level_of_theory),
        ("reference data", card.data),
        ("licence of the data", card.data_licence),
        ("cutoffs", cutoffs),
        ("parameters", f"{potential.n_parameters}"),
        *((name.replace("_", " "), f"{value:.3g}") for name, value in card.errors.items()),
    ]


_LIGAND_FILES = [
    (TEMPERATURES, "temperatures of the ligand and of what surrounds it"),
    (SITE, "distances of the ligand from where it was and from its neighbours, and its energies"),
    (TORSIONS, "its torsions about rotatable bonds, degrees, if it has any"),
    (CLASSICAL_TORSIONS, "the same with the force field alone, if compare_torsions_ps asks for it"),
]
_FILES = [
    ("recipe.toml", "what was run; innff run reads it"),
    ("topology.pdb", "atoms and bonds, at the start of the run"),
    (TRAJECTORY, "frames of the production run (mdtraj, MDAnalysis, VMD and others read it)"),
    (TABLE, "time, energies, temperature, density and speed"),
    (RDF_TABLE, "radial distribution functions with standard errors"),
    ("checkpoint.json", "with its .chk file: the state from which the run can go on"),
]
