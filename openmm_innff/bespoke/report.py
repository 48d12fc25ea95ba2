"""The report of a run: a page, and the same numbers as JSON."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from openmm_innff.bespoke.folder import LABELS, Folder
from openmm_innff.files import atomic_write
from openmm_innff.plotstyle import REFERENCE, SLOW, VALIDATION, new_figure, style
from openmm_innff.reference.level import Level
from openmm_innff.reference.store import LabelStore
from openmm_innff.report import html

EV_TO_KCAL = 23.060548
COLUMNS = ("structures", "number", "force MAE", "force RMSE", "force RMS", "energy MAE",
           "energy RMSE")  # fmt: skip


def write(folder: Folder, level: Level) -> None:
    """Write ``report.html`` and ``report.json``.

    Parameters
    ----------
    folder : Folder
        Of a finished run.
    level : Level
    """
    state, molecule = folder.state, folder.molecule
    store = LabelStore(folder.path / LABELS)
    final = state.facts["final"]
    target = state.settings["target"]
    numbers = {
        "molecule": state.molecule,
        "level": level.key,
        "target_force_mae_meV_per_A": target,
        "target_reached": final["force_mae"] <= target,
        "rounds": state.rounds,
        **state.facts,
        "minutes": {name: round(s / 60.0, 2) for name, s in state.seconds.items()},
        "cpu_minutes": {name: round(s / 60.0, 2) for name, s in state.cpu.items()},
        "labels_core_minutes": round(store.seconds(level) / 60.0, 2),
        "labels_failed": len(store.failures(level)),
    }
    with atomic_write(folder.path / "report.json") as file:
        json.dump(numbers, file, indent=1)
    reached = "reached" if numbers["target_reached"] else "not reached"
    html.write_page(
        folder.path / "report.html",
        f"A potential for {molecule.name}",
        f"{molecule.formula}, {molecule.smiles}, at {level.key}.",
        [
            html.tile(f"{final['force_mae']:.1f} meV/Å", f"force MAE in {final['frames']} fresh "
                      f"structures; target of {target:g} {reached}"),
            html.tile(_energy(final["energy_mae"]), "energy MAE of the molecule in these"),
            html.tile(f"{final['labels']}", "labelled structures trained on"),
            html.tile(f"{folder.minutes:.0f} min", "in all"),
        ],
        _sections(folder, level, numbers),
    )  # fmt: skip


def _energy(milli: float) -> str:
    return f"{milli:.1f} meV ({milli / 1000.0 * EV_TO_KCAL:.2f} kcal/mol)"


def _sections(folder: Folder, level: Level, numbers: dict[str, Any]) -> Iterator[str]:
    facts = folder.state.facts
    yield html.heading("Learning curve")
    yield html.image(_learning_curve(folder), "Force error against number of labels")
    yield html.heading("Errors")
    yield html.table(COLUMNS, list(_error_rows(folder)))
    yield html.note(
        f"Fresh structures are of dynamics with GFN2-xTB at "
        f"{folder.state.settings['temperature']:g} K and were never trained on. The model's own "
        f"are of dynamics with it, labelled afterwards."
    )
    elements = ", ".join(f"{s} {e:.1f}" for s, e in facts["final"]["by_element"].items())
    yield html.note(f"Force MAE by element in fresh structures, meV/Å: {elements}.")
    yield html.heading("Stability")
    yield html.facts_table(list(_stability(folder)))
    if facts["scans"]:
        yield html.heading("Dihedral angles")
        yield html.image(_scans(facts["scans"]), "Energies along dihedral angles")
        yield html.note(
            "Structures relaxed with MMFF94 at a fixed angle; energies of the reference (line) and "
            "of the model (points), at angles that were not trained on."
        )
    yield html.heading("Cost")
    yield html.facts_table(_cost(numbers))
    yield html.heading("How to go on")
    file = folder.path / "final" / f"{folder.state.settings['name']}.innff"
    yield (
        "<p>Simulate with OpenMM</p><code>"
        + html.escape(f'model = load_model("{file}")')
        + "</code>"
    )
    yield f"<p>Test it thoroughly</p><code>innff audit {html.escape(str(file))}</code>"


def _error_rows(folder: Folder) -> Iterator[tuple[str, ...]]:
    facts = folder.state.facts
    found = {"fresh": facts["final"]}
    if "base" in facts:
        found["fresh, GFN2-xTB base against GFN2-xTB"] = facts["base"]
    for key, value in facts.items():
        if key.startswith("dynamics_") and "errors" in value:
            found[f"the model's own at {value['temperature_K']:g} K"] = value["errors"]
    for name, errors in found.items():
        forces = (errors[k] for k in ("force_mae", "force_rmse", "force_spread"))
        energies = (errors[k] for k in ("energy_mae", "energy_rmse"))
        yield (
            name,
            str(errors["frames"]),
            *(f"{value:.1f} meV/Å" for value in forces),
            *(_energy(value) for value in energies),
        )


def _stability(folder: Folder) -> Iterator[tuple[str, str]]:
    for key, value in folder.state.facts.items():
        if key.startswith("dynamics_"):
            end = f"ended early: {value['broken']}" if value["broken"] else "all bonds intact"
            mean = value["mean_temperature_K"]
            kept = "" if mean is None else f"mean temperature {mean:g} K, "
            yield f"{value['temperature_K']:g} K", f"{value['ps']:g} ps, {kept}{end}"
        if key.startswith("explored_"):
            yield (
                f"dynamics after round {key.removeprefix('explored_')}",
                f"{value['runs']} runs, {value['broken']} broke bonds, {value['doubtful']} ended "
                f"in doubt",
            )


def _cost(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    cpu = numbers["cpu_minutes"]
    rows = [
        (name, f"{minutes:.1f} min, of which processors worked {cpu[name]:.1f}")
        for name, minutes in numbers["minutes"].items()
    ]
    return [
        *rows,
        ("calculations of labels, all cores", f"{numbers['labels_core_minutes']:.1f} min"),
        ("calculations that failed", str(numbers["labels_failed"])),
    ]


def _learning_curve(folder: Folder) -> Figure:
    state = folder.state
    figure, axes = new_figure(1, 1, width=6.0, height=3.2)
    with style():
        axis = axes[0, 0]
        labels = [found["labels"] for found in state.rounds]
        axis.plot(labels, [f["force_mae"] for f in state.rounds], "o-", color=SLOW,
                  label="after each round")  # fmt: skip
        final = state.facts["final"]
        axis.plot([final["labels"]], [final["force_mae"]], "D", color=VALIDATION, markersize=7,
                  label="after the last training")  # fmt: skip
        axis.axhline(state.settings["target"], color="#444444", linestyle=(0, (4, 3)),
                     linewidth=0.9, label="target")  # fmt: skip
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set(xlabel="labelled structures", ylabel="force MAE (meV/Å)", ylim=(0, None))
        axis.legend()
    return figure


def _scans(scans: list[dict[str, Any]]) -> Figure:
    columns = min(3, len(scans))
    rows = -(-len(scans) // columns)
    figure, axes = new_figure(rows, columns, width=9.0 / columns, height=2.8)
    with style():
        for axis in axes.ravel()[len(scans) :]:
            axis.set_visible(False)
        for axis, found in zip(axes.ravel(), scans, strict=False):
            for key, look, color, label in (
                ("reference_eV", "-", REFERENCE, "reference"),
                ("model_eV", "o", SLOW, "model"),
            ):
                energies = EV_TO_KCAL * np.array(found[key])
                axis.plot(found["angles"], energies, look, color=color, label=label)
            axis.set(title=found["torsion"], xlabel="angle (°)", ylabel="energy (kcal/mol)")
            axis.set_xticks(range(-180, 181, 90))
        axes.ravel()[0].legend()
    return figure
