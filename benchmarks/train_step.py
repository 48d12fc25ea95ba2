"""Milliseconds of a training step of water with the compiled engine and with autograd, in one run.

    python benchmarks/train_step.py              # one thread
    python benchmarks/train_step.py --threads 2 --batch 4

The step is that of the joint stage: energies and forces of the fast and the slow part, the
smoothness penalty, and the gradient of the loss with respect to all parameters of water-pbe0; then
the optimiser (SOAP). Also compares the gradients. Writes train_step.md.
"""

import argparse
import platform
import statistics
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from openmm_innff import load_model
from openmm_innff.boxes import water_box
from openmm_innff.data import Frame
from openmm_innff.training.batch import collate, make_batch
from openmm_innff.training.config import SmoothnessConfig
from openmm_innff.training.losses import batch_loss
from openmm_innff.training.soap import Soap

OUTPUT = Path(__file__).with_suffix(".md")
ENGINES = ("torch", "compiled")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=2, help="frames of 192 atoms")
    parser.add_argument("--steps", type=int, default=20, help="for each engine")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    potential = load_model("water-pbe0").potential
    batch = collate([random_frame(potential, seed) for seed in range(arguments.batch)])
    gradients, times = {}, {engine: [] for engine in ENGINES}
    for _ in range(arguments.steps + 2):
        for engine in ENGINES:  # by turns, so that both meet the same disturbances
            start = time.perf_counter()
            gradients[engine] = gradient(potential, batch, engine)
            times[engine].append(1e3 * (time.perf_counter() - start))
    medians = {engine: statistics.median(values[2:]) for engine, values in times.items()}
    optimiser = optimiser_ms(potential, gradients["compiled"], arguments.steps)
    text = report(arguments, medians, optimiser, largest_difference(gradients))
    print(text)
    OUTPUT.write_text(f"# Training steps\n\n{text}\n")


def random_frame(potential: Any, seed: int) -> Any:
    """Return a jittered box of 64 waters; its labels are of no importance for the time."""
    topology, positions = water_box(64)
    box = [[10 * x for x in v.value_in_unit(v.unit)] for v in topology.getPeriodicBoxVectors()]
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(positions.shape, generator=random, dtype=torch.float64)
    numbers = [atom.element.atomic_number for atom in topology.atoms()]
    frame = Frame(
        numbers=torch.tensor(numbers).numpy(),
        positions=(torch.tensor(positions) + 0.03 * noise).numpy(),
        cell=torch.tensor(box, dtype=torch.float64).numpy(),
        periodic=True,
        energy=potential.reference_energy(numbers),
        forces=noise.numpy(),
    )
    masses = torch.tensor([1.008 if z == 1 else 15.999 for z in numbers])
    return make_batch(potential, frame, masses, torch.float32)


def gradient(potential: Any, batch: Any, engine: str) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    smoothness = SmoothnessConfig(weight=1.0)
    terms = batch_loss(potential, batch, ("fast", "slow"), smoothness, random, engine)
    loss = terms.force + terms.energy + terms.change
    return list(torch.autograd.grad(loss, list(potential.parameters())))


def largest_difference(gradients: dict[str, list[torch.Tensor]]) -> float:
    """Largest relative difference (of norms) among all parameters."""
    pairs = zip(*gradients.values(), strict=True)
    return max(float((a - b).norm() / a.norm()) for a, b in pairs)


def optimiser_ms(potential: Any, gradients: list[torch.Tensor], steps: int) -> float:
    parameters = list(potential.parameters())
    optimiser = Soap(parameters, lr=1e-9)
    for parameter, value in zip(parameters, gradients, strict=True):
        parameter.grad = value.detach()
    optimiser.step()
    start = time.perf_counter()
    for _ in range(steps):
        optimiser.step()
    return 1e3 * (time.perf_counter() - start) / steps


def report(
    arguments: argparse.Namespace, medians: dict[str, float], optimiser: float, difference: float
) -> str:
    cpu = platform.processor() or platform.machine()
    lines = [
        f"{date.today()}; {arguments.batch} frames of 192 atoms, {arguments.threads} threads of "
        f"{cpu}, torch {version('torch')}, openmm-innff {version('openmm-innff')}; medians of "
        f"{arguments.steps}",
        "",
        "| | torch (autograd) ms | compiled ms | ratio |",
        "| --- | ---: | ---: | ---: |",
        table_row("loss and its gradient", medians["torch"], medians["compiled"]),
        table_row(
            "the same and SOAP", medians["torch"] + optimiser, medians["compiled"] + optimiser
        ),
        "",
        f"Largest relative difference of a gradient, single precision: {difference:.1e}",
    ]
    return "\n".join(lines)


def table_row(name: str, slow: float, quick: float) -> str:
    return f"| {name} | {slow:.1f} | {quick:.1f} | {slow / quick:.1f} |"


if __name__ == "__main__":
    main()
