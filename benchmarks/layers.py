"""What layers, messages, sizes and the way to split are worth: errors and cost of short trainings.

    INNFF_DATA=/path/to/data python benchmarks/layers.py       # about 20 minutes on one core
    INNFF_DATA=/path/to/data python benchmarks/layers.py --resume --epochs 12

Every variant is the recipe of water-pbe0 with one change and fewer epochs, so that the errors are
larger. Costs are measured afterwards in one go, all variants in turn. Writes layers.md.
"""

import argparse
import csv
import dataclasses
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from openmm_innff import load_model
from openmm_innff.boxes import water_box
from openmm_innff.forces.mollified import evaluate_directly
from openmm_innff.modelfile import parameter_count
from openmm_innff.simulation.machine import prepare_machine
from openmm_innff.training.config import TrainingConfig, load_config
from openmm_innff.training.run import train

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_suffix(".md")
ONE_LAYER = {"messages": 0}
TOGETHER = "both parts trained together, penalties 0.02"
VARIANTS: dict[str, dict[str, Any]] = {
    "one layer": {**ONE_LAYER},
    "one layer, 5.5 A": {**ONE_LAYER, "cutoff": 5.5},
    "one layer, 6 A, 96 channels": {**ONE_LAYER, "cutoff": 6.0, "channels": 96},
    "two layers, scalars": {"vectors": False},
    "two layers, scalars and vectors (the recipe)": {},
    "4.5 A": {"cutoff": 4.5},
    "5.5 A": {"cutoff": 5.5},
    "second layer 4 A": {"message_cutoff": 4.0},
    "48 channels": {"channels": 48},
    "96 channels": {"channels": 96},
    "32 messages": {"messages": 32},
    "128 projections": {"projections": 128},
    TOGETHER: {},
}
WATERS, ROUNDS = 64, 15


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--directory", type=Path, default=Path("runs/layers"))
    parser.add_argument("--resume", action="store_true", help="keep the finished trainings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load_config(ROOT / "recipes" / "water" / "train.toml")
    rows = {}
    for name, changes in VARIANTS.items():
        folder = arguments.directory / name.replace(" ", "-").replace(",", "")
        print(f"== {name}", flush=True)
        config = changed(recipe, changes, arguments.epochs)
        if name == TOGETHER:
            smoothness = dataclasses.replace(config.smoothness, magnitude=0.02, bonds=0.02)
            config = dataclasses.replace(config, distilled=False, smoothness=smoothness)
        rows[name] = trained(config, folder, arguments.resume)
    costs = measured({name: row["model"] for name, row in rows.items()})
    text = report(rows, costs, arguments.epochs)
    TABLE.write_text(text)
    print(text)


def changed(recipe: TrainingConfig, changes: dict[str, Any], epochs: int) -> TrainingConfig:
    return dataclasses.replace(
        recipe,
        slow=dataclasses.replace(recipe.slow, **changes),
        optimizer=dataclasses.replace(recipe.optimizer, fast_epochs=4, joint_epochs=epochs),
    )


def trained(config: TrainingConfig, folder: Path, resume: bool) -> dict[str, Any]:
    path = folder / f"{config.card.name}.innff"
    if not (resume and path.is_file()):
        train(config, folder, resume=resume and folder.is_dir())
    model = load_model(path)
    with (folder / "log.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    found = {key: float(last[key]) for key in ("seconds", "slow_force_rms", "slow_change_rms")}
    errors = model.card.errors
    return {
        **found,
        "model": model,
        "force": errors["valid_force_rmse_meV_per_A"],
        "energy": errors["valid_energy_rmse_shifted_meV_per_atom"],
        "parameters": parameter_count(model.potential)["slow"],
    }


def measured(models: dict[str, Any]) -> dict[str, float]:
    """Microseconds of an evaluation of both parts together: medians, all in turn."""
    topology, positions = water_box(WATERS, seed=1)
    numbers = [atom.element.atomic_number for atom in topology.atoms()]
    box = np.array(topology.getPeriodicBoxVectors()._value) * 10.0
    here = np.ascontiguousarray(positions, dtype=np.float64)
    calls = {}
    for name, model in models.items():
        evaluator = model.potential.evaluator("total", numbers, periodic=True)
        calls[name] = partial(evaluate_directly, list(evaluator.components))
        calls[name](here, box)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            begin = time.perf_counter()
            for _ in range(5):
                call(here, box)
            times[name].append((time.perf_counter() - begin) / 5 * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}


def report(rows: dict[str, dict[str, Any]], costs: dict[str, float], epochs: int) -> str:
    head = "variant | parameters | force RMSE, meV/A | energy, meV/atom | slow force, meV/A | "
    head += f"its change in 2 fs | us, {3 * WATERS} atoms | training, min"
    lines = [
        "# Layers, sizes and ways to split",
        "",
        f"The recipe of water-pbe0 with {epochs} joint epochs; each row changes one thing of it.",
        "",
        f"| {head} |",
        "| --- |" + " ---: |" * 7,
    ]
    for name, row in rows.items():
        cells = [
            f"{row['parameters']}",
            f"{row['force']:.1f}",
            f"{row['energy']:.2f}",
            f"{row['slow_force_rms']:.0f}",
            f"{row['slow_change_rms']:.1f}",
            f"{costs[name]:.0f}",
            f"{row['seconds'] / 60:.1f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    facts = prepare_machine("auto", "single").facts()
    return "\n".join([*lines, "", *(f"- {key}: {value}" for key, value in facts), ""])


if __name__ == "__main__":
    main()
