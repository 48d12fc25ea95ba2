"""Searches settings of a training run: tries combinations at random, and keeps a log of them.

    python benchmarks/search.py benchmarks/accuracy/aspirin-50-alone.toml --out runs/search \
        slow.cutoff=3.0,3.5,4.0 optimizer.learning_rate=2e-3,4e-3 optimizer.curvature=0,3e-5,3e-4

Each trial is `innff train` in a folder of its own; a search that was stopped goes on with the same
command. The log (trials.jsonl) has a line for each trial; the table is sorted by the error of
forces on the validation frames.
"""

import argparse
import itertools
import json
import random
import tomllib
from pathlib import Path
from typing import Any

from openmm_innff import load_model
from openmm_innff.training import load_config, train
from openmm_innff.training.run import CHECKPOINT

Settings = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="TOML file of the training")
    parser.add_argument("settings", nargs="+", metavar="TABLE.KEY=VALUE,VALUE...")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=0, help="0: all combinations")
    parser.add_argument("--from", dest="base", help="model that every training goes on from")
    arguments = parser.parse_args()
    options = dict(parse(text) for text in arguments.settings)
    combinations = [
        dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())
    ]
    random.Random(0).shuffle(combinations)
    chosen = combinations[: arguments.trials or None]
    log = arguments.out / "trials.jsonl"
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = log.read_text().splitlines() if log.exists() else []
    done = [json.loads(line) for line in lines]
    for settings in chosen:
        if not any(trial["settings"] == settings for trial in done):
            done.append(run(arguments.config, settings, arguments.out, arguments.base))
            with log.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
    for trial in sorted(done, key=lambda trial: trial["valid_force_rmse_meV_per_A"]):
        named = " ".join(f"{key}={value}" for key, value in trial["settings"].items())
        print(
            f"{trial['valid_force_rmse_meV_per_A']:8.2f} meV/A {trial['minutes']:6.1f} min  {named}"
        )


def parse(text: str) -> tuple[str, list[Any]]:
    """Return the name of a setting and its values."""
    name, _, values = text.partition("=")
    if "." not in name or not values:
        raise SystemExit(f"settings: wanted TABLE.KEY=VALUE,VALUE..., found {text!r}")
    return name, tomllib.loads(f"values = [{values}]")["values"]


def run(config: Path, settings: Settings, out: Path, base: str | None) -> dict[str, Any]:
    """Train with other settings, and return a line of the log."""
    name = "_".join(f"{key.split('.')[1]}-{value}" for key, value in settings.items())
    changed = tomllib.loads(config.read_text())
    for key, value in settings.items():
        table, entry = key.split(".")
        changed.setdefault(table, {})[entry] = value
    # Beside the original, since paths of data are relative to the file.
    file = config.with_name(f".{config.stem}-{name}.toml")
    file.write_text(as_toml(changed))
    try:
        model = None if base is None else load_model(base)
        read = load_config(file, None if model is None else model.potential.config)
    finally:
        file.unlink()
    folder = out / name
    resume = (folder / CHECKPOINT).exists()
    card = load_model(train(read, folder, resume=resume, base=model)).card
    return {"settings": settings, **card.errors, "minutes": card.training["minutes"]}


def as_toml(config: dict[str, Any]) -> str:
    """Return a configuration of plain values and tables of these as TOML."""
    plain = [f"{k} = {json.dumps(v)}" for k, v in config.items() if not isinstance(v, dict)]
    tables = [
        "\n".join([f"[{k}]", *(f"{key} = {json.dumps(value)}" for key, value in v.items())])
        for k, v in config.items()
        if isinstance(v, dict)
    ]
    return "\n".join([*plain, *tables]) + "\n"


if __name__ == "__main__":
    main()
