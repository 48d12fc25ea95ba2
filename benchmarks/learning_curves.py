"""How errors depend on the number of frames, with and without a base of cheap labels.

    export INNFF_DATA=/path/to/data
    python benchmarks/accuracy.py --train acac-base aspirin-base
    python benchmarks/learning_curves.py           # an hour; repeat it to go on after a stop

All trainings have the same number of steps. Writes learning_curves.md and a plot for the docs.
"""

import argparse
import dataclasses
import json
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
from accuracy.errors import errors_of
from accuracy.rows import ACAC_OTHERS, ASPIRIN_OTHERS
from accuracy.splits import write_splits

from openmm_innff import load_model
from openmm_innff.data import read_frames
from openmm_innff.plotstyle import save_figure
from openmm_innff.training import TrainingConfig, load_config, train_sizes

HERE = Path(__file__).parent
WORK = HERE.parent / "runs" / "accuracy"
RESULTS = HERE / "accuracy" / "curves.json"
MOLECULES = {
    # Training frames, test, sizes, and which error is published.
    "acac": ("acac", "acac-test-300K", (25, 50, 100, 200, 460), "RMSE"),
    "aspirin": ("aspirin-curve", "aspirin-50-test", (25, 50, 100, 200, 500), "MAE"),
}
OTHERS = {
    "acac": {460: ACAC_OTHERS["300 K"]["MACE"]},
    "aspirin": {n: ASPIRIN_OTHERS[n]["MACE"] for n in (50, 950)},
}
FORCE_TICKS = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
TITLES = {"acac": "acetylacetone, 300 K", "aspirin": "aspirin"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5000, help="of each training")
    parser.add_argument("--alone", action="store_true", help="trainings without a base as well")
    parser.add_argument("--only", choices=sorted(MOLECULES))
    arguments = parser.parse_args()
    os.environ["WORK"] = str(WORK)
    write_splits(WORK)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for molecule in [arguments.only] if arguments.only else MOLECULES:
        for base in (True, False) if arguments.alone else (True,):
            name = molecule if base else f"{molecule}-alone"
            results[name] = curve(molecule, base, arguments.steps)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write(results)


def curve(molecule: str, from_base: bool, steps: int) -> dict[str, dict[str, tuple[float, float]]]:
    """Train on all sizes and return the errors in the test frames by size."""
    frames, test, sizes, _ = MOLECULES[molecule]
    base = load_model(WORK / f"{molecule}-base" / f"{molecule}-base.innff") if from_base else None
    config = configure(molecule, frames, steps, from_base)
    folder = WORK / f"curve-{molecule}{'' if from_base else '-alone'}"
    models = train_sizes(config, sizes, folder, resume=True, base=base)
    return {
        str(size): errors_of(load_model(path), WORK / f"{test}.xyz.gz")
        for size, path in zip(sizes, models, strict=True)
    }


def configure(molecule: str, frames: str, steps: int, from_base: bool) -> TrainingConfig:
    """Return the settings for all frames."""
    base = load_config(HERE / "accuracy" / f"{molecule}-base.toml")
    config = dataclasses.replace(
        base,
        data=dataclasses.replace(
            base.data,
            train=str(WORK / f"{frames}-train.xyz.gz"),
            validation=str(WORK / f"{frames}-valid.xyz.gz"),
        ),
        card=dataclasses.replace(base.card, name=f"{molecule}-curve", level_of_theory="DFT"),
    )
    count = len(read_frames(config.data.train))
    epochs = math.ceil(steps * config.optimizer.batch_size / count)
    optimizer = dataclasses.replace(
        config.optimizer,
        joint_epochs=epochs,
        fast_epochs=1,
        validate_every=max(1, epochs // 5),
        learning_rate=2e-3 if from_base else 4e-3,
        late_energy_weight=5.0,
    )
    return dataclasses.replace(config, optimizer=optimizer)


def write(results: dict[str, dict[str, dict[str, tuple[float, float]]]]) -> None:
    """Write the table and the plot."""
    lines = [
        "| molecule | base | frames | energy, meV | forces, meV/Å |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
    for panel, (molecule, (_, _, sizes, metric)) in zip(axes, MOLECULES.items(), strict=True):
        for name, label in ((molecule, "from GFN2-xTB"), (f"{molecule}-alone", "alone")):
            found = {int(size): errors[metric] for size, errors in results.get(name, {}).items()}
            if found:
                forces = [force for _, force in found.values()]
                panel.plot(list(found), forces, "o-", label=f"INN-FF, {label}")
            for size, (energy, force) in found.items():
                cells = TITLES[molecule], label, size, f"{energy:.2f}", f"{force:.1f} ({metric})"
                lines.append(f"| {' | '.join(map(str, cells))} |")
        others = {size: force for size, (_, force) in OTHERS[molecule].items()}
        panel.plot(list(others), list(others.values()), "s", mfc="none", label="MACE, published")
        panel.set(
            xscale="log",
            yscale="log",
            xlabel="DFT frames",
            ylabel=f"{metric} of forces (meV/Å)",
            title=TITLES[molecule],
        )
        ticks = [n for n in FORCE_TICKS if panel.get_ylim()[0] < n < panel.get_ylim()[1]]
        panel.set_yticks(ticks, map(str, ticks))
        panel.set_xticks(sizes, map(str, sizes))
        panel.minorticks_off()
        panel.legend(fontsize=7)
    save_figure(figure, HERE.parent / "docs" / "images" / "learning-curves.png")
    plt.close(figure)
    text = "\n".join(lines)
    print(text)
    (HERE / "learning_curves.md").write_text(f"# Learning curves\n\n{text}\n")


if __name__ == "__main__":
    main()
