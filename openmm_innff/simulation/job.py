"""The job from a recipe to a report."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch  # before openmm: openmmtorch's libraries need those that torch loads

# isort: split
import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app
from rich.console import Console

from openmm_innff.files import atomic_write
from openmm_innff.interrupt import StopRequest
from openmm_innff.model import Model, load_model
from openmm_innff.recipe import RunConfig, write_recipe
from openmm_innff.report import RunReport, write_report
from openmm_innff.simulation.checkpoint import Checkpoint
from openmm_innff.simulation.comparison import classical_torsions
from openmm_innff.simulation.complexes import complex_schemes, set_up_complex
from openmm_innff.simulation.display import Display
from openmm_innff.simulation.engine import Engine, Schedule, Stage
from openmm_innff.simulation.folder import RECIPE, locked, open_folder, resume_command
from openmm_innff.simulation.guard import Guard
from openmm_innff.simulation.machine import (
    Machine,
    choose_threads,
    prepare_machine,
    usable_cores,
)
from openmm_innff.simulation.results import (
    SPEEDS,
    how_to_go_on,
    load_speeds,
    make_report,
    save_speeds,
    source,
)
from openmm_innff.simulation.start import Setup, resolve_files, set_up, start
from openmm_innff.simulation.temperatures import Temperatures, parts_of
from openmm_innff.simulation.watch import Watch, Watcher
from openmm_innff.throughput import SINGLE_STEPS_FS, Speed, compare_speeds, measure_speeds
from openmm_innff.trust import Monitor

REPORT = "report.html"
TOPOLOGY = "topology.pdb"


def run(
    config: RunConfig,
    out: str | Path,
    *,
    resume: bool = False,
    progress: bool = True,
    model: Model | None = None,
) -> Path:
    """Simulate what a recipe says, and write trajectory, table, checkpoints and a report.

    Parameters
    ----------
    config
        The recipe.
    out
        Folder to write to, made if missing.
    resume
        Go on with the run in that folder from its checkpoint, exactly as if it had never stopped;
        without one, start. The recipe may differ in length, and in what is reported.
    progress
        Whether to show how it goes.
    model
        Used instead of the one that the recipe names.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    ConfigError
        If the recipe can't be run.
    SimulationError
        If the folder holds another run, or the run explodes.
    FileWriteError
        If a file can't be written.
    KeyboardInterrupt
        After Ctrl-C, when a checkpoint has been written.
    """
    folder, config = Path(out), resolve_files(config)
    console = Console(quiet=not progress, highlight=False)
    with locked(folder):
        config, checkpoint = open_folder(folder, config, resume)
        model = model or load_model(config.model)
        mm_threads = None if config.ligand is None else config.threads
        machine = prepare_machine(config.platform, config.precision, mm_threads)
        _announce(console, config, model, machine, folder, checkpoint)
        if config.threads:  # now, since the start depends on it too
            torch.set_num_threads(config.threads)
        if config.ligand is not None:
            setup = set_up_complex(config, model)
        else:
            setup = set_up(config, model, settle=checkpoint is None)
        context = openmm.Context(
            setup.system, setup.integrator(config), machine.platform, machine.properties
        )
        if checkpoint is None:
            start(context, setup, config)
            _write_topology(folder / TOPOLOGY, setup.topology, context)
        else:
            context.loadCheckpoint(checkpoint.state)
        config = _set_threads(folder, config, context)
        watchers = _watchers(folder, config, model, setup, context, console)
        _simulate(folder, config, setup, context, checkpoint, console, watchers)
        speeds = _speeds(folder, config, setup, context, machine, console)
        torsions = _torsions(folder, config, setup, context, machine, console)
        report = make_report(folder, config, model, setup, machine, speeds, torsions)
        write_report(report, folder / REPORT)
    _conclude(console, report, folder, config)
    return folder / REPORT


def _simulate(
    folder: Path,
    config: RunConfig,
    setup: Setup,
    context: openmm.Context,
    checkpoint: Checkpoint | None,
    console: Console,
    watchers: Sequence[Watcher],
) -> None:
    schedule = make_schedule(config, setup.steps.outer_fs, setup.steps_per_outer)
    atoms = None if setup.ligand is None else setup.ligand.members
    guard = Guard.of(setup.topology, config.max_temperature_K, config.max_bond_angstrom, atoms)
    engine = Engine(
        context, setup.topology, schedule, guard, folder, checkpoint, setup.fingerprint, watchers
    )
    stop, display = StopRequest(), Display(console, schedule)
    with stop.listening(), display.running(engine.place.stage, engine.place.block):
        finished = engine.run(display.show, stop)
    if not finished:
        console.print(
            f"Stopped after {engine.describe(engine.place)}; a checkpoint is saved. To go on:\n"
            f"  {resume_command(folder)}",
            soft_wrap=True,
        )
        raise KeyboardInterrupt


def _watchers(
    folder: Path,
    config: RunConfig,
    model: Model,
    setup: Setup,
    context: openmm.Context,
    console: Console,
) -> list[Watcher]:
    """Return what looks at the run: at temperatures, and at the uncertainty if asked for."""
    watchers: list[Watcher] = []
    ligand = setup.ligand
    if ligand is not None:
        parts = parts_of(setup.topology, ligand.atoms)
        watchers.append(Temperatures(context, parts, folder))
    if config.uncertainty_every_fs is None:
        return watchers
    every = max(1, round(config.uncertainty_every_fs / config.report_every_fs))
    topology = setup.topology if ligand is None else ligand.own_topology
    monitor = Monitor(model, topology, limit=config.uncertainty_limit_eV_per_angstrom)
    say = partial(console.print, soft_wrap=True)
    atoms = None if ligand is None else ligand.atoms
    watchers.append(Watch(monitor, folder, every, config.uncertainty_stop, say, atoms))
    return watchers


def _set_threads(folder: Path, config: RunConfig, context: openmm.Context) -> RunConfig:
    """If the recipe does not say how many threads, choose a number and keep it for resuming.

    The number of threads orders the terms of sums, so it belongs to what is repeated exactly.
    """
    if config.threads:
        return config
    if config.ligand is not None:  # the force field's share is the larger, and takes all
        return dataclasses.replace(config, threads=usable_cores())
    config = dataclasses.replace(config, threads=choose_threads(context))
    write_recipe(config, folder / RECIPE)
    return config


def make_schedule(config: RunConfig, outer_fs: float, inner: int) -> Schedule:
    """Count a recipe's times in inner steps, rounded to whole outer steps and blocks.

    Parameters
    ----------
    config
        The recipe.
    outer_fs
        Outer step, fs.
    inner
        Inner steps in it.
    """
    block_steps = max(1, round(config.report_every_fs / outer_fs))
    block_ps = block_steps * outer_fs * 1e-3

    def blocks(length_ps: float) -> int:
        return max(1, round(length_ps / block_ps))

    stages = [Stage("production", blocks(config.length_ps), config.friction_per_ps, True)]
    if config.equilibration_ps > 0:
        friction = config.equilibration_friction_per_ps
        stages.insert(0, Stage("equilibration", blocks(config.equilibration_ps), friction, False))
    checkpoint = blocks(config.checkpoint_every_ps)
    return Schedule(outer_fs / inner, inner * block_steps, checkpoint, tuple(stages))


def _speeds(
    folder: Path,
    config: RunConfig,
    setup: Setup,
    context: openmm.Context,
    machine: Machine,
    console: Console,
) -> tuple[Speed, ...]:
    """Measure speeds, unless the run has done so before."""
    if config.speed_test_s == 0:
        return ()
    speeds = load_speeds(folder / SPEEDS)
    if not speeds:
        console.print(f"Comparing speeds of other steps, about {config.speed_test_s:g} s ...")
        where = {"platform": machine.platform, "properties": machine.properties}
        state = context.getState(positions=True, velocities=True)
        if setup.ligand is not None:
            schemes = complex_schemes(config, setup)
            speeds = compare_speeds(schemes, state, seconds=config.speed_test_s, **where)
        else:
            speeds = measure_speeds(
                setup.system,
                state,
                temperature=config.temperature_K,
                friction=config.friction_per_ps,
                outer_step_fs=setup.steps.outer_fs,
                inner_step_fs=setup.steps.inner_fs,
                vibrational_friction=setup.steps.vibrational_friction,
                seconds=config.speed_test_s,
                whole=setup.whole,
                **where,
            )
        save_speeds(speeds, folder / SPEEDS)
    return speeds


def _torsions(
    folder: Path,
    config: RunConfig,
    setup: Setup,
    context: openmm.Context,
    machine: Machine,
    console: Console,
) -> NDArray[np.float64] | None:
    """Torsions of the ligand in the force field alone, if they are asked for."""
    if config.compare_torsions_ps > 0 and setup.ligand is not None:
        console.print(f"The force field alone, {config.compare_torsions_ps:g} ps ...")
    state = context.getState(positions=True)
    return classical_torsions(folder, config, setup, state, machine)


def _write_topology(path: Path, topology: app.Topology, context: openmm.Context) -> None:
    state = context.getState(positions=True, enforcePeriodicBox=True)
    with atomic_write(path) as file:
        app.PDBFile.writeFile(topology, state.getPositions(), file)


def _announce(
    console: Console,
    config: RunConfig,
    model: Model,
    machine: Machine,
    folder: Path,
    checkpoint: Checkpoint | None,
) -> None:
    what = f"{config.waters} waters" if config.waters else source(config)
    console.print(
        f"[bold]{config.title}[/bold]: {what}, model {model.card.name}, "
        f"{config.temperature_K:g} K, {config.length_ps:g} ps\n"
        f"Platform {machine.platform.getName()}; files in {folder}/",
        soft_wrap=True,
    )
    if checkpoint is not None:
        console.print("Going on from the checkpoint in that folder.")


def _conclude(console: Console, report: RunReport, folder: Path, config: RunConfig) -> None:
    lines = [("Report", str(folder / REPORT)), ("Temperature", report.temperature_text())]
    agreements = report.agreements()
    if agreements:
        found = ", ".join(f"{a.pair} {a.similarity:.1%}" for a in agreements)
        lines.append(("g(r)", f"agreement with the reference data: {found}"))
    speed = f"{report.run_speed:.3g} ns/day"
    if report.speeds:
        multiple = report.speeds[-1]
        gains = " and ".join(
            f"{multiple.ns_per_day / single.ns_per_day:.2f} times as fast as {single.name}"
            for single in report.speeds[: len(SINGLE_STEPS_FS)]
        )
        speed += f"; multiple time steps are {gains}"
    lines.append(("Speed", speed))
    lines += [(what.rstrip(":"), command) for what, command in how_to_go_on(folder, config)]
    console.print()
    for name, text in lines:
        console.print(f"[bold]{name}[/bold]: {text}", soft_wrap=True)
