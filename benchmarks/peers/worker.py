"""One measurement in a process of its own, in the interpreter that holds the package.

Started by `peers.py`; writes one line of JSON, behind a mark, after whatever packages print.
"""

import argparse
import json
import os
import statistics
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from peers import frames
from peers.catalogue import adapter_of
from peers.description import Array, Call

MARK = "@result "
MAX_CALLS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("frame")
    parser.add_argument("--frames", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    try:
        result = measure(arguments)
    except Exception as error:  # whatever a package raises becomes a line of the table
        lines = str(error).strip().splitlines() or [""]
        result = {"error": f"{type(error).__name__}: {lines[0][:150]}"}
    print("\n" + MARK + json.dumps(result), flush=True)
    # Some packages hang or crash in their clean-up, and the result is out.
    os._exit(0)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    numbers, positions, box = frames.read(arguments.frames, arguments.frame)
    adapter = import_module(adapter_of(arguments.model))
    versions = adapter.versions()
    if "torch" in versions:
        import torch

        torch.set_num_threads(arguments.threads)
        torch.set_num_interop_threads(1)
    start = status_mb("VmRSS")
    built = adapter.build(adapter.MODELS[arguments.model], numbers, positions, box)
    forget_peak()
    places = frames.pair_of_positions(positions)
    seconds, spread = median_seconds(built.call, places, arguments.seconds)
    energy, forces = built.call(places[0])
    if not (np.isfinite(energy) and np.isfinite(forces).all() and np.abs(forces).max() > 0):
        raise ValueError(f"wanted finite forces that don't all vanish, found energy {energy}")
    return {
        "model": arguments.model,
        "frame": arguments.frame,
        "atoms": len(numbers),
        "threads": arguments.threads,
        "ms": 1e3 * seconds / built.per_call,
        "spread": spread,
        "memory_mb": status_mb("VmHWM") - start,
        "kept_mb": status_mb("VmRSS") - start,
        "parameters": built.parameters,
        "versions": versions,
        "python": sys.version.split()[0],
        "note": built.note,
    }


def median_seconds(call: Call, places: list[Array], seconds: float) -> tuple[float, float]:
    """Median time of a call, after warming up, and half the middle 50 % relative to it."""
    begin = time.perf_counter()
    for k in range(4):  # compilers that watch the first calls are done after three
        call(places[k % 2])
        if time.perf_counter() - begin > max(4 * seconds, 10.0):
            break
    times: list[float] = []
    stop = time.perf_counter() + seconds
    for k in range(MAX_CALLS):
        start = time.perf_counter()
        call(places[k % 2])
        times.append(time.perf_counter() - start)
        now = time.perf_counter()
        if (now > stop and len(times) >= 5) or now > stop + 3 * seconds:
            break
    median = statistics.median(times)
    quartiles = np.percentile(times, [25, 75])
    return median, float(quartiles[1] - quartiles[0]) / (2 * median)


def forget_peak() -> None:
    """Make the kernel forget what imports and building needed and gave back."""
    Path("/proc/self/clear_refs").write_text("5")


def status_mb(field: str) -> float:
    """Memory of this process: VmRSS now, VmHWM at its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status: wanted {field}, found none")


if __name__ == "__main__":
    main()
