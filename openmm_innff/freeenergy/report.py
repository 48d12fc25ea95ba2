"""The report of a free energy: values with errors, overlap of the states, convergence."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from openmm_innff.files import atomic_write
from openmm_innff.freeenergy.analysis import LEAST_OVERLAP, LegResult, Result
from openmm_innff.plotstyle import SLOW, TRAINING, new_figure, style
from openmm_innff.report.html import facts_table, heading, image, note, table, tile
from openmm_innff.report.html import write_page as write_html


def write_result(result: Result, folder: Path) -> Path:
    """Write result.json and report.html, and return the latter.

    Parameters
    ----------
    result
        What is shown.
    folder
        Where.
    """
    legs = [dataclasses.asdict(leg) for leg in result.legs]
    content = {
        "what": result.what,
        "value_kJ_per_mol": result.value,
        "error_kJ_per_mol": result.error,
        "terms_kJ_per_mol": result.terms,
        "warnings": result.warnings,
        "legs": legs,
    }
    with atomic_write(folder / "result.json") as file:
        json.dump(content, file, indent=1, default=lambda array: np.round(array, 6).tolist())
    path = folder / "report.html"
    tiles = [tile(f"{result.value:.2f} ± {result.error:.2f} kJ/mol", result.what)]
    rows = [(name, f"{value:.2f}", f"{error:.2f}") for name, value, error in result.terms]
    sections = [
        heading("Of what it is made"),
        table(("kJ/mol", "value", "standard error"), rows),
        *map(note, result.warnings),
        heading("Overlap of the states"),
        image(overlap_figure(result.legs), "Overlap of the states"),
        note(
            "Probability that a sample of one state could be of another. Neighbours should share "
            f"at least {LEAST_OVERLAP}, and no state should stand alone."
        ),
        heading("Convergence"),
        image(convergence_figure(result.legs), "Convergence"),
        note("With more and more of the samples; bars are two standard errors."),
        heading("What was run"),
        facts_table(result.facts),
    ]
    write_html(path, result.title, f"{result.what}, with standard errors by MBAR.", tiles, sections)
    return path


def overlap_figure(legs: Sequence[LegResult]) -> Figure:
    """Draw how much the states of each leg overlap.

    Parameters
    ----------
    legs
        As analysed.
    """
    figure, axes = new_figure(1, len(legs), width=9.0 / max(2, len(legs)), height=4.0)
    with style():
        for axis, leg in zip(axes[0], legs, strict=True):
            n = len(leg.overlap)
            axis.imshow(leg.overlap, cmap="Blues", vmin=0, vmax=max(0.5, leg.overlap.max()))
            for i, j in np.argwhere(leg.overlap >= 0.005) if n <= 16 else ():
                share = leg.overlap[i, j]
                colour = "white" if share > 0.3 else "#222222"
                axis.text(j, i, f"{share:.2f}", ha="center", va="center", fontsize=6, color=colour)
            axis.set(title=leg.name, xlabel="state", ylabel="state")
            axis.grid(visible=False)
    return figure


def convergence_figure(legs: Sequence[LegResult]) -> Figure:
    """Draw the free energies with more and more samples.

    Parameters
    ----------
    legs
        As analysed.
    """
    figure, axes = new_figure(1, len(legs), width=9.0 / max(2, len(legs)), height=3.0)
    with style():
        for axis, leg in zip(axes[0], legs, strict=True):
            band = 2 * leg.error
            axis.axhspan(leg.value - band, leg.value + band, color=TRAINING, alpha=0.35, lw=0)
            axis.axhline(leg.value, color=SLOW, linewidth=0.9)
            if len(leg.course):
                count, value, error = leg.course.T
                axis.errorbar(count, value, 2 * error, color=SLOW, marker="o", capsize=2)
            axis.set(title=leg.name, xlabel="exchanges", ylabel="free energy (kJ/mol)")
    return figure
