"""Whether the isokinetic integrator SIN(R) samples water as Langevin dynamics does.

    python benchmarks/isokinetic.py                     # about half an hour
    python benchmarks/isokinetic.py --length 300 --steps 0.5/2 1/6 --temperature 360

The potential energy of water takes tens of picoseconds to relax at 300 K, so the runs are hot and
long, and all begin where a Langevin run has ended. Configurational temperature (against the
bath's), energies of bonds and angles and the potential energy (against those of Langevin dynamics
with a single step of 1 fs) with their errors; the slow part is as it is. Writes isokinetic.md.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import torch

from openmm_innff import load_model
from openmm_innff.audit.measure import Bench, measure
from openmm_innff.audit.sampling import species_of
from openmm_innff.audit.schemes import find_scheme
from openmm_innff.audit.verdict import Tolerances, compare
from openmm_innff.boxes import settle_classically, water_box
from openmm_innff.isokinetic import mts_isokinetic_integrator
from openmm_innff.middle import mts_middle_integrator, steps_per_outer
from openmm_innff.simulation.machine import prepare_machine
from openmm_innff.units import ANGSTROM_TO_NM, FS_TO_PS, NM_TO_ANGSTROM

TABLE = Path(__file__).with_suffix(".md")
COLUMNS = {
    "configurational": "T configurational %",
    "bonded": "bond, angle energy %",
    "energy": "potential energy, % of kT/2",
}
PAIRS, TAU_PS, FRICTION = 4, 0.01, 20.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="water-pbe0")
    parser.add_argument("--steps", nargs="+", default=["0.5/2", "1/4", "1/6", "1/8"])
    parser.add_argument("--temperature", type=float, default=360.0, help="K")
    parser.add_argument("--length", type=float, default=150.0, help="ps of each run")
    parser.add_argument("--equilibration", type=float, default=60.0, help="ps")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bench = equilibrated(arguments)
    common = {"temperature": arguments.temperature, "length_ps": arguments.length, "nve_ps": 0.0}
    single = find_scheme("langevin")
    reference = measure(
        bench, single, friction=2.0, outer_fs=1.0, inner_fs=1.0, seed=1, reference=None, **common
    )
    rows = []
    for text in arguments.steps:
        inner, outer = (float(part) for part in text.split("/"))
        steps = {"inner_fs": inner, "outer_fs": outer}
        found = measure(
            bench, isokinetic, friction=FRICTION, seed=2, reference=reference, **steps, **common
        )
        rows.append(row(text, found, reference, arguments.temperature))
        print(rows[-1], flush=True)
    facts = [f"- {key}: {value}" for key, value in bench.machine.facts()]
    TABLE.write_text(report(rows, arguments, facts))


def isokinetic(
    system: openmm.System,
    temperature: float,
    friction: float,
    outer: float,
    inner: float,
    seed: int,
) -> openmm.Integrator:
    return mts_isokinetic_integrator(
        system,
        temperature,
        friction,
        outer * FS_TO_PS,
        inner * FS_TO_PS,
        pairs=PAIRS,
        thermostat_time=TAU_PS,
        seed=seed,
    )


def equilibrated(arguments: argparse.Namespace) -> Bench:
    model, machine = load_model(arguments.model), prepare_machine("auto", "single")
    topology, positions = water_box(64, seed=1)
    system = model.create_system(topology, mollified=False)
    integrator = mts_middle_integrator(system, arguments.temperature, 5.0, 0.002, 0.0005, seed=1)
    context = openmm.Context(system, integrator, machine.platform, machine.properties)
    context.setPositions(settle_classically(topology, positions, seed=1) * ANGSTROM_TO_NM)
    openmm.LocalEnergyMinimizer.minimize(context, 50.0, 100)
    context.setVelocitiesToTemperature(arguments.temperature, 1)
    integrator.step(round(arguments.equilibration / 0.002) * steps_per_outer(integrator))
    state = context.getState(positions=True, velocities=True)
    here = state.getPositions(asNumpy=True)._value * NM_TO_ANGSTROM
    velocities = state.getVelocities(asNumpy=True)._value * NM_TO_ANGSTROM * FS_TO_PS
    symbols = [atom.element.symbol for atom in topology.atoms()]
    species = species_of(system, symbols)
    return Bench(topology, system, system, species, np.array(here), np.array(velocities), machine)


def row(text: str, found: dict[str, Any], reference: dict[str, Any], temperature: float) -> str:
    if found["exploded"]:
        return f"| {text} | exploded |" + " |" * (len(COLUMNS) - 1)
    checks = compare(found, reference, temperature, Tolerances(), with_drift=False)
    cells = []
    for group in COLUMNS:
        worst = max((c for c in checks if c.group == group), key=lambda c: abs(c.deviation))
        cells.append(f"{worst.deviation:+.1f} ± {worst.error:.1f}")
    return f"| {text} | {' | '.join(cells)} |"


def report(rows: list[str], arguments: argparse.Namespace, facts: list[str]) -> str:
    lines = [
        "# SIN(R) against Langevin dynamics",
        "",
        f"{arguments.model}, 64 waters, {arguments.temperature:g} K, {arguments.length:g} ps each; "
        f"L = {PAIRS}, tau = {1000 * TAU_PS:g} fs, friction {FRICTION:g}/ps, XO.",
        "",
        f"| inner / outer fs | {' | '.join(COLUMNS.values())} |",
        "| --- |" + " ---: |" * len(COLUMNS),
        *rows,
        "",
        *facts,
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
