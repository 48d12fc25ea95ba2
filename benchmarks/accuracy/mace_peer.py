r"""Trains a small MACE on frames of the benchmark, and tests it, in the environment of the peer.

    .venv-peers-mace/bin/python benchmarks/accuracy/mace_peer.py acac --epochs 90
    .venv-peers-mace/bin/python benchmarks/accuracy/mace_peer.py water --epochs 4 \
        --hidden 16x0e --cutoff 4.5

`benchmarks/peers.py --install --only mace-small` makes it. The settings are those of MACE's own
examples for small molecules, with 32 channels of scalars and vectors; a model of the water that
fits into the minutes ours takes is smaller. Goes on where it was stopped.
Trains in runs/accuracy/mace-NAME, and writes peers.json, from which the table takes a row.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import read, write
from rows import ROWS

ROOT = Path(__file__).parents[2]
WORK = ROOT / "runs" / "accuracy"
RESULTS = Path(__file__).with_name("peers.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=("acac", "water"))
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--hidden", default="32x0e + 32x1o")
    parser.add_argument("--cutoff", default="5.0", help="angstrom (5)")
    arguments = parser.parse_args()
    folder = WORK / f"mace-{arguments.name}"
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "valid"):
        convert(WORK / f"{arguments.name}-{part}.xyz.gz", folder / f"{part}.xyz")
    minutes = train_and_time(folder, arguments.epochs, arguments.hidden, arguments.cutoff)
    print(f"trained for {minutes:.1f} minutes, {arguments.epochs} epochs")
    tests = next(row.tests for row in ROWS if row.name == arguments.name)
    found = test(folder / "peer_stagetwo.model", tests)  # that of the larger weight of energies
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[arguments.name] = {"epochs": arguments.epochs, "minutes": minutes, **found}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results[arguments.name], indent=1))


def train_and_time(folder: Path, epochs: int, hidden: str, cutoff: str) -> float:
    """Train, and return the minutes of all calls."""
    log = folder / "minutes.txt"
    start = time.perf_counter()
    try:
        train(folder, epochs, hidden, cutoff)
    finally:
        before = float(log.read_text()) if log.exists() else 0.0
        minutes = before + (time.perf_counter() - start) / 60.0
        log.write_text(f"{minutes}\n")
    return minutes


def convert(source: Path, target: Path) -> None:
    """Write frames with labels where MACE looks for them."""
    frames = read(source, ":")
    for atoms in frames:
        atoms.info["REF_energy"] = atoms.get_potential_energy()
        atoms.arrays["REF_forces"] = atoms.get_forces()
        atoms.calc = None
    write(target, frames, format="extxyz")


def train(folder: Path, epochs: int, hidden: str, cutoff: str) -> None:
    """Run MACE's own command."""
    options = {
        "name": "peer", "train_file": "train.xyz", "valid_file": "valid.xyz", "E0s": "average",
        "model": "MACE", "hidden_irreps": hidden, "r_max": cutoff, "num_interactions": "2",
        "correlation": "3", "max_ell": "3", "batch_size": "5", "valid_batch_size": "5",
        "max_num_epochs": str(epochs), "start_swa": str(3 * epochs // 4), "lr": "0.01",
        "weight_decay": "5e-7", "forces_weight": "1000", "energy_weight": "10",
        "ema_decay": "0.99", "eval_interval": str(max(1, epochs // 20)),
        "default_dtype": "float32", "device": "cpu",
        "seed": "0", "energy_key": "REF_energy", "forces_key": "REF_forces",
        "error_table": "TotalRMSE", "scheduler_patience": "50",
    }  # fmt: skip
    command = [sys.executable, "-m", "mace.cli.run_train"]
    for key, value in options.items():
        command += [f"--{key}", value]
    command += ["--ema", "--swa", "--amsgrad"]
    if list((folder / "checkpoints").glob("*.pt")):
        command.append("--restart_latest")
    subprocess.run(command, check=True, cwd=folder)


def test(model: Path, tests: dict[str, str]) -> dict[str, Any]:
    """Return RMSE of energies and forces by test, parameters, and milliseconds of an evaluation."""
    import torch
    from mace.calculators import MACECalculator

    torch.set_num_threads(1)
    calculator = MACECalculator(model_paths=str(model), device="cpu", default_dtype="float32")
    errors, seconds = {}, []
    for name, file in tests.items():
        energy, force = [], []
        for atoms in read(WORK / f"{file}.xyz.gz", ":"):
            labels = atoms.get_potential_energy(), atoms.get_forces()
            atoms.calc = calculator
            start = time.perf_counter()
            found = atoms.get_potential_energy(), atoms.get_forces()
            seconds.append(time.perf_counter() - start)
            energy.append(found[0] - labels[0])
            force.append((found[1] - labels[1]).ravel())
        both = energy, np.concatenate(force)
        errors[name] = [1e3 * float(np.sqrt(np.mean(np.square(x)))) for x in both]
    return {
        "errors": errors,
        "parameters": sum(p.numel() for p in calculator.models[0].parameters()),
        "ms": 1e3 * float(np.median(seconds)),
    }


if __name__ == "__main__":
    main()
