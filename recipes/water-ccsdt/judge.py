"""What the correction changed: the binding curve, the dimer of S22, and g(r) of the liquid.

    python recipes/water-ccsdt/judge.py --out runs/water-ccsdt

Writes results.json, curve.png and, with --liquid-ps, rdf.png.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import s22
from ase.io import read
from pairs import evaluate

from openmm_innff import load_model, simulation
from openmm_innff.analysis import agreement, load_table
from openmm_innff.files import atomic_write
from openmm_innff.model import Model
from openmm_innff.plotstyle import CYCLE, REFERENCE, new_figure, save_figure, style
from openmm_innff.recipe import load_recipe

KCAL = 23.060548  # kcal/mol per eV
NEAR = 6.0
"""O-O in angstrom: beyond it a model with a cutoff of 6 has hardly a pair of atoms left to see."""
DIMERS = "dimers alone"
"""The model of molecules and dimers, which the correction is made of."""
STRETCHES = ("0.9", "1.0", "1.2", "1.5", "2.0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/water-ccsdt"))
    parser.add_argument("--liquid-ps", type=float, default=0.0, help="length of the runs for g(r)")
    given = parser.parse_args()
    files = {
        "water-pbe0": "water-pbe0",
        "water-ccsdt": str(given.out / "water-ccsdt" / "water-ccsdt.innff"),
        DIMERS: str(given.out / "ccsdt" / "ccsdt.innff"),
    }
    models = {
        name: load_model(file)
        for name, file in files.items()
        if not file.endswith(".innff") or Path(file).is_file()
    }
    results = {"curve": binding_curve(given.out, models), "S22x5": stretched_dimer(models)}
    if given.liquid_ps:
        liquids = {name: files[name] for name in models if name != DIMERS}
        results["rdf"] = liquid(given.out, liquids, given.liquid_ps)
    with atomic_write(given.out / "results.json") as file:
        json.dump(results, file, indent=1)
    print(json.dumps(results, indent=1))


def binding_curve(out: Path, models: dict[str, Model]) -> dict:
    """Return interaction energies along O-O in kcal/mol, and their errors."""
    first, second, *dimers = read(out / "curve-ccsdt.xyz", ":")
    dimers.sort(key=distance)
    r = np.array([distance(a) for a in dimers])
    labels = [a.get_potential_energy() for a in (first, second, *dimers)]
    found = {"CCSD(T)": KCAL * (np.array(labels[2:]) - labels[0] - labels[1])}
    for name, model in models.items():
        energies = [evaluate(model, a)[0] for a in (first, second, *dimers)]
        found[name] = KCAL * (np.array(energies[2:]) - energies[0] - energies[1])
    figure, axes = new_figure()
    with style():
        axis = axes[0, 0]
        for (name, energies), color in zip(found.items(), (REFERENCE, *CYCLE), strict=False):
            axis.plot(r, energies, "o-", color=color, label=name, markersize=4)
        axis.set(xlabel="O-O distance (Å)", ylabel="interaction energy (kcal/mol)")
        axis.legend()
    save_figure(figure, out / "curve.png")
    near = r <= NEAR
    errors = {name: found[name] - found["CCSD(T)"] for name in models}
    return {
        "O-O_A": np.round(r, 3).tolist(),
        "kcal_per_mol": {name: np.round(e, 3).tolist() for name, e in found.items()},
        "rms_all": {name: rms(e) for name, e in errors.items()},
        f"rms_to_{NEAR}_A": {name: rms(e[near]) for name, e in errors.items()},
    }


def stretched_dimer(models: dict[str, Model]) -> dict:
    """Return interaction energies of the water dimer of S22x5, CCSD(T) at the limit of bases."""
    data = s22.data["Water_dimer"]
    found = {"CCSD(T)/CBS": [KCAL * e for e in data["interaction energies s22x5"]]}
    for name, model in models.items():
        found[name] = []
        for stretch in STRETCHES:
            dimer = s22.create_s22_system("Water_dimer", float(stretch))
            parts = [evaluate(model, a)[0] for a in (dimer, dimer[:3], dimer[3:])]
            found[name].append(KCAL * (parts[0] - parts[1] - parts[2]))
    return {name: np.round(energies, 3).tolist() for name, energies in found.items()}


def liquid(out: Path, files: dict[str, str], length_ps: float) -> dict:
    """Run the liquid with each model, and compare g(r) with that of the shipped one's data."""
    reference = load_table("water-pbe0-rdf")
    figure, axes = new_figure(1, 2)
    rows: dict[str, dict] = {}
    for (name, file), color in zip(files.items(), CYCLE, strict=False):
        config = dataclasses.replace(
            load_recipe("water"), model=file, length_ps=length_ps, speed_test_s=0.0,
            outer_step_fs=4.0, inner_step_fs=1.0,
        )  # fmt: skip
        folder = out / f"liquid-{name}"
        if not (folder / "rdf.csv").is_file():
            simulation.run(config, folder, resume=folder.is_dir())
        table = load_table(folder / "rdf.csv")
        rows[name] = {}
        for axis, pair in zip(axes[0], ("O-O", "O-H"), strict=True):
            g = table[pair]
            axis.plot(g.r, g.g, color=color, label=name)
            peak = int(np.argmax(np.where(g.r < 3.3, g.g, 0.0))) if pair == "O-O" else 0
            compared = agreement(g, reference[pair])
            rows[name][pair] = {"area_not_shared_with_PBE0_data": round(1 - compared.similarity, 4)}
            if pair == "O-O":
                rows[name][pair] |= {"peak_A": round(float(g.r[peak]), 3),
                                     "peak": round(float(g.g[peak]), 3)}  # fmt: skip
    with style():
        for axis, pair in zip(axes[0], ("O-O", "O-H"), strict=True):
            g = reference[pair]
            axis.plot(g.r, g.g, ":", color=REFERENCE, label="PBE0 data")
            axis.set(xlabel="r (Å)", ylabel=f"g(r), {pair}", xlim=(1.4, None))
        axes[0, 0].legend()
    save_figure(figure, out / "rdf.png")
    return rows


def distance(atoms: Atoms) -> float:
    """Return O-O of a dimer, angstrom."""
    return float(atoms.get_distance(0, 3))


def rms(values: np.ndarray) -> float:
    """Return the root mean square, rounded."""
    return round(float(np.sqrt(np.mean(values**2))), 3)


if __name__ == "__main__":
    main()
