"""What multiple time steps gain: speed and bias of ways to integrate the same model, in one run.

    python benchmarks/mts.py                                # the shipped model, about half an hour
    python benchmarks/mts.py --steps 1/6 1/8 --heavy-steps 2/10  # inner/outer in fs, not the card's
    python benchmarks/mts.py --resume                         # keep the runs that are finished

Bias: 64 waters, Langevin dynamics from the same start, against a run of twice the length with a
single step of 0.5 fs, at 350 K: this water relaxes within a few ps there and within tens of ps at
300 K, where runs of the same potential differ by more than their error bars tell. Speed: all ways
take turns in segments of equal length, with 64 and with 512 waters; single steps are those of
OpenMM's LangevinMiddleIntegrator, its quickest, with the whole potential as one force. Writes
mts.md and mts.png beside this script. Leave the machine alone meanwhile.
"""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

# isort: split
import openmm
from rich.console import Console
from rich.progress import Progress

from openmm_innff import load_model, plotstyle
from openmm_innff.audit.measure import Bench, measure
from openmm_innff.audit.sampling import species_of
from openmm_innff.audit.schemes import COLOURED, DEFAULT, VIBRATIONAL_FRICTION, find_scheme
from openmm_innff.audit.verdict import Tolerances, compare
from openmm_innff.boxes import settle_classically, water_box
from openmm_innff.files import atomic_write
from openmm_innff.integrators import mts_langevin_integrator
from openmm_innff.middle import steps_per_outer
from openmm_innff.simulation.machine import prepare_machine
from openmm_innff.statistics import Mean
from openmm_innff.units import ANGSTROM_TO_NM, FS_TO_PS, NM_TO_ANGSTROM

TABLE, FIGURE = Path(__file__).with_suffix(".md"), Path(__file__).with_suffix(".png")
FRICTION = 2.0
LIGHT, HEAVY = 1.008, 3.024
REFERENCE = "single step, 1 fs"
ROUNDS = 5
EQUILIBRATION_PS = 100.0  # the potential energy of water takes tens of ps to relax


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to integrate; a single step if both steps are the same."""

    name: str
    mass: float
    inner: float
    outer: float
    scheme: str = DEFAULT
    mollified: bool = False

    @property
    def single(self) -> bool:
        """Whether there is one step only."""
        return self.inner == self.outer

    def system(self, model: Any, topology: Any, split: bool = True) -> openmm.System:
        """Make the System."""
        mass = self.mass if self.mass > 2 * LIGHT else None
        return model.create_system(
            topology, hydrogen_mass=mass, mollified=self.mollified, split=split
        )

    def integrator(self, system: openmm.System, temperature: float) -> openmm.Integrator:
        """Make the quickest integrator."""
        if self.single:
            return openmm.LangevinMiddleIntegrator(temperature, FRICTION, self.outer * FS_TO_PS)
        make = find_scheme(self.scheme)
        return make(system, temperature, FRICTION, self.outer, self.inner, 1)


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    model = load_model(arguments.model)
    ways = all_ways(model, arguments)
    machine = prepare_machine(arguments.platform, "single")
    arguments.directory.mkdir(parents=True, exist_ok=True)
    console = Console()
    biases = all_biases(model, ways, machine, arguments, console)
    speeds = {
        n: all_speeds(model, ways, machine, n, arguments.temperature, console)
        for n in arguments.waters
    }
    facts = [
        f"{model.card.name}, {arguments.length:g} ps each at {arguments.temperature:g} K",
        *dict(machine.facts()).values(),
    ]
    text = report(ways, biases, speeds, facts)
    print(text)
    TABLE.write_text(text)
    draw(ways, biases, speeds, arguments.waters[0])
    print(f"written to {TABLE} and {FIGURE}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="water-pbe0", help="shipped model or file")
    steps: dict[str, Any] = {"type": pair, "nargs": "+", "metavar": "IN/OUT"}
    parser.add_argument("--steps", **steps, help="fs; default: the card's")
    parser.add_argument("--heavy-steps", **steps, help="for heavy hydrogen")
    parser.add_argument("--waters", type=int, nargs="+", default=[64, 512], help="of the timings")
    parser.add_argument("--length", type=float, default=50.0, help="ps for each bias")
    parser.add_argument("--temperature", type=float, default=350.0, help="K (350)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--platform", default="auto", help="of OpenMM (the quickest)")
    parser.add_argument("--directory", type=Path, default=Path("runs/mts"), help="finished runs")
    parser.add_argument("--resume", action="store_true", help="keep the finished runs")
    return parser.parse_args()


def pair(text: str) -> tuple[float, float]:
    inner, outer = (float(part) for part in text.split("/"))
    return inner, outer


def all_ways(model: Any, arguments: argparse.Namespace) -> list[Way]:
    """Single steps, impulses without further help, and the steps of the card."""
    ways = [
        Way("single step, 0.5 fs", LIGHT, 0.5, 0.5),
        Way(REFERENCE, LIGHT, 1.0, 1.0),
        Way("plain impulses, 1 / 4 fs", LIGHT, 1.0, 4.0),
    ]
    for mass, given in ((LIGHT, arguments.steps), (HEAVY, arguments.heavy_steps)):
        safe = model.card.steps_for(mass)
        if safe is None and given is None:
            raise SystemExit(f"no safe steps in the card for hydrogen of {mass} amu: give them")
        mollified = safe.mollified if safe else bool(model.card.hydrogen_bond_lengths)
        scheme = COLOURED if safe is None or safe.vibrational_friction else DEFAULT
        kind = "mollified impulses" if mollified else "impulses"
        heavy = ", heavy hydrogen" if mass == HEAVY else ""
        if mass == HEAVY:
            ways.append(Way("single step, 2 fs, heavy hydrogen", HEAVY, 2.0, 2.0))
        for inner, outer in given or [(safe.inner_fs, safe.outer_fs)]:
            name = f"{kind}, {inner:g} / {outer:g} fs{heavy}"
            ways.append(Way(name, mass, inner, outer, scheme, mollified))
    return ways


# -- bias ---------------------------------------------------------------------------------------


def all_biases(model, ways, machine, arguments, console) -> dict[str, list]:
    """Check each way against the reference, which is the first way run twice as long."""
    topology, positions = water_box(64, seed=1)
    start = equilibrated(model, topology, positions, machine, arguments)
    results: dict[str, dict] = {}
    with Progress(console=console) as progress:
        for index, way in enumerate([ways[0], *ways]):
            name = way.name if index else "reference"
            length = arguments.length * (1 if index else 2)
            file = arguments.directory / f"{name.replace('/', '-').replace(' ', '_')}.json"
            if arguments.resume and file.is_file():
                results[name] = json.loads(file.read_text())
                continue
            system = way.system(model, topology)
            symbols = [atom.element.symbol for atom in topology.atoms()]
            plain = system
            if way.mollified:
                plain = dataclasses.replace(way, mollified=False).system(model, topology)
            bench = Bench(topology, system, plain, species_of(system, symbols), *start, machine)
            task = progress.add_task(name, total=length)
            results[name] = measure(
                bench,
                find_scheme(way.scheme),
                temperature=arguments.temperature,
                friction=FRICTION,
                outer_fs=way.outer,
                inner_fs=way.inner,
                length_ps=length,
                nve_ps=0.0,
                seed=100 + index,
                reference=results["reference"] if index else None,
                on_sample=lambda done, task=task: progress.update(task, completed=done),
            )
            with atomic_write(file) as stream:
                json.dump(results[name], stream)
    reference = results.pop("reference")
    checks = {}
    for way in ways:
        found = results[way.name]
        checks[way.name] = []
        if not found["exploded"]:
            checks[way.name] = compare(found, reference, arguments.temperature, Tolerances(), False)
    return checks


def equilibrated(model, topology, positions, machine, arguments) -> tuple:
    """Positions and velocities (angstrom, angstrom/fs) of a liquid that has relaxed."""
    file = arguments.directory / "start.npz"
    if not (arguments.resume and file.is_file()):
        system = model.create_system(topology, mollified=False)
        integrator = mts_langevin_integrator(
            system, arguments.temperature, 5.0, 0.002, 0.0005, seed=1
        )
        context = openmm.Context(system, integrator, machine.platform, machine.properties)
        context.setPositions(settle_classically(topology, positions, seed=1) * ANGSTROM_TO_NM)
        openmm.LocalEnergyMinimizer.minimize(context, 50.0, 100)
        context.setVelocitiesToTemperature(arguments.temperature, 1)
        integrator.step(round(EQUILIBRATION_PS / 0.002))
        state = context.getState(positions=True, velocities=True)
        np.savez(
            file,
            x=state.getPositions(asNumpy=True)._value * NM_TO_ANGSTROM,
            v=state.getVelocities(asNumpy=True)._value * NM_TO_ANGSTROM * FS_TO_PS,
        )
    with np.load(file) as kept:
        return kept["x"], kept["v"]


# -- speed --------------------------------------------------------------------------------------


def all_speeds(
    model, ways, machine, waters: int, temperature: float, console: Console
) -> dict[str, float]:
    """Nanoseconds a day: medians of segments in which all ways take turns."""
    console.print(f"timing {waters} waters")
    topology, positions = water_box(waters, seed=1)
    settled = settle_classically(topology, positions, seed=1)
    runs = []
    for way in ways:
        system = way.system(model, topology, split=not way.single)
        integrator = way.integrator(system, temperature)
        context = openmm.Context(system, integrator, machine.platform, machine.properties)
        context.setPositions(settled * ANGSTROM_TO_NM)
        openmm.LocalEnergyMinimizer.minimize(context, 100.0, 20)
        context.setVelocitiesToTemperature(temperature, 1)
        each = steps_per_outer(integrator)
        integrator.step(round(200 / way.outer) * each)
        steps = max(2, round(6400 / waters * 8 / way.outer))
        runs.append((way, context, steps, each, []))
    for _ in range(ROUNDS):
        for way, context, steps, each, found in runs:
            begin = time.perf_counter()
            context.getIntegrator().step(steps * each)
            context.getState(positions=True)
            took = time.perf_counter() - begin
            found.append(steps * way.outer * 1e-6 * 86400 / took)
    return {way.name: statistics.median(found) for way, *_, found in runs}


# -- report -------------------------------------------------------------------------------------


def worst(checks: list, group: str) -> Mean | None:
    """Return the largest deviation within a group of observables."""
    found = [check for check in checks if check.group == group]
    if not found:
        return None
    check = max(found, key=lambda check: abs(check.deviation))
    return Mean(check.deviation, check.error)


COLUMNS = {
    "kinetic": "T kinetic %",
    "configurational": "T configurational %",
    "bonded": "bond, angle energy %",
    "energy": "potential energy, % of kT/2",
    "rdf": "g(r) / noise",
    "spectrum": "spectrum %",
    "diffusion": "diffusion %",
}


def report(ways, biases, speeds, facts) -> str:
    sizes = list(speeds)
    heads = [f"ns/day, {3 * n} atoms | s/ps | x" for n in sizes]
    lines = [
        "# Speed and bias of multiple time steps",
        "",
        "; ".join(facts),
        "",
        "inner / outer step. x: speed over that of the single step of 1 fs. Biases against a single"
        " step of 0.5 fs (temperatures: against the bath's), the worst of each group with its"
        " standard error; spectrum and diffusion are not expected to stay with heavy hydrogen."
        f" Mollified impulses have friction on vibrations of {VIBRATIONAL_FRICTION:g}/ps where the"
        f" card says so, everything has {FRICTION:g}/ps besides.",
        "",
        "| way | " + " | ".join([*heads, *COLUMNS.values()]) + " |",
        "| --- |" + " ---: |" * (3 * len(sizes) + len(COLUMNS)),
    ]
    for way in ways:
        cells = []
        for n in sizes:
            speed = speeds[n][way.name]
            seconds = 86.4 / speed  # for one ps
            cells += [f"{speed:.3g}", f"{seconds:.3g}", f"{speed / speeds[n][REFERENCE]:.2f}"]
        for group in COLUMNS:
            mean = worst(biases[way.name], group)
            cells.append("exploded" if mean is None else f"{mean.value:+.1f} ± {mean.error:.1f}")
        lines.append(f"| {way.name} | " + " | ".join(cells) + " |")
    heavy = next(way for way in ways if way.single and way.mass == HEAVY)
    lines.append("")
    for way in ways:
        if way.single:
            continue
        gains = ", ".join(
            f"{3 * n} atoms: {speeds[n][way.name] / speeds[n][REFERENCE]:.1f} times the single "
            f"step of 1 fs"
            + (
                f", {speeds[n][way.name] / speeds[n][heavy.name]:.1f} times that of 2 fs"
                if way.mass == HEAVY
                else ""
            )
            for n in sizes
        )
        lines.append(f"- {way.name}: {gains}")
    return "\n".join([*lines, ""])


def draw(ways, biases, speeds, waters: int) -> None:
    """Speed against the bias of configurational temperature and of bond and angle energies."""
    with plotstyle.style():
        figure, panels = plotstyle.new_figure(1, 2, width=4.6, height=3.8, sharey=True)
        for panel, group in zip(panels.flat, ("configurational", "bonded"), strict=True):
            panel.axvspan(-2, 2, color="#E8F1E8", zorder=0)
            for index, way in enumerate(ways):
                mean = worst(biases[way.name], group)
                if mean is None:
                    continue
                panel.errorbar(
                    mean.value,
                    speeds[waters][way.name],
                    xerr=mean.error,
                    fmt="s" if way.mass == HEAVY else "o",
                    mfc="white" if way.single else None,
                    color=plotstyle.CYCLE[index % len(plotstyle.CYCLE)],
                    label=way.name,
                )
            panel.set_xlabel(f"bias of {COLUMNS[group].replace(' %', ' (%)')}")
        panels.flat[0].set_ylabel(f"ns/day, {3 * waters} atoms")
        panels.flat[0].set_ylim(0, 1.1 * max(speeds[waters].values()))
        figure.legend(
            *panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=2
        )
        plotstyle.save_figure(figure, FIGURE)


if __name__ == "__main__":
    main()
