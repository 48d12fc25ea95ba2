"""Whether the uncertainty ranks errors, whether it is of their size, and what it costs.

    INNFF_DATA=/path/to/data python benchmarks/uncertainty.py
    INNFF_DATA=/path/to/data python benchmarks/uncertainty.py --acac runs/acac/acac.innff

Trains the small model of acac.toml on frames at 300 K (or takes the one given), and compares the
errors with the uncertainty on test frames at 300 K and on acac-600K.xyz.gz (hot_frames.py); the
same for the shipped water model on its validation frames. Then times a look at 64 waters. Prints
tables, and writes them to uncertainty.md.
"""

import argparse
import os
import platform
import statistics
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch

# isort: split
import openmm
from openmm import app

from openmm_innff.audit.bench import Bench, Labelled
from openmm_innff.audit.checks import uncertainty as ranks
from openmm_innff.audit.checks.doubts import Doubts, doubts, rms
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import open_subject
from openmm_innff.boxes import water_box
from openmm_innff.data import read_frames
from openmm_innff.model import Model, load_model
from openmm_innff.training import load_config, train
from openmm_innff.trust import Monitor

HERE = Path(__file__).parent
OUTPUT = Path(__file__).with_suffix(".md")
REPEATS = 40
FORCE_HEAD = (
    "data", "frames", "RMSE meV/Å", "uncertainty meV/Å", "Spearman, frames",
    "worst atoms of frames", "atoms", "atoms, attainable",
)  # fmt: skip
ENERGY_HEAD = (
    "data",
    "RMSE meV",
    "uncertainty meV",
    "Spearman, energies",
    "forces of frames by it",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--acac", metavar="FILE", help="a trained and calibrated model")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = Path(os.environ["INNFF_DATA"])
    acac = arguments.acac or str(train(load_config(HERE / "acac.toml"), Path("runs") / "acac"))
    tests = (
        ("acac, 300 K", acac, data / "dataset_acac" / "test_MD_300K.xyz.gz"),
        ("acac, 600 K", acac, HERE / "acac-600K.xyz.gz"),
        ("water, validation", "water-pbe0", data / "water_pbe0" / "water_pbe0_valid.xyz.gz"),
    )
    forces, energies = [FORCE_HEAD], [ENERGY_HEAD]
    for name, model, file in tests:
        found, attainable = compare(model, file)
        forces.append((name, str(len(found.errors)), *of_forces(found), f"{attainable:.2f}"))
        energies.append((name, *of_energies(found)))
    lines = [
        "# Uncertainty", "",
        f"{date.today()}, {platform.processor() or platform.machine()}, one thread.", "",
        "## Forces", "", *table(forces), "",
        "## Energies", "", *table(energies), "",
        "## Cost of a look at 64 waters", "", *table(cost()), "",
    ]  # fmt: skip
    print("\n".join(lines))
    OUTPUT.write_text("\n".join(lines))


def compare(model: str, file: Path) -> tuple[Doubts, float]:
    """Return errors and uncertainties, and the rank correlation of atoms that could be reached."""
    frames = []
    for number, frame in enumerate(read_frames(file)):
        cell = frame.cell if frame.periodic else None
        structure = Structure.of_frame(f"frame {number}", frame.numbers, frame.positions, cell)
        frames.append(Labelled(structure, frame.energy, frame.forces))
    bench = Bench(open_subject(model), (), "full", 1, "uncertainty", frames=tuple(frames))
    found = doubts(bench)
    return found, ranks.attainable(found, bench)


def of_forces(found: Doubts) -> list[str]:
    sizes = [1000 * rms(np.concatenate(values)) for values in (found.errors, found.deviations)]
    measures = (ranks.of_frames, ranks.of_largest, ranks.of_atoms)
    return [*(f"{size:.1f}" for size in sizes), *(with_error(found, m) for m in measures)]


def of_energies(found: Doubts) -> list[str]:
    sizes = [1000 * rms(values) for values in (found.energy_errors, found.energy_deviations)]

    def by_energy(some: Doubts) -> float:
        errors = np.array([rms(atoms) for atoms in some.errors])
        return ranks.spearman(some.energy_deviations, errors)

    correlations = [with_error(found, measure) for measure in (ranks.of_energies, by_energy)]
    return [*(f"{size:.1f}" for size in sizes), *correlations]


def with_error(found: Doubts, measure: object) -> str:
    value, error = found.with_error(measure)  # type: ignore[arg-type]
    return f"{value:.2f} ± {error:.2f}"


def cost() -> list[tuple[str, ...]]:
    """Return the times of evaluations."""
    model = load_model("water-pbe0")
    topology, positions = water_box(64)
    numbers = [atom.element.atomic_number for atom in topology.atoms()]
    box = np.array(topology.getPeriodicBoxVectors()._value) * 10
    evaluator = model.potential.evaluator("total", numbers, periodic=True)
    where, cell = torch.tensor(positions), torch.tensor(box)
    plain = median_ms(lambda: evaluator(where, cell))
    step = outer_step(model, topology, positions)
    rows = [
        ("what", "CPU ms", "of an outer step"),
        ("energy and forces", f"{plain:.1f}", f"{plain / step:.1f}"),
        ("outer step of dynamics", f"{step:.1f}", "1.0"),
    ]
    for members in (1, 4, 8, 16, 32):
        monitor = Monitor(model, topology, members=members)
        took = median_ms(lambda monitor=monitor: monitor.read(positions, box))
        rows.append((f"look with {members} members", f"{took:.1f}", f"{took / step:.1f}"))
    return rows


def outer_step(model: Model, topology: app.Topology, positions: np.ndarray) -> float:
    """Return the time of an outer step with the safe steps of the model's card."""
    system = model.create_system(topology)
    integrator = model.mts_integrator(system, 300.0, 1.0)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    context.setPositions(positions * 0.1)
    openmm.LocalEnergyMinimizer.minimize(context, 50.0, 50)
    context.setVelocitiesToTemperature(300.0, 1)
    return median_ms(lambda: integrator.step(1))


def median_ms(call: object) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.process_time()  # one thread: that of the clock, on a core of its own
        call()  # type: ignore[operator]
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times[3:])


def table(rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    return [lines[0], "| --- " + "| ---: " * (len(rows[0]) - 1) + "|", *lines[1:]]


if __name__ == "__main__":
    main()
