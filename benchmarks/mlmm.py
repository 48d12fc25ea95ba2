"""Speed and energy drift of a ligand's model in a force field, against the force field alone.

    python benchmarks/mlmm.py host-guest lysozyme host-guest-vacuum

Prints Markdown tables for systems of openmmtools. Times are of the processor, on one thread of
OpenMM's CPU platform, so that other work on the machine matters less. The drift is that of the
total energy at constant energy, by a straight line, after a settling run with a thermostat.
"""

import argparse
import logging
import time
import warnings
from pathlib import Path

import numpy as np
import torch

# isort: split
import openmm
from openmm import app

from openmm_innff import load_model, mts_langevin_integrator, mts_nve_integrator
from openmm_innff.mixed.masses import repartition

RECIPES = Path(__file__).parents[1] / "recipes"
SYSTEMS = {
    "host-guest": ("HostGuestExplicit", {}, "B2", "host-guest/b2-gfn2.innff"),
    "host-guest-vacuum": ("HostGuestVacuum", {}, "B2", "host-guest/b2-gfn2.innff"),
    "lysozyme": (
        "LysozymeImplicit",
        {"implicitSolvent": app.OBC2},
        "TMP",
        "p-xylene/p-xylene.innff",
    ),
}
OUTER_FS, INNER_FS, HYDROGEN = 4.0, 1.0, 3.0
PLATFORM = openmm.Platform.getPlatformByName("CPU")


def context_of(
    system: openmm.System, integrator: openmm.Integrator, state: openmm.State
) -> openmm.Context:
    context = openmm.Context(system, integrator, PLATFORM, {"Threads": "1"})
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    return context


def processor_ms(work: object, count: int) -> float:
    """Processor time of a call, the first one left out."""
    work()
    began = time.process_time()
    for _ in range(count):
        work()
    return 1000 * (time.process_time() - began) / count


def settled(system: openmm.System, positions: object, steps: int) -> openmm.State:
    """Return a state after some steps with a thermostat."""
    integrator = mts_langevin_integrator(system, 300, 20, 0.002, 0.001, seed=1)
    context = openmm.Context(system, integrator, PLATFORM, {"Threads": "1"})
    context.setPositions(positions)
    context.setVelocitiesToTemperature(300, 1)
    integrator.step(steps)
    return context.getState(positions=True, velocities=True)


def drift(
    system: openmm.System, integrator: openmm.Integrator, state: openmm.State, ps: float
) -> tuple[float, float]:
    """Return the drift of the total energy and its scatter about the line, kJ/mol/ps, kJ/mol."""
    context = context_of(system, integrator, state)
    every = max(1, round(0.02 / integrator.getStepSize()._value))
    energies = []
    for _ in range(int(ps / 0.02)):
        integrator.step(every)
        now = context.getState(energy=True)
        energies.append((now.getPotentialEnergy() + now.getKineticEnergy())._value)
    times = 0.02 * np.arange(len(energies))
    slope, offset = np.polyfit(times, energies, 1)
    return float(slope), float(np.std(energies - slope * times - offset))


def report(name: str, steps: int, drift_ps: float) -> None:
    logging.getLogger("pymbar").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openmmtools import testsystems

        kind, options, ligand, path = SYSTEMS[name]
        made = getattr(testsystems, kind)(**options)
    model = load_model(RECIPES / path)
    arguments = {"hydrogen_mass": HYDROGEN, "mollified": False}
    mixed = model.create_mixed_system(made.topology, made.system, ligand, **arguments)
    whole = model.create_mixed_system(made.topology, made.system, ligand, split=False, **arguments)
    alone = openmm.XmlSerializer.clone(made.system)
    repartition(alone, made.topology, HYDROGEN)
    state = settled(mixed, made.positions, 10)
    context = context_of(mixed, openmm.VerletIntegrator(0.001), state)
    print(f"\n### {name}: {kind}, {mixed.getNumParticles()} atoms, {path}\n")
    for group, what in ((0, "fast"), (1, "slow")):
        ms = processor_ms(lambda g=group: context.getState(forces=True, groups={g}), 5)
        print(f"Forces of the {what} group: {ms:.2f} ms of the processor.")
    for force in mixed.getForces():
        if force.getName().startswith("INN-FF"):
            force.setForceGroup(3 if "fast" in force.getName() else 4)
    context = context_of(mixed, openmm.VerletIntegrator(0.001), state)
    for group, what in ((3, "fast"), (4, "slow")):
        ms = processor_ms(lambda g=group: context.getState(forces=True, groups={g}), 20)
        print(f"Of it the {what} part of the model: {ms:.2f} ms.")
    for force in mixed.getForces():
        force.setForceGroup({3: 0, 4: 1}.get(force.getForceGroup(), force.getForceGroup()))
    middle = openmm.LangevinMiddleIntegrator
    schemes = [
        (f"force field alone, {OUTER_FS:g} fs", alone, OUTER_FS, middle(300, 1, OUTER_FS / 1000)),
        (f"ML/MM, single step, {INNER_FS:g} fs", whole, INNER_FS, middle(300, 1, INNER_FS / 1000)),
        (
            f"ML/MM, multiple time steps, {OUTER_FS:g} and {INNER_FS:g} fs",
            mixed,
            OUTER_FS,
            mts_langevin_integrator(mixed, 300, 1, OUTER_FS / 1000, INNER_FS / 1000),
        ),
    ]
    print("\n| scheme | ms a step | ns/day | against the force field |\n| --- | --- | --- | --- |")
    first = 0.0
    for what, system, step_fs, integrator in schemes:
        context = context_of(system, integrator, state)
        ms = processor_ms(lambda i=integrator: i.step(1), steps)
        speed = step_fs * 86.4 / ms
        first = first or speed
        print(f"| {what} | {ms:.1f} | {speed:.3g} | {speed / first:.2f} |", flush=True)
    if not drift_ps:
        return
    state = settled(mixed, made.positions, 1000)
    runs = [("force field alone, 2 fs", alone, openmm.VerletIntegrator(0.002))]
    runs += [
        (f"ML/MM, {outer:g} and {INNER_FS:g} fs", mixed,
         mts_nve_integrator(mixed, outer / 1000, INNER_FS / 1000))
        for outer in (1.0, 2.0, 4.0)
    ]  # fmt: skip
    n = mixed.getNumParticles()
    print("\n| constant energy | drift, meV/atom/ps | scatter, meV/atom |\n| --- | --- | --- |")
    for what, system, integrator in runs:
        integrator.setConstraintTolerance(1e-8)
        slope, scatter = (10.364 * x / n for x in drift(system, integrator, state, drift_ps))
        print(f"| {what}, {drift_ps:g} ps | {slope:.4f} | {scatter:.4f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("systems", nargs="+", choices=SYSTEMS)
    parser.add_argument("--steps", type=int, default=10, help="that are timed")
    parser.add_argument("--drift", type=float, default=0.0, metavar="PS", help="length of NVE runs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    versions = f"OpenMM {openmm.Platform.getOpenMMVersion()}, torch {torch.__version__}"
    print(f"{versions}, platform CPU, one thread")
    for system_name in given.systems:
        report(system_name, given.steps, given.drift)
