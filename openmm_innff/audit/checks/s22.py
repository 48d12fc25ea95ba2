"""Dimers held by hydrogen bonds and dispersion, beside CCSD(T) energies; and the water dimer."""

from typing import Any

import numpy as np
from ase.data import s22

from openmm_innff.audit import structures
from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import scans
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.scans import profile
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Indices, Structure
from openmm_innff.units import KJ_PER_MOL_TO_EV

CHEMICAL_ACCURACY = 4.184 * KJ_PER_MOL_TO_EV
"""1 kcal/mol, eV."""
_DISTANCES = ("0.9", "1.0", "1.2", "1.5", "2.0")
_WATER = "Water_dimer"
_SHOWN = 0.35
"""Largest energies of the picture, eV."""
_SOURCE = (
    "1 kcal/mol, chemical accuracy. References: CCSD(T) of S22x5 (doi:10.1021/ct1002253) as in ASE"
)


@check(
    "s22",
    "surface",
    question="Are interaction energies of small dimers those of CCSD(T)?",
    unit="eV",
    threshold=CHEMICAL_ACCURACY,
    source=_SOURCE,
)
def measure(bench: Bench) -> Measurement:
    """Compare energies of interaction at five distances; the value is their MAE.

    The molecules are as rigid as in the reference: E(dimer) - E(molecule) - E(molecule).
    """
    _refuse_one_molecule(bench)
    names = [name for name in s22.s22 if not bench.subject.obstacle(_dimer(name, "1.0"))]
    if not names:
        raise NotApplicable(f"{bench.subject.name} evaluates none of the 22 dimers")
    rows, errors, found, wanted = [], [], [], []
    for name in names[: bench.pick(6, 22, 22)]:
        references = _data(name, "interaction energies s22x5")
        energies = [_interaction(bench, _dimer(name, distance)) for distance in _DISTANCES]
        difference = np.array(energies) - np.array(references)
        errors += difference.tolist()
        found += energies
        wanted += references
        rows.append((name.replace("_", " "), *(f"{1000 * value:+.0f}" for value in difference)))
    head = ("dimer, error in meV at", *(f"{distance} r₀" for distance in _DISTANCES))
    ends = (min(wanted + found), max(wanted + found))
    curves = (
        Curve.of("", ends, ends),
        Curve.of("dimers at five distances", wanted, found, points=True),
    )
    panel = Panel("S22x5", "CCSD(T) (eV)", "model (eV)", curves)
    return Measurement(float(np.mean(np.abs(errors))), None, head, tuple(rows), (panel,))


def _refuse_one_molecule(bench: Bench) -> None:
    if bench.subject.molecule is not None:
        raise NotApplicable(f"it was made for {bench.subject.molecule.name} alone")


@check(
    "water-dimer",
    "surface",
    question="Is the water dimer bound as strongly as by CCSD(T), at the same distance?",
    unit="eV",
    threshold=CHEMICAL_ACCURACY,
    source=_SOURCE,
)
def water_dimer(bench: Bench) -> Measurement:
    """Move two rigid waters apart; the value is the error of the deepest energy."""
    _refuse_one_molecule(bench)
    dimer = structures.water_dimer()
    if reason := bench.subject.obstacle(dimer):
        raise NotApplicable(reason)
    first, second = dimer.molecules
    axis = dimer.positions[second[0]] - dimer.positions[first[0]]
    start = float(np.linalg.norm(axis))
    scan = scans.linear("water dimer", dimer, second, axis / start, start)
    apart = sum(_alone(bench, dimer, molecule) for molecule in (first, second))
    grid = np.arange(2.2, 8.0, bench.pick(0.05, 0.02, 0.01))
    energies = profile(bench.bind(dimer), scan, grid)[0] - apart
    least = int(np.argmin(energies))
    depth = s22.get_interaction_energy_cc(_WATER)
    value = abs(float(energies[least]) - depth)
    references = _data(_WATER, "interaction energies s22x5")
    distances = [_distance(_dimer(_WATER, name)) for name in _DISTANCES]
    rows = (("model", f"{energies[least]:.3f} eV", f"{grid[least]:.2f} Å"),
            ("CCSD(T)", f"{depth:.3f} eV", f"{start:.2f} Å"))  # fmt: skip
    curves = (
        Curve.of("model", grid, energies),
        Curve.of("CCSD(T)", distances, references, points=True),
    )
    lowest = min(*references, float(energies[least]))
    panel = Panel("Water dimer", "distance of the oxygens (Å)", "interaction energy (eV)", curves,
                  y_range=(max(lowest, -_SHOWN) - 0.05, _SHOWN))  # fmt: skip
    head = ("", "lowest energy", "at")
    return Measurement(value, None, head, rows, (panel,), "The molecules are rigid.")


def _dimer(name: str, distance: str) -> Structure:
    atoms = s22.create_s22_system(name, float(distance))
    return Structure.from_atoms(f"{name}, {distance}", atoms)


def _interaction(bench: Bench, dimer: Structure) -> float:
    n = int(_data(dimer.name.split(",")[0], "dimer atoms")[0])
    halves = (np.arange(n), np.arange(n, len(dimer)))
    return bench.evaluate(dimer).energy - sum(_alone(bench, dimer, half) for half in halves)


def _data(name: str, key: str) -> list[float]:
    """Return numbers of ASE's table, whose values are of all types."""
    values: Any = s22.data[name][key]
    return [float(value) for value in values]


def _alone(bench: Bench, dimer: Structure, atoms: Indices) -> float:
    return bench.evaluate(dimer.subset(atoms, f"part of {dimer.name}")).energy


def _distance(dimer: Structure) -> float:
    oxygens = dimer.positions[dimer.numbers == 8]
    return float(np.linalg.norm(oxygens[1] - oxygens[0]))
