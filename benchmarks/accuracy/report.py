"""The table and the plots of the benchmark."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator

from accuracy.rows import ROWS, Row
from openmm_innff.plotstyle import save_figure

HEAD = (
    "| molecule | model | DFT frames | test | error | energy, meV | forces, meV/Å | parameters "
    "| minutes | ms |",
    "| --- | --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |",
)


def write(results: dict[str, Any], peers: dict[str, Any], rows: Sequence[Row], docs: Path) -> None:
    """Write the table that docs/accuracy.md includes, and the plot of errors against costs."""
    lines = [*HEAD]
    for row in rows:
        if row.name in results:
            lines += _lines(row, results[row.name], results.get(row.base, {}))
        if row.name in peers:
            lines += _peer_lines(row, peers[row.name])
    table = "\n".join(lines)
    print(table)
    page = docs / "accuracy.md"
    begin, end = "<!-- table -->", "<!-- end of table -->"
    text = page.read_text()
    head, tail = text.split(begin)[0], text.split(end)[1]
    page.write_text(f"{head}{begin}\n{_machine()}\n\n{table}\n{end}{tail}")
    plot(results, docs / "images" / "accuracy.png")


def _machine() -> str:
    names = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    cpu = names[0].split(":")[1].strip() if names else platform.machine()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "openmm"))
    return (
        f"One thread of {cpu}, Python {platform.python_version()}, {versions}. Minutes are those "
        "of training, with the base where there is one; ms are those of energy and forces of one "
        "frame, of the fast part and of the whole."
    )


def _lines(row: Row, result: dict[str, Any], base: dict[str, Any]) -> list[str]:
    found = []
    minutes = result["minutes"] + base.get("minutes", 0.0)
    for test, errors in result["errors"].items():
        energy, force = errors[row.metric]
        ms = result["cost"].get("ms", {})
        name = "INN-FF, from GFN2-xTB" if row.base else "INN-FF"
        cost = f"{ms['fast']:.2f} / {ms['total']:.1f}" if ms else ""
        numbers = f"{energy:.2f} | {force:.1f} | {result['parameters']} | {minutes:.0f}"
        cells = f"{row.title} | {name} | {row.frames} | {test} | {row.metric} | {numbers} | {cost}"
        found.append(f"| {cells} |")
        others = row.published.get(test, {}) if row.base else {}  # once for each molecule
        for other, (e, f) in others.items():
            cells = f"{row.title} | {other}, published | {row.frames} | {test} | {row.metric}"
            found.append(f"| {cells} | {e} | {f} | | | |")
    return found


def _peer_lines(row: Row, peer: dict[str, Any]) -> list[str]:
    return [
        f"| {row.title} | MACE, small, trained here for {peer['epochs']} epochs | {row.frames} "
        f"| {test} | RMSE | {energy:.2f} | {force:.1f} | {peer['parameters']} "
        f"| {peer['minutes']:.0f} | {peer['ms']:.0f} |"
        for test, (energy, force) in peer["errors"].items()
    ]


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw the error of forces against the milliseconds of an evaluation."""
    figure, axes = plt.subplots(figsize=(7.5, 4), layout="constrained")
    for row in ROWS:
        result = results.get(row.name, {})
        ms = result.get("cost", {}).get("ms", {})
        if not ms or not row.published:
            continue
        test = next(iter(row.published))
        label = f"{row.title}, {row.frames} frames{', from GFN2-xTB' if row.base else ''}"
        error = result["errors"][test][row.metric][1]
        (drawn,) = axes.plot(ms["total"], error, "o", label=f"{label} ({row.metric})")
        if row.base and "mace-small" in ms:
            other = row.published[test]["MACE"][1]
            axes.plot(ms["mace-small"], other, "s", mfc="none", color=drawn.get_color())
    axes.plot([], [], "s", mfc="none", color="grey", label="MACE, published; cost of OFF23-small")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="energy and forces of a frame (ms, one thread)",
        ylabel="error of forces (meV/Å)",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    figure.legend(loc="outside right center", fontsize=7)
    save_figure(figure, path)
    plt.close(figure)
