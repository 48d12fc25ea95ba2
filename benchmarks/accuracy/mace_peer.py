"""Trains a small MACE on frames of the benchmark, and tests it, in the environment of the peer.

    .venv-peers-mace/bin/python benchmarks/accuracy/mace_peer.py acac --epochs 150
    .venv-peers-mace/bin/python benchmarks/accuracy/mace_peer.py water --epochs 20

`benchmarks/peers.py --install --only mace-small` makes it. The settings are those of MACE's own
examples for small molecules, with 32 channels of scalars and vectors. Goes on where it was stopped.
Writes runs/accuracy/mace-NAME, and prints the errors of the test frames.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from ase.io import read, write

ROOT = Path(__file__).parents[2]
WORK = ROOT / "runs" / "accuracy"
TESTS = {"acac": ("acac-test-300K", "acac-test-600K"), "water": ("water-valid",)}
CUTOFF = {"acac": "5.0", "water": "5.0"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(TESTS))
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--hidden", default="32x0e + 32x1o")
    arguments = parser.parse_args()
    folder = WORK / f"mace-{arguments.name}"
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "valid"):
        convert(WORK / f"{arguments.name}-{part}.xyz.gz", folder / f"{part}.xyz")
    start = time.perf_counter()
    train(folder, arguments.epochs, arguments.hidden, CUTOFF[arguments.name])
    minutes = (time.perf_counter() - start) / 60.0
    print(f"trained for {minutes:.1f} minutes, {arguments.epochs} epochs")
    for test in TESTS[arguments.name]:
        print(test, errors(folder / "peer.model", WORK / f"{test}.xyz.gz"), flush=True)


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
        "ema_decay": "0.99", "eval_interval": "5", "default_dtype": "float32", "device": "cpu",
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


def errors(model: Path, test: Path) -> str:
    """Return RMSE of energies and forces."""
    from mace.calculators import MACECalculator

    calculator = MACECalculator(model_paths=str(model), device="cpu", default_dtype="float32")
    energy, force = [], []
    for atoms in read(test, ":"):
        labels = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = calculator
        energy.append(atoms.get_potential_energy() - labels[0])
        force.append((atoms.get_forces() - labels[1]).ravel())
    size = [1e3 * float(np.sqrt(np.mean(np.square(x)))) for x in (energy, np.concatenate(force))]
    count = sum(p.numel() for p in calculator.models[0].parameters())
    return f"RMSE {size[0]:.2f} meV {size[1]:.2f} meV/A, {count} parameters"


if __name__ == "__main__":
    main()
