"""Energy drift of multiple time steps in liquid water: shows which outer steps are safe.

    python benchmarks/drift.py                                      # the shipped model
    python benchmarks/drift.py --hydrogen-mass 3 --steps 0.5/4 1/4    # inner/outer in fs
    python benchmarks/drift.py --write runs/x.innff --limit 0.01    # store the last safe steps

A box of 64 waters is equilibrated at 300 K; from the same positions and velocities it then runs at
constant energy once per outer step. The drift is the slope of a straight line through the total
energy, per atom; its error comes from the residuals' autocorrelation (blocks). Also printed: RMS
of the slow force and of its change along the trajectory. Writes drift.md beside this script.
"""

import argparse
import dataclasses
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import openmm
import torch

from openmm_innff import load_model, mts_nve_integrator
from openmm_innff.audit.drift import measure_drift
from openmm_innff.audit.spectrum import LAGS_FS, slow_changes
from openmm_innff.boxes import settle_classically, water_box
from openmm_innff.modelfile import SafeSteps
from openmm_innff.units import ANGSTROM_TO_NM, FS_TO_PS

OUTPUT = Path(__file__).with_suffix(".md")
STEPS = ((1.0, 1.0), (1.0, 2.0), (0.5, 4.0), (0.5, 3.0), (0.5, 2.0))


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    model = load_model(arguments.model)
    topology, positions = water_box(arguments.waters, seed=1)
    options = {
        "hydrogen_mass": arguments.hydrogen_mass,
        "precision": arguments.precision,
        "mollified": arguments.mollified,
    }
    system = model.create_system(topology, **options)
    settled = settle_classically(topology, positions, seed=1)
    state = equilibrate(model, system, settled, arguments)
    lines = [describe(arguments, model, system.getNumParticles())]
    changes = slow_force(system, state)
    lines += [
        "",
        f"RMS slow force {changes[0]:.1f} meV/A; RMS change over "
        + ", ".join(
            f"{lag:g} fs: {change:.1f}" for lag, change in zip(LAGS_FS, changes[1:], strict=True)
        ),
        "",
        "| inner fs | outer fs | drift meV/atom/ps | energy noise meV/atom |",
        "| ---: | ---: | ---: | ---: |",
    ]
    print("\n".join(lines), flush=True)
    safe = None
    for inner, outer in arguments.steps:
        drift, error, noise = constant_energy(system, state, outer, inner, arguments)
        line = f"| {inner:g} | {outer:g} | {drift:.4f} ± {error:.4f} | {noise:.3f} |"
        print(line, flush=True)
        lines.append(line)
        if abs(drift) < arguments.limit:
            safe = SafeSteps(
                inner,
                outer,
                arguments.hydrogen_mass or 1.008,
                f"NVE drift {drift:.4f} meV/atom/ps over {arguments.length:g} ps, "
                f"{system.getNumParticles()} atoms of water",
            )
    if arguments.out:
        arguments.out.write_text("\n".join(["# Energy drift of water", "", *lines, ""]))
        print(f"\nwritten to {arguments.out}")
    if arguments.write and safe:
        card = dataclasses.replace(model.card, safe_steps=safe)
        dataclasses.replace(model, card=card).save(arguments.write)
        print(f"safe steps {safe} written to {arguments.write}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="water-pbe0", help="shipped model or file")
    parser.add_argument("--waters", type=int, default=64)
    parser.add_argument("--steps", type=steps, nargs="+", default=STEPS, metavar="INNER/OUTER")
    parser.add_argument("--length", type=float, default=10.0, help="ps for each pair of steps")
    parser.add_argument("--equilibration", type=float, default=2.0, help="ps")
    parser.add_argument("--hydrogen-mass", type=float, default=None, help="amu")
    parser.add_argument("--mollified", action="store_true", help="mollify the slow part")
    parser.add_argument("--precision", choices=("single", "double"), default="single")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--limit", type=float, default=0.01, help="safe drift, meV/atom/ps")
    parser.add_argument("--write", type=Path, help="model file to write with the safe steps")
    parser.add_argument("--out", type=Path, default=OUTPUT, help="Markdown table")
    return parser.parse_args()


def steps(text: str) -> tuple[float, float]:
    inner, outer = (float(part) for part in text.split("/"))
    return inner, outer


def describe(arguments: argparse.Namespace, model, n_atoms: int) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("openmm-innff", "openmm", "torch"))
    return (
        f"{date.today()}; {model.card.name}, {n_atoms} atoms, {arguments.length:g} ps each, "
        f"hydrogen {arguments.hydrogen_mass or 1.008:g} amu, {arguments.precision} precision, "
        f"{'mollified' if arguments.mollified else 'plain'} slow part; "
        f"{arguments.threads} threads of {platform.machine()}, Python "
        f"{platform.python_version()}, {packages}"
    )


def make_context(system, integrator, arguments) -> openmm.Context:
    place = openmm.Platform.getPlatformByName(arguments.platform)
    return openmm.Context(system, integrator, place)


def equilibrate(model, system, settled, arguments) -> openmm.State:
    integrator = model.mts_integrator(system, 300.0, 5.0, 1.0 * FS_TO_PS, 0.5 * FS_TO_PS, seed=1)
    context = make_context(system, integrator, arguments)
    context.setPositions(settled * ANGSTROM_TO_NM)
    openmm.LocalEnergyMinimizer.minimize(context, 50.0, 100)
    context.setVelocitiesToTemperature(300.0, 1)
    integrator.step(round(arguments.equilibration / FS_TO_PS))
    return context.getState(getPositions=True, getVelocities=True, enforcePeriodicBox=False)


def constant_energy(
    system, state, outer: float, inner: float, arguments
) -> tuple[float, float, float]:
    """Return drift and its error (meV/atom/ps), and noise (meV/atom)."""
    integrator = mts_nve_integrator(system, outer * FS_TO_PS, inner * FS_TO_PS)
    context = make_context(system, integrator, arguments)
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    found = measure_drift(context, outer, arguments.length)
    return found.drift.value, found.drift.error, found.noise


def slow_force(system, state) -> list[float]:
    """Return RMS of the slow force and of its change over each lag, meV/A, on a 40 fs run."""
    integrator = mts_nve_integrator(system, 0.5 * FS_TO_PS, 0.5 * FS_TO_PS)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    return [1e3 * change for change in slow_changes(context, 0.5)]


if __name__ == "__main__":
    main()
