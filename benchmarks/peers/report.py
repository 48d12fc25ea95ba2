"""Lines while it runs, and the tables of `peers.md`."""

import math
import os
import platform
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from peers import catalogue, frames, roofline

OURS, TORCH, SMALL, FLOOR = "innff", "innff-torch", "mace-small", "tip3p-steps"

Result = dict[str, Any]


def progress_header() -> str:
    return line(("model", "atoms", "cores", "ms", "us/atom", "MB")) + "\n" + rule("lrrrrr")


def progress(result: Result) -> str:
    cells = [result["model"], result["atoms"], result["threads"]]
    if "error" in result:
        return line([*cells, result["error"], "", ""])
    per_atom = figure(1e3 * result["ms"] / result["atoms"])
    return line([*cells, figure(result["ms"]), per_atom, round(result["memory_mb"])])


def document(results: list[Result], file: Path) -> str:
    """Return the whole report; file holds the frames."""
    threads = sorted({r["threads"] for r in results})
    names = [name for name in catalogue.models() if any(r["model"] == name for r in results)]
    parts = ["# Energy and forces of the same frames by several potentials", header()]
    parts += [_EXPLANATION, "## Goals\n\n" + goals(results)]
    for frame in [frames.DIPEPTIDE, *(f"water{n}" for n in frames.WATER)]:
        those = [r for r in results if r["frame"] == frame]
        if those:
            parts.append(f"## {title(those[0])}\n\n" + frame_table(those, names, threads))
    parts.append("## Models\n\n" + model_table(results, names))
    parts.append("## How far from what one core can do\n\n" + roofline.paragraph(results, file))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


_EXPLANATION = """\
Random weights for all but this project's model; hyper-parameters and their sources are below.
Each figure is the median of calls that alternate between two sets of positions 0.002 A apart, in
a process of its own, which may use as many cores as the column says. Neighbour lists that a
package takes as an argument are made beforehand and not timed, which favours those packages; this
project's model and OpenMM check theirs in each call. MB: the most memory that calls needed, beyond
that of the process after its imports, on one core. Ratio: time over that of this project's
compiled model with the same cores."""


def header() -> str:
    names = [
        row.split(":")[1].strip()
        for row in Path("/proc/cpuinfo").read_text().splitlines()
        if row.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    return f"{date.today()}: {cores} cores of {names[0] if names else platform.machine()}"


def title(result: Result) -> str:
    if result["frame"] == frames.DIPEPTIDE:
        return "Alanine dipeptide in vacuum, 22 atoms"
    return f"Water, {result['atoms']} atoms"


def frame_table(results: list[Result], names: list[str], threads: list[int]) -> str:
    cores = [f"{n} core{'s' if n > 1 else ''}" for n in threads]
    head = ["model", *(f"ms, {c}" for c in cores), *(f"us/atom, {c}" for c in cores)]
    rows = [line([*head, "MB", *(f"ratio, {c}" for c in cores)])]
    rows.append(rule("l" + "r" * (3 * len(threads) + 1)))
    known = {(r["model"], r["threads"]): r for r in results}
    notes: list[str] = []
    for name in names:
        own = [known.get((name, n)) for n in threads]
        label = catalogue.models()[name].title + mark(own, notes)
        times = [cell(r, lambda r: figure(r["ms"])) for r in own]
        per_atom = [cell(r, lambda r: figure(1e3 * r["ms"] / r["atoms"]), "") for r in own]
        memory = cell(own[0], lambda r: str(round(r["memory_mb"])), "")
        ratios = [ratio(r, known.get((OURS, n))) for r, n in zip(own, threads, strict=True)]
        rows.append(line([label, *times, *per_atom, memory, *ratios]))
    return "\n".join([*rows, *(["", *notes] if notes else [])])


def mark(own: list[Result | None], notes: list[str]) -> str:
    """Return a footnote mark where the model differs for this frame."""
    for result in own:
        error = (result or {}).get("error", "")
        text = (result or {}).get("note") or ("" if "too large" in error else error)
        if text:
            if not any(note.endswith(text + ".") for note in notes):
                notes.append(f"{len(notes) + 1}) {text}.")
            return f" {next(k for k, n in enumerate(notes, 1) if n.endswith(text + '.'))})"
    return ""


def cell(result: Result | None, text: Callable[[Result], str], missing: str = "-") -> str:
    if result is None:
        return missing
    if "ms" in result:
        return text(result)
    return missing and (result["error"] if "too large" in result["error"] else "failed")


def ratio(result: Result | None, ours: Result | None) -> str:
    if not result or not ours or "ms" not in result or "ms" not in ours:
        return ""
    return figure(result["ms"] / ours["ms"])


def model_table(results: list[Result], names: list[str]) -> str:
    head = ("model", "packages", "learned numbers", "sizes", "source", "neighbour lists")
    rows = [line(head), rule("llrlll")]
    for name in names:
        model = catalogue.models()[name]
        measured = [r for r in results if r["model"] == name and "ms" in r]
        # Of the water models: the peptide's has other elements.
        last = max(measured, key=lambda r: r["atoms"], default=None)
        versions = last["versions"].items() if last else ()
        packages = ", ".join(f"{package} {text}" for package, text in versions)
        count = f"{last['parameters']:,}".replace(",", " ") if last else "-"
        rows.append(line([model.title, packages, count, model.sizes, model.source,
                          model.neighbours]))  # fmt: skip
    return "\n".join(rows)


def goals(results: list[Result]) -> str:
    """Compare with what the engine is meant to reach; lists only what was measured."""
    known = {(r["model"], r["atoms"], r["threads"]): r for r in results if "ms" in r}

    def ms(name: str, atoms: int, threads: int = 1) -> float:
        return float(known.get((name, atoms, threads), {}).get("ms", math.nan))

    cores = max(r["threads"] for r in results)
    small, large = known.get((OURS, 1536, 1)), known.get((OURS, 12288, 1))
    kept, peak = math.nan, math.nan
    if small and large:
        kept, peak = (
            1024 * (large[field] - small[field]) / (12288 - 1536)
            for field in ("kept_mb", "memory_mb")
        )
    exponent = math.log(ms(OURS, 12288) / ms(OURS, 192)) / math.log(64)
    list_kb = list_kilobytes()
    lines = [
        (f"faster than its eager torch path, 192 atoms, one core: "
         f"{ms(TORCH, 192) / ms(OURS, 192):.1f} times", "at least 8"),
        (f"faster than MACE-OFF23-small's architecture, 192 atoms, one core: "
         f"{ms(SMALL, 192) / ms(OURS, 192):.0f} times", "at least 200"),
        (f"slower than a step of flexible TIP3P with PME, 1536 atoms, one core: "
         f"{ms(OURS, 1536) / ms(FLOOR, 1536):.1f} times", "at most 10"),
        (f"exponent of cost from 192 to 12288 atoms, one core: {exponent:.2f}", "about 1"),
        (f"memory per atom, from 1536 to 12288 atoms: {kept:.1f} kB kept, {peak:.1f} kB at its "
         f"peak, of which the neighbour lists {list_kb:.1f} kB", "little beyond the list"),
        (f"speed-up by {cores} cores, 12288 atoms: "
         f"{ms(OURS, 12288) / ms(OURS, 12288, cores):.2f}", f"near {cores}"),
    ]  # fmt: skip
    measured = [f"- {text} (goal: {goal})" for text, goal in lines if "nan" not in text]
    return "\n".join(measured) or "Nothing of what they need was measured."


def list_kilobytes() -> float:
    """Entries of both components' lists at the density of water, kB per atom."""
    from openmm_innff import load_model

    config = load_model("water-pbe0").potential.config
    density = 0.1  # atoms per cubic angstrom
    reaches = (config.fast.cutoff + roofline.SKIN, config.slow.cutoff + roofline.SKIN)
    entries = sum(density * 4 / 3 * math.pi * reach**3 for reach in reaches)
    return roofline.ENTRY_BYTES * entries / 1024


def figure(value: float) -> str:
    """Three digits, without exponents."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 3)}f}"


def line(cells: Any) -> str:
    return "| " + " | ".join(str(c) for c in cells) + " |"


def rule(columns: str) -> str:
    return "| " + " | ".join("---:" if c == "r" else "---" for c in columns) + " |"
