"""What a fast part costs, and what it leaves to the slow part: one row for each model.

    python benchmarks/frontier.py water-pbe0 runs/other.innff   # shipped models or files of water
    python benchmarks/frontier.py runs/fast-parts/*.innff       # made by fast_parts.py

Cost: evaluations of both parts by the compiled engine on one thread, all models by turns, with 64
and with 512 waters. What is left: the slow force, its change along 40 fs of dynamics, and its
stiffest motion (Lanczos on the mass-weighted Hessian), which bounds the outer step. Errors are
those of the model cards. Writes frontier.md beside this script.
"""

import argparse
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

# isort: split
import openmm
from openmm import unit

from openmm_innff import load_model
from openmm_innff.audit.probe import Probe
from openmm_innff.audit.spectrum import LAGS_FS, slow_changes, stiffness
from openmm_innff.boxes import settle_classically, water_box
from openmm_innff.forces.mollified import evaluate_directly
from openmm_innff.integrators import mts_langevin_integrator, mts_nve_integrator
from openmm_innff.potential import BondedConfig
from openmm_innff.simulation.machine import prepare_machine
from openmm_innff.units import ANGSTROM_TO_NM, FS_TO_PS, NM_TO_ANGSTROM

TABLE = Path(__file__).with_suffix(".md")
WATERS = (64, 512)
ROUNDS = 40
EQUILIBRATION_PS = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="shipped models or files")
    names = parser.parse_args().models
    torch.set_num_threads(1)
    models = [load_model(name) for name in names]
    machine = prepare_machine("auto", "single")
    costs = {n: measured_costs(models, n) for n in WATERS}
    rows = []
    for k, model in enumerate(models):
        print(f"{model.card.name}: slow force", flush=True)
        found = [slow_force(model, machine, mollified) for mollified in (False, True)]
        rows.append(row(model, [costs[n][k] for n in WATERS], *found))
    text = report(rows, [f"{k}: {v}" for k, v in machine.facts()])
    TABLE.write_text(text, encoding="utf-8")
    print(text)


def measured_costs(models: list[Any], waters: int) -> list[tuple[float, float]]:
    """Milliseconds of the fast and the slow part of each model."""
    topology, positions = water_box(waters, seed=1)
    positions = settle_classically(topology, positions, seed=1)
    numbers = [atom.element.atomic_number for atom in topology.atoms()]
    bonds = [(a.index, b.index) for a, b in topology.bonds()]
    vectors = topology.getPeriodicBoxVectors().value_in_unit(unit.angstrom)
    box = np.array([tuple(vector) for vector in vectors])
    calls = []
    for model in models:
        for part in ("fast", "slow"):
            evaluator = model.potential.evaluator(part, numbers, periodic=True, bonds=bonds)
            calls.append((partial(evaluate_directly, list(evaluator.components)), []))
    for _ in range(ROUNDS):
        for call, times in calls:
            call(positions, box)  # into the cache
            begin = time.perf_counter()
            call(positions, box)
            times.append(1e3 * (time.perf_counter() - begin))
    medians = [statistics.median(times) for _, times in calls]
    return list(zip(medians[::2], medians[1::2], strict=True))


def slow_force(model: Any, machine: Any, mollified: bool) -> tuple[list[float], float, float]:
    """RMS slow force and its changes (meV/A), highest slow wavenumber (1/cm), bound (fs)."""
    topology, positions = water_box(64, seed=1)
    positions = settle_classically(topology, positions, seed=1)
    system = model.create_system(topology, mollified=mollified)
    warm = mts_langevin_integrator(system, 300.0, 5.0, 0.5 * FS_TO_PS, 0.5 * FS_TO_PS, seed=1)
    context = openmm.Context(system, warm, machine.platform, machine.properties)
    context.setPositions(positions * ANGSTROM_TO_NM)
    openmm.LocalEnergyMinimizer.minimize(context, 100.0, 20)
    context.setVelocitiesToTemperature(300.0, 1)
    warm.step(round(EQUILIBRATION_PS / (0.5 * FS_TO_PS)))
    state = context.getState(positions=True, velocities=True)
    free = openmm.Context(
        system,
        mts_nve_integrator(system, 0.5 * FS_TO_PS, 0.5 * FS_TO_PS),
        machine.platform,
        machine.properties,
    )
    free.setState(state)
    changes = [1e3 * value for value in slow_changes(free, 0.5)]
    frame = state.getPositions(asNumpy=True)._value * NM_TO_ANGSTROM
    masses = np.array([system.getParticleMass(i)._value for i in range(system.getNumParticles())])
    stiff = stiffness(Probe(system, machine.platform, machine.properties), frame[None], masses)
    return changes, stiff.slow_per_cm, stiff.slow_bound_fs


def row(
    model: Any,
    costs: list[tuple[float, float]],
    slow: tuple[list[float], float, float],
    mollified: tuple[list[float], float, float],
) -> str:
    fast = model.potential.config.fast
    if isinstance(fast, BondedConfig):
        kind = f"bonded, {fast.modes} modes, pairs to {fast.cutoff:g} A"
    else:
        kind = f"density, {fast.cutoff:g} A, {fast.channels} channels, l <= {fast.l_max}"
    if not isinstance(fast, BondedConfig) and fast.messages:
        kind += f", {fast.messages} messages"
    (force, *changes), (_, *softened) = slow[0], mollified[0]
    errors = model.card.errors
    cells = [
        model.card.name,
        kind,
        *(f"{1e3 * a:.0f} / {1e3 * b:.0f}: {a / b:.3f}" for a, b in costs),
        f"{errors['valid_force_rmse_meV_per_A']:.1f}",
        f"{errors['valid_energy_rmse_shifted_meV_per_atom']:.2f}",
        f"{force:.0f}",
        *(f"{a:.0f} / {b:.0f}" for a, b in zip(changes, softened, strict=True)),
        f"{slow[1]:.0f} / {mollified[1]:.0f}",
        f"{mollified[2]:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def report(rows: list[str], facts: list[str]) -> str:
    head = [
        "model",
        "fast part",
        *(f"{3 * n} atoms, us fast / slow: c" for n in WATERS),
        "force error, meV/A",
        "energy error, meV/atom",
        "slow force, meV/A",
        *(f"change in {lag:g} fs, plain / mollified" for lag in LAGS_FS),
        "stiffest slow motion, 1/cm, plain / mollified",
        "bound on the outer step, mollified, fs",
    ]
    ruler = "| " + " | ".join(["---"] * 2 + ["---:"] * (len(head) - 2)) + " |"
    title = "# Fast parts: cost against what they leave to the slow part"
    lines = [title, "", f"| {' | '.join(head)} |", ruler, *rows, ""]
    return "\n".join([*lines, *(f"- {fact}" for fact in facts), ""])


if __name__ == "__main__":
    main()
