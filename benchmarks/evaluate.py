"""Milliseconds and peak memory of one evaluation (energy and forces) of water on this machine.

    python benchmarks/evaluate.py                # the shipped model water-pbe0
    python benchmarks/evaluate.py --random       # random weights of the same kind of size

Each row is measured in a process of its own, so that its peak memory is its own. Boxes are copies
of one box of 64 waters. "new list": the same evaluation when the neighbours must be found again,
which in dynamics happens every 10 to 20 fs. Prints a table, and writes it to evaluate.md.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

SIZES = (192, 1536, 12288)
PARTS = ("fast", "slow", "total")
COLUMNS = ("atoms", "part", "ms", "new list ms", "memory MB", "peak MB")
OUTPUT = Path(__file__).with_suffix(".md")


def main() -> None:
    arguments = parse()
    if arguments.worker:
        print(json.dumps(measure(arguments.sizes[0], arguments.worker, arguments)))
        return
    header = describe(arguments)
    table = [row(COLUMNS), row(["---:", "---", "---:", "---:", "---:", "---:"])]
    print("\n".join([header, "", *table]), flush=True)
    for size in arguments.sizes:
        for part in PARTS:
            line = row(list(run_worker(size, part).values()))
            print(line, flush=True)
            table.append(line)
    OUTPUT.write_text("\n".join(["# Evaluation of water", "", header, "", *table, ""]))
    print(f"\nwritten to {OUTPUT}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="atoms")
    parser.add_argument("--model", default="water-pbe0", help="shipped model or file")
    parser.add_argument("--random", action="store_true", help="random weights, no model file")
    parser.add_argument("--eager", action="store_true", help="without TorchScript")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row")
    parser.add_argument("--worker", choices=PARTS, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_worker(size: int, part: str) -> dict[str, Any]:
    """Measure one row in a fresh process, with the options of this one."""
    command = [sys.executable, *sys.argv, "--worker", part, "--sizes", str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return {"atoms": size, "part": part, "ms": "failed", "new": "", "memory": "", "peak": ""}
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(n_atoms: int, part: str, arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    from openmm_innff.boxes import water_box

    torch.set_num_threads(arguments.threads)
    topology, positions = water_box(64)
    vectors = topology.getPeriodicBoxVectors()
    box = torch.tensor([[10 * x for x in v.value_in_unit(v.unit)] for v in vectors])
    copies = round((n_atoms / len(positions)) ** (1 / 3))
    if copies**3 * len(positions) != n_atoms:
        raise SystemExit(f"--sizes: wanted 192 times a cube, found {n_atoms}")
    shifts = torch.cartesian_prod(*[torch.arange(copies, dtype=torch.float64)] * 3).reshape(-1, 3)
    here = (torch.tensor(positions) + (shifts @ box.double())[:, None]).reshape(-1, 3)
    numbers = [atom.element.atomic_number for atom in topology.atoms()] * copies**3
    device = torch.device(arguments.device)
    here, box = here.to(device), (box.double() * copies).to(device)

    libraries = memory(device)
    evaluator = potential(arguments).evaluator(part, numbers, periodic=True).to(device)
    call = evaluator if arguments.eager else torch.jit.script(evaluator)
    # Steps of dynamics keep the list; a shift of all atoms by more than the skin renews it.
    near = [here, here + 0.001]
    far = [here, here + 1.0]
    near_ms = median_ms(lambda k: call(near[k % 2], box), device, arguments.seconds)
    far_ms = median_ms(lambda k: call(far[k % 2], box), device, arguments.seconds)
    peak = memory(device)
    return {
        "atoms": n_atoms,
        "part": part,
        "ms": f"{near_ms:.2f}",
        "new": f"{far_ms:.2f}",
        "memory": round(peak - libraries),
        "peak": round(peak),
    }


def potential(arguments: argparse.Namespace) -> Any:
    if arguments.random:
        from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig

        fast = ComponentConfig(cutoff=3.0, channels=16, projections=32)
        return Potential(PotentialConfig(("H", "O"), fast=fast, slow=ComponentConfig(cutoff=5.5)))
    from openmm_innff import load_model

    return load_model(arguments.model).potential


def median_ms(call: Callable[[int], object], device: Any, seconds: float) -> float:
    """Median time of a call after warming up (TorchScript optimises in the first three)."""
    import torch

    times: list[float] = []
    stop = time.perf_counter() + seconds
    for k in range(1000):
        start = time.perf_counter()
        call(k)
        if device.type == "cuda":
            torch.cuda.synchronize()
        if k >= 4:
            times.append(1e3 * (time.perf_counter() - start))
        if len(times) >= 5 and time.perf_counter() > stop:
            break
    return statistics.median(times)


def memory(device: Any) -> float:
    """Peak memory in MB so far: of the process, or of torch on the GPU."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def describe(arguments: argparse.Namespace) -> str:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    device = "CPU"
    if arguments.device == "cuda":
        import torch

        device = torch.cuda.get_device_name()
    what = "random weights" if arguments.random else arguments.model
    how = "eager" if arguments.eager else "TorchScript"
    return (
        f"{date.today()}: {what}, {how}, {device}; {arguments.threads} threads of {cpu}; "
        f"Python {platform.python_version()}, torch {version('torch')}, "
        f"openmm-innff {version('openmm-innff')}"
    )


def row(cells: Any) -> str:
    widths = (6, 6, 9, 12, 10, 8)
    return (
        "| "
        + " | ".join(
            str(cell).ljust(width) if k == 1 else str(cell).rjust(width)
            for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        + " |"
    )


if __name__ == "__main__":
    main()
