"""What an audit of steps leaves behind: a table, a figure, JSON and Markdown."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from openmm_innff.audit.advice import Advice, Candidate, MassAdvice
from openmm_innff.audit.spectrum import LAGS_FS
from openmm_innff.audit.verdict import GROUPS, Check, Tolerances
from openmm_innff.files import atomic_write
from openmm_innff.plotstyle import CYCLE, new_figure, note, save_figure, style

_COLOURS = {"pass": "green", "unclear": "yellow", "fail": "red"}
_PANELS = ("drift", "kinetic", "configurational", "bonded", "rdf", "diffusion")
_SHORT = ("steps fs", "drift", "T kin", "T conf", "bonds", "E pot", "g(r)", "statics", "dyn.")
_SPREAD_FS = 0.12
"""Between two points of the same step, so that their error bars don't hide each other."""


def write_report(
    out: Path,
    advice: Advice,
    results: Mapping[float, Mapping[str, Any]],
    facts: Mapping[str, Any],
    tolerances: Tolerances,
) -> None:
    """Write ``report.json``, ``report.md`` and ``report.png``.

    Parameters
    ----------
    out
        Folder.
    advice
        Of `advice.advise`.
    results
        By hydrogen mass.
    facts
        Settings and machine.
    tolerances
        What counts as agreement.
    """
    content = {
        "facts": {key: str(value) for key, value in facts.items()},
        "tolerances": asdict(tolerances),
        "stiffness": {f"{mass:g}": found["stiffness"] for mass, found in results.items()},
        "advice": [_as_data(mass) for mass in advice],
    }
    with atomic_write(out / "report.json") as file:
        json.dump(content, file, indent=1)
    draw(advice, out / "report.png")
    with atomic_write(out / "report.md") as file:
        file.write(markdown(advice, results, facts))


def print_summary(
    console: Console, advice: Advice, results: Mapping[float, Mapping[str, Any]], out: Path
) -> None:
    """Print a table for each hydrogen mass, and the advice.

    Parameters
    ----------
    console
        Where to.
    advice
        Of `advice.advise`.
    results
        By hydrogen mass.
    out
        Folder of the report.
    """
    for mass in advice:
        table = Table(
            title=f"hydrogen {mass.hydrogen_mass:g} amu; drift in meV/atom/ps, T and bonds in %",
            title_justify="left",
            box=SIMPLE,
            pad_edge=False,
            collapse_padding=True,
        )
        for heading in _SHORT:
            table.add_column(heading, justify="right", no_wrap=True)
        for candidate in mass.candidates:
            cells = _cells(candidate, names=False)
            cells[:2] = ["/".join(cells[:2])]
            del cells[-4:-2]  # spectrum and diffusion are in the file: a terminal is narrow
            colours = [_COLOURS[verdict] for verdict in (candidate.statics, candidate.dynamics)]
            cells[-2:] = [f"[{c}]{text}[/{c}]" for c, text in zip(colours, cells[-2:], strict=True)]
            table.add_row(*cells)
        console.print(table)
        for line in _sentences(mass, results[mass.hydrogen_mass]["stiffness"]):
            console.print(line, soft_wrap=True, highlight=False)
    console.print(f"Report: {out / 'report.md'}", soft_wrap=True)


def markdown(
    advice: Advice, results: Mapping[float, Mapping[str, Any]], facts: Mapping[str, Any]
) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    advice
        Of `advice.advise`.
    results
        By hydrogen mass.
    facts
        Settings and machine.
    """
    lines = ["# Safe time steps", "", "![bias and drift against the outer step](report.png)", ""]
    for mass in advice:
        lines += [f"## Hydrogen {mass.hydrogen_mass:g} amu", ""]
        headings = _headings()
        lines += [f"| {' | '.join(headings)} |", f"|{' ---: |' * len(headings)}"]
        lines += [f"| {' | '.join(_cells(candidate))} |" for candidate in mass.candidates]
        lines += ["", *_sentences(mass, results[mass.hydrogen_mass]["stiffness"]), ""]
        for candidate in mass.candidates:
            if candidate.exploded:
                steps = f"{candidate.inner_fs:g}/{candidate.outer_fs:g} fs"
                lines += [f"{steps}: {candidate.exploded}", ""]
    lines += [
        "Of each group the observable is shown that is worst against its tolerance. Temperatures",
        "are compared with the bath's, the rest with a single step of 0.5 fs. `*`: unclear, the",
        "error bar is too wide; `!`: beyond the tolerance.",
        "",
        *(f"- {key}: {value}" for key, value in facts.items()),
        "",
    ]
    return "\n".join(lines)


def draw(advice: Advice, path: Path) -> None:
    """Draw deviations with error bars against the outer step, tolerances shaded.

    Parameters
    ----------
    advice
        Of `advice.advise`.
    path
        PNG file.
    """
    figure, axes = new_figure(2, 3, sharex=True)
    with style():
        for group, panel in zip(_PANELS, axes.flat, strict=True):
            for i, mass in enumerate(advice):
                _draw_group(panel, mass, group, CYCLE[i], i - (len(advice) - 1) / 2)
            panel.set_title(GROUPS[group])
            if not any(c.group == group for m in advice for k in m.candidates for c in k.checks):
                note(panel, "not measured")
            panel.axhline(0, color="#444444", linewidth=0.8)
        for panel in axes[-1]:
            panel.set_xlabel("outer step, fs")
        handles, labels = axes[0, 1].get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        if unique:
            figure.legend(
                unique.values(), unique.keys(), loc="outside lower center", ncols=len(unique)
            )
    save_figure(figure, path)


def _draw_group(panel: Axes, mass: MassAdvice, group: str, colour: str, place: float) -> None:
    points = [(c.outer_fs, k) for c in mass.candidates for k in c.checks if k.group == group]
    names = list(dict.fromkeys(check.name for _, check in points))
    label = f"hydrogen {mass.hydrogen_mass:g} amu"
    for j, name in enumerate(names):
        chosen = [(outer, check) for outer, check in points if check.name == name]
        panel.errorbar(
            [outer + _SPREAD_FS * (2 * place + j / 2) for outer, _ in chosen],
            [check.deviation for _, check in chosen],
            [check.error for _, check in chosen],
            fmt="os^Dv<>"[j % 7],
            color=colour,
            capsize=2,
            label=label if j == 0 else None,
        )
    if points:
        tolerance = points[0][1].tolerance
        panel.axhspan(-tolerance, tolerance, color="#009E73", alpha=0.07, linewidth=0)
        if group == "drift":
            panel.set_yscale("symlog", linthresh=tolerance)


def _headings() -> list[str]:
    return ["inner fs", "outer fs", *GROUPS.values(), "statics", "dynamics"]


def _cells(candidate: Candidate, names: bool = True) -> list[str]:
    cells = [f"{candidate.inner_fs:g}", f"{candidate.outer_fs:g}"]
    cells += [_worst([c for c in candidate.checks if c.group == group], names) for group in GROUPS]
    statics = "exploded" if candidate.exploded else candidate.statics
    return [*cells, statics, candidate.dynamics]


def _worst(checks: list[Check], names: bool) -> str:
    if not checks:
        return "-"
    order = {"fail": 2, "unclear": 1, "pass": 0}
    check = max(checks, key=lambda c: (order[c.verdict], abs(c.deviation) / c.tolerance))
    mark = {"pass": "", "unclear": "*", "fail": "!"}[check.verdict]
    digits = 2 + names if check.group == "drift" else 1
    error = f"±{check.error:.{digits}f}" if check.error else ""
    name = f" {check.name}" if names and len(checks) > 1 else ""
    return f"{check.deviation:.{digits}f}{error}{name}{mark}"


def _sentences(mass: MassAdvice, stiff: Mapping[str, Any]) -> list[str]:
    lines = []
    for what, best in (("Averages", mass.statics), ("Averages and dynamics", mass.dynamics)):
        text = "no candidate passes"
        if best is not None:
            text = f"inner {best.inner_fs:g} fs, outer {best.outer_fs:g} fs"
        lines.append(f"{what}: {text}.")
    unclear = [c for c in mass.candidates if "unclear" in (c.statics, c.dynamics)]
    if unclear:
        needed = max((k.error / k.tolerance) ** 2 for c in unclear for k in c.checks)
        if needed > 1:
            lines.append(f"To settle what is unclear, run about {needed:.1f} times as long.")
    changes = ", ".join(
        f"{change:.0f} in {lag:g} fs"
        for lag, change in zip(LAGS_FS, stiff["slow_changes_meV_per_A"], strict=True)
    )
    lines.append(
        f"Slow force {stiff['slow_rms_meV_per_A']:.0f} meV/A, changes by {changes}; its stiffest "
        f"motion ({stiff['slow_per_cm']:.0f} 1/cm) bounds the outer step by "
        f"{stiff['slow_bound_fs']:.1f} fs, resonance with the fast part "
        f"({stiff['fast_per_cm']:.0f} 1/cm) by about {stiff['resonance_fs']:.1f} fs."
    )
    return lines


def _as_data(mass: MassAdvice) -> dict[str, Any]:
    def steps(best: Candidate | None) -> dict[str, float] | None:
        return None if best is None else {"inner_fs": best.inner_fs, "outer_fs": best.outer_fs}

    return {
        "hydrogen_mass": mass.hydrogen_mass,
        "statics": steps(mass.statics),
        "statics_and_dynamics": steps(mass.dynamics),
        "candidates": [
            {**asdict(c), "statics": c.statics, "dynamics": c.dynamics} for c in mass.candidates
        ],
    }
