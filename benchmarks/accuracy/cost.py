"""Milliseconds of an evaluation of a molecule, of a model and of MACE as OFF23-small."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import catalogue
from peers.worker import MARK, median_seconds

from openmm_innff.data import Frame
from openmm_innff.model import Model

SECONDS = 5.0
PEER = "mace-small"


def measure(model: Model, frame: Frame, folder: Path) -> dict[str, Any]:
    """Return milliseconds on one thread of both parts, and of the peer if it is installed."""
    torch.set_num_threads(1)
    found = {part: _milliseconds(model, frame, part) for part in ("fast", "total")}
    if not frame.periodic and catalogue.is_installed(catalogue.environment_of(PEER)):
        found[PEER] = _peer(frame, folder)
    return {"atoms": len(frame), "ms": found}


def _milliseconds(model: Model, frame: Frame, part: str) -> float:
    numbers, periodic = frame.numbers.tolist(), frame.periodic
    evaluator = model.potential.evaluator(part, numbers, periodic=periodic)
    box = torch.tensor(frame.cell) if periodic else torch.zeros(3, 3, dtype=torch.float64)
    places = [torch.tensor(frame.positions + shift) for shift in (0.0, _noise(frame))]
    seconds, _ = median_seconds(lambda x: evaluator(x, box), places, SECONDS)
    return 1e3 * seconds


def _noise(frame: Frame) -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 0.002, frame.positions.shape)


def _peer(frame: Frame, folder: Path) -> float:
    """Return what the peer takes in its own interpreter."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        frames = Path(temporary) / "frames.npz"
        np.savez(frames, molecule_numbers=frame.numbers, molecule_positions=frame.positions)
        python = catalogue.interpreter(catalogue.environment_of(PEER))
        command = [str(python), "-m", "peers.worker", PEER, "molecule", "--frames", str(frames)]
        command += ["--threads", "1", "--seconds", str(SECONDS)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    result = json.loads(lines[-1].removeprefix(MARK)) if lines else {"error": done.stderr[-300:]}
    if "ms" not in result:
        sys.exit(f"{PEER}: {result['error']}")
    return float(result["ms"])
