"""The step advisor: the longest time steps at which a model still samples what it should.

For each hydrogen mass: equilibrate, run a reference with one short step, then each candidate pair
of steps with the same start, and compare. Each finished run is a JSON file, which ``resume`` keeps.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch  # before openmm: openmmtorch's libraries need those that torch loads

# isort: split
import openmm
from openmm import app
from rich.console import Console

from openmm_innff.audit.advice import Advice, advise, safe_steps
from openmm_innff.audit.config import HYDROGEN, AuditConfig
from openmm_innff.audit.measure import Bench, measure
from openmm_innff.audit.progress import Progress
from openmm_innff.audit.report import print_summary, write_report
from openmm_innff.audit.sampling import species_of
from openmm_innff.audit.schemes import (
    COLOURED,
    CONSERVING,
    DEFAULT,
    VIBRATIONAL_FRICTION,
    MakeIntegrator,
    find_scheme,
)
from openmm_innff.audit.spectrum import slow_changes, stiffness
from openmm_innff.errors import ConfigError
from openmm_innff.files import atomic_write, make_folder
from openmm_innff.integrators import mts_langevin_integrator, mts_nve_integrator
from openmm_innff.model import Model, load_model
from openmm_innff.recipe import RunConfig
from openmm_innff.simulation.machine import Machine, choose_threads, prepare_machine
from openmm_innff.simulation.start import Setup, set_up, start
from openmm_innff.units import ANGSTROM_TO_NM, FS_TO_PS, NM_TO_ANGSTROM

REFERENCE_FS = 0.5
_EQUILIBRATION_FRICTION = 5.0
_EQUILIBRATION_FS = 2.0
_STIFF_FRAMES = 3


def audit_mts(
    config: AuditConfig,
    name: str,
    out: Path,
    *,
    resume: bool = False,
    write: Path | None = None,
    model: Model | None = None,
    make_integrator: MakeIntegrator | None = None,
    console: Console | None = None,
) -> Advice:
    """Run the step advisor and write its results.

    Parameters
    ----------
    config
        What to do.
    name
        Model: name or file.
    out
        Folder for results.
    resume
        Whether to keep the finished runs in the folder.
    write
        Where to write a copy of the model with the steps found safe.
    model
        The model, if loaded already.
    make_integrator
        Instead of the scheme's.
    console
        Where to show progress.

    Raises
    ------
    ConfigError
        If the folder holds results that don't fit, or the steps can't be stored.
    KeyboardInterrupt
        After Ctrl-C; finished runs are kept.
    """
    model, console = model or load_model(name), console or Console()
    make = make_integrator or find_scheme(config.scheme)
    if write is not None and make_integrator is not None:
        raise ConfigError("write: wanted a scheme by name, found an integrator of the caller's")
    setup = set_up(_recipe(config), model, settle=True)
    _open(out, config, setup.fingerprint, resume)
    machine = prepare_machine(config.platform, "single")
    console.print(f"Auditing the steps of {model.card.name}; results in {out}/", soft_wrap=True)
    results: dict[float, dict[str, Any]] = {}
    with Progress(console, _lengths(config)) as progress:
        for mass in config.hydrogen_masses:
            results[mass] = _audit_mass(config, mass, model, setup, machine, make, out, progress)
    with_drift = config.scheme in CONSERVING and make_integrator is None
    advice = advise(results, config.temperature, config.tolerances, with_drift)
    facts = {"model": model.card.name, **_settings(config), **dict(machine.facts())}
    write_report(out, advice, results, facts, config.tolerances)
    print_summary(console, advice, results, out)
    if write is not None:
        _write(write, model, advice, config, setup, console)
    return advice


def _audit_mass(
    config: AuditConfig,
    mass: float,
    model: Model,
    setup: Setup,
    machine: Machine,
    make: MakeIntegrator,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Results of one hydrogen mass: "reference", "stiffness" and "candidates"."""
    label = f"H{mass:g}"
    base = _system(model, setup.topology, mass, mollified=False)
    bench = _bench(config, base, setup, machine, out / f"start-{label}.npz", progress)
    moved = _system(model, setup.topology, mass, mollified=True) if config.mollified else base
    trial = replace(bench, system=moved)
    common = {"temperature": config.temperature, "friction": config.friction}
    reference = _kept(out / f"reference-{label}.json")
    if reference is None:
        with progress.task(f"{label} reference", 2 * config.length_ps) as show:
            reference = measure(
                bench, find_scheme(DEFAULT), outer_fs=REFERENCE_FS, inner_fs=REFERENCE_FS,
                length_ps=2 * config.length_ps, nve_ps=0.0, seed=config.seed, reference=None,
                on_sample=show, **common,
            )  # fmt: skip
        if reference["exploded"]:
            raise ConfigError(
                f"hydrogen mass {mass:g}: the reference failed: {reference['exploded']}"
            )
        _save(out / f"reference-{label}.json", reference)
    stiff = _kept(out / f"stiffness-{label}.json")
    if stiff is None:
        with progress.task(f"{label} stiffness", 0.0):
            stiff = _stiffness(trial)
        _save(out / f"stiffness-{label}.json", stiff)
    candidates = []
    for inner, outer in config.candidates(mass):
        file = out / f"candidate-{label}-{inner:g}-{outer:g}.json"
        result = _kept(file)
        if result is None:
            with progress.task(f"{label} {inner:g}/{outer:g} fs", config.length_ps) as show:
                result = measure(
                    trial, make, outer_fs=outer, inner_fs=inner, length_ps=config.length_ps,
                    nve_ps=config.nve_ps if config.scheme in CONSERVING else 0.0,
                    seed=config.seed + 1, reference=reference, on_sample=show, **common,
                )  # fmt: skip
            _save(file, result)
        candidates.append(result)
    return {"reference": reference, "stiffness": stiff, "candidates": candidates}


def _bench(
    config: AuditConfig,
    system: openmm.System,
    setup: Setup,
    machine: Machine,
    file: Path,
    progress: Progress,
) -> Bench:
    """Equilibrate, or take the start that was kept."""
    integrator = mts_langevin_integrator(
        system,
        config.temperature,
        _EQUILIBRATION_FRICTION,
        _EQUILIBRATION_FS * FS_TO_PS,
        REFERENCE_FS * FS_TO_PS,
        seed=config.seed,
    )
    context = openmm.Context(system, integrator, machine.platform, machine.properties)
    context.setPositions(setup.positions * ANGSTROM_TO_NM)
    torch.set_num_threads(config.threads or choose_threads(context))
    if not file.is_file():
        start(context, setup, _recipe(config))
        step_ps = 0.02
        with progress.task("equilibration", config.equilibration_ps) as show:
            for k in range(max(1, round(config.equilibration_ps / step_ps))):
                integrator.step(round(step_ps / (_EQUILIBRATION_FS * FS_TO_PS)))
                show((k + 1) * step_ps)
        state = context.getState(positions=True, velocities=True)
        with atomic_write(file, "wb") as stream:
            np.savez(
                stream,
                positions=state.getPositions(asNumpy=True)._value * NM_TO_ANGSTROM,
                velocities=state.getVelocities(asNumpy=True)._value * NM_TO_ANGSTROM * FS_TO_PS,
            )
    with np.load(file) as kept:
        positions, velocities = kept["positions"], kept["velocities"]
    symbols = [atom.element.symbol for atom in setup.topology.atoms()]
    species = species_of(system, symbols)
    return Bench(setup.topology, system, system, species, positions, velocities, machine)


def _stiffness(bench: Bench) -> dict[str, Any]:
    step = REFERENCE_FS * FS_TO_PS
    context = bench.context(mts_nve_integrator(bench.system, step, step))
    frames, changes = [], []
    for _ in range(_STIFF_FRAMES):
        changes.append(slow_changes(context, REFERENCE_FS))
        where = context.getState(positions=True).getPositions(asNumpy=True)._value
        frames.append(where * NM_TO_ANGSTROM)
    found = stiffness(bench.probe(), np.array(frames), bench.species.masses)
    rms = np.sqrt(np.mean(np.square(changes), axis=0)) * 1e3
    return {
        **asdict(found),
        "slow_rms_meV_per_A": rms[0],
        "slow_changes_meV_per_A": rms[1:].tolist(),
    }


def _recipe(config: AuditConfig) -> RunConfig:
    """Return the part of the configuration that a run of the package has too."""
    return RunConfig(
        waters=None if config.structure else config.waters,
        structure=config.structure,
        temperature_K=config.temperature,
        outer_step_fs=REFERENCE_FS,
        inner_step_fs=REFERENCE_FS,
        hydrogen_mass_amu=HYDROGEN,
        seed=config.seed,
    )


def _system(model: Model, topology: app.Topology, mass: float, mollified: bool) -> openmm.System:
    heavy = abs(mass - HYDROGEN) > 0.01
    return model.create_system(topology, hydrogen_mass=mass if heavy else None, mollified=mollified)


def _settings(config: AuditConfig) -> dict[str, Any]:
    """Return what finished runs depend on; steps, masses and tolerances may change later."""
    settings = asdict(config)
    for key in ("steps", "hydrogen_masses", "tolerances", "threads"):
        del settings[key]
    return settings


def _open(out: Path, config: AuditConfig, fingerprint: str, resume: bool) -> None:
    """Make the folder, or check that its results belong to the same settings."""
    make_folder(out)
    file = out / "settings.json"
    wanted = {**_settings(config), "fingerprint": fingerprint}
    if file.is_file() and not resume:
        raise ConfigError(
            f"out: '{out}' holds an audit; go on with --resume or choose another folder"
        )
    found = _kept(file)
    if found is not None and found != wanted:
        other = ", ".join(sorted(key for key in wanted if wanted[key] != found.get(key)))
        raise ConfigError(
            f"out: '{out}' holds an audit with another {other}; choose another folder"
        )
    _save(file, wanted)


def _lengths(config: AuditConfig) -> float:
    runs = sum(2 + len(config.candidates(mass)) for mass in config.hydrogen_masses)
    return runs * config.length_ps + len(config.hydrogen_masses) * config.equilibration_ps


def _kept(file: Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: wanted a result of an audit, found no JSON: {error}") from error
    return found


def _save(file: Path, result: Mapping[str, Any]) -> None:
    with atomic_write(file) as stream:
        json.dump(result, stream, indent=1)


def _write(
    path: Path, model: Model, advice: Advice, config: AuditConfig, setup: Setup, console: Console
) -> None:
    n_atoms = setup.topology.getNumAtoms()
    where = f"{config.length_ps:g} ps each, {n_atoms} atoms, {config.temperature:g} K"
    friction = VIBRATIONAL_FRICTION if config.scheme == COLOURED else 0.0
    entries = safe_steps(advice, where, config.mollified, friction)
    if not entries:
        console.print(f"Nothing written to {path}: no steps passed.", soft_wrap=True)
        return
    renewed = {entry.hydrogen_mass for entry in entries}
    kept = [e for e in model.card.safe_steps if e.hydrogen_mass not in renewed]
    steps = tuple(sorted((*kept, *entries), key=lambda entry: entry.hydrogen_mass))
    replace(model, card=replace(model.card, safe_steps=steps)).save(path)
    console.print(f"Model with safe steps written to {path}", soft_wrap=True)
