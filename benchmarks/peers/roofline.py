"""Operations and bytes of one evaluation of this project's model, against what a core can do."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peers import frames
from peers.description import Array

GEOMETRY = 60
"""Operations of a pair besides the sums: distance, spline weights, harmonics, chain rule."""

ENTRY_BYTES = 4
"""Of the neighbour list for each ordered pair."""

SKIN = 0.5
"""Of the neighbour list, angstrom."""


@dataclass(frozen=True)
class Work:
    """What one evaluation needs at least.

    Attributes
    ----------
    pair, mixing, readout : float
        Floating-point operations; a multiplication with an addition counts as two.
    streamed : float
        Bytes that come from memory even with perfect caches.
    """

    pair: float
    mixing: float
    readout: float
    streamed: float

    @property
    def operations(self) -> float:
        """All of them."""
        return self.pair + self.mixing + self.readout


@dataclass(frozen=True)
class Core:
    """What one core can do: operations/s in single precision, bytes/s of memory."""

    peak: float
    bandwidth: float


def component_work(config: Any, atoms: int, species: int, neighbours: float, listed: float) -> Work:
    """Count one component; neighbours within the cutoff and listed with the skin, per atom."""
    rows = (config.l_max + 1) ** 2
    basis = species * config.nodes
    inputs = config.channels * (1, 2, 6)[config.l_max]
    # Of each pair 4 nodal weights times the harmonics; backward the values and both derivatives.
    pair = neighbours * (2 * (4 + 8) * rows + GEOMETRY)
    mixing = 2 * 2 * basis * rows * config.channels
    readout = 2 * 2 * inputs * config.projections
    # The list is read forward and backward; positions in double, forces read and written.
    streamed = 2 * ENTRY_BYTES * listed + 3 * 8 + 2 * 3 * 8
    return Work(*(atoms * value for value in (pair, mixing, readout, streamed)))


def work_of(potential: Any, frame: tuple[list[int], Any, Any]) -> dict[str, Work]:
    """Count the fast and the slow part for a frame."""
    numbers, positions, box = frame
    works = {}
    for part in ("fast", "slow"):
        config = getattr(potential.config, part)
        counts = [
            pair_count(positions, box, config.cutoff + more) / len(numbers) for more in (0.0, SKIN)
        ]
        works[part] = component_work(config, len(numbers), len(potential.elements), *counts)
    return works


def pair_count(positions: Array, box: Array, cutoff: float) -> int:
    """Count the ordered pairs within a cutoff."""
    import torch
    from vesin_torch import NeighborList

    search = NeighborList(cutoff, True, n_threads=1)
    return len(search.compute(torch.tensor(positions), torch.tensor(box), True, "i", False)[0])


def measure_core() -> Core:
    """Measure one core: a matrix product stands in for its peak, a large copy for its memory."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    n = 768
    left, right, out = (torch.rand(n, n) for _ in range(3))
    product = fastest(lambda: torch.mm(left, right, out=out))
    source = np.ones(2**24)
    target = np.empty_like(source)
    copy = fastest(lambda: np.copyto(target, source))
    torch.set_num_threads(threads)
    return Core(2 * n**3 / product, 2 * source.nbytes / copy)


def fastest(call: Callable[[], object], repeats: int = 30) -> float:
    """Shortest time of a call in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def paragraph(results: list[dict[str, Any]], file: Path) -> str:
    """Describe how far the compiled engine is from what one core can do."""
    from openmm_innff import load_model

    times = {
        (r["model"], r["frame"]): r["ms"] / 1e3
        for r in results
        if r["threads"] == 1 and "ms" in r and r["model"].startswith("innff")
    }
    core, potential = measure_core(), load_model("water-pbe0").potential
    lines = [
        "| atoms | part | Mflop: pairs | mixing | readout | MB | flop/B | ms at peak | ms measured "
        "| of peak | of bandwidth |",
        "| ---: | --- |" + " ---: |" * 9,
    ]
    for n in frames.WATER:
        works = work_of(potential, frames.read(file, f"water{n}"))
        for part, work in works.items():
            seconds = times.get((f"innff-{part}", f"water{n}"))
            if seconds:
                lines.append(_row(n, part, work, core, seconds))
    if len(lines) == 2:
        return "Needs measurements of innff-fast or innff-slow on one core.\n"
    return "\n".join([_text(core, works["slow"]), "", *lines, ""])


def _row(atoms: int, part: str, work: Work, core: Core, seconds: float) -> str:
    parts = " | ".join(f"{x / 1e6:.1f}" for x in (work.pair, work.mixing, work.readout))
    intensity = work.operations / work.streamed
    return (
        f"| {atoms} | {part} | {parts} | {work.streamed / 1e6:.2f} | {intensity:.0f} "
        f"| {1e3 * work.operations / core.peak:.2f} | {1e3 * seconds:.2f} "
        f"| {work.operations / core.peak / seconds:.0%} "
        f"| {work.streamed / core.bandwidth / seconds:.1%} |"
    )


def _text(core: Core, work: Work) -> str:
    balance, intensity = core.peak / core.bandwidth, work.operations / work.streamed
    side = "arithmetic" if intensity > balance else "memory"
    shares = [f"{x / work.operations:.0%}" for x in (work.pair, work.mixing, work.readout)]
    return (
        f"One core does {core.peak / 1e9:.0f} Gflop/s in single precision (a product of matrices "
        f"of 768 x 768, which stands in for its peak) and moves {core.bandwidth / 1e9:.1f} GB/s "
        f"(a copy of 128 MB, read and written): {balance:.0f} flop for each byte. Counted are the "
        "sums over pairs within the cutoff (4 nodes forward and 8 products backward for each "
        f"harmonic, {GEOMETRY} operations of geometry), the mixing of channels and the readout, "
        "each forward and backward, and as bytes the neighbour list, positions and forces; "
        f"weights stay in the caches. The slow part does {intensity:.0f} flop/B, so {side} bounds "
        f"it, not {'memory' if side == 'arithmetic' else 'arithmetic'}: pairs are {shares[0]} of "
        f"its operations, mixing {shares[1]} and the readout {shares[2]}. What keeps it from the "
        "peak is outside this count: gathers of neighbours, pairs of the skin that contribute "
        "nothing, logarithms and roots, sums shorter than the core's registers are wide."
    )
