"""A label at any level: single, composite or counterpoise-corrected."""

import dataclasses
import time

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from openmm_innff.connectivity import bonds_of, molecule_numbers
from openmm_innff.errors import DataError
from openmm_innff.reference import gaussian, tight_binding
from openmm_innff.reference.level import Level
from openmm_innff.reference.molecule import Label, Target


def compute(target: Target, level: Level) -> Label:
    """Return the label of a structure.

    Parameters
    ----------
    target : Target
    level : Level

    Raises
    ------
    CalculationFailed
        If any part does not converge.
    DataError
        If counterpoise is asked for something that is no dimer.
    """
    if level.tight_binding:
        return tight_binding.calculate(target, level.method)
    start = time.perf_counter()
    labels = [(factor, _single(target, part)) for factor, part in level.parts()]
    total = _combine(labels)
    return dataclasses.replace(total, seconds=time.perf_counter() - start)


def _single(target: Target, level: Level) -> Label:
    label = gaussian.calculate(target, level)
    molecules = two_molecules(target) if level.counterpoise else []
    if not molecules:
        return label
    parts = [(1.0, label)]
    for atoms in molecules:
        others = set(range(len(target.numbers))) - set(atoms.tolist())
        # Dispersion knows no basis: what it adds to these two would cancel.
        ghostly = gaussian.calculate(target, level, ghosts=others, dispersion=False)
        parts += [(-1.0, ghostly), (1.0, _alone(target, level, atoms))]
    return _combine(parts)


def _alone(target: Target, level: Level, atoms: NDArray[np.int64]) -> Label:
    """Return the label of a molecule in its own basis, with forces on all atoms."""
    own = Target(target.numbers[atoms], target.positions[atoms])
    label = gaussian.calculate(own, level, dispersion=False)
    forces = np.zeros_like(target.positions)
    forces[atoms] = label.forces
    return dataclasses.replace(label, forces=forces)


def two_molecules(target: Target) -> list[NDArray[np.int64]]:
    """Return the atoms of each molecule of a neutral dimer of closed shells.

    Nothing is superposed in one molecule: there are none then.

    Raises
    ------
    DataError
        If there are more than two molecules, or charge or spin would have to be shared among them.
    """
    labels = molecule_of(target)
    if labels.max() == 0:
        return []
    if target.charge or target.unpaired:
        raise DataError(
            f"counterpoise: wanted a neutral dimer without unpaired electrons, found charge "
            f"{target.charge} and {target.unpaired} unpaired"
        )
    if labels.max() > 1:
        raise DataError(f"counterpoise: wanted two molecules, found {labels.max() + 1}")
    return [np.flatnonzero(labels == which) for which in (0, 1)]


def molecule_of(target: Target) -> NDArray[np.int64]:
    """Return the number of the molecule of each atom, by covalent radii, shape (N,)."""
    atoms = Atoms(target.numbers, target.positions)
    return molecule_numbers(len(atoms), bonds_of(atoms))


def _combine(parts: list[tuple[float, Label]]) -> Label:
    """Return the sum of labels with factors; the details are those of the first."""
    if len(parts) == 1:
        return parts[0][1]
    dipoles = [factor * label.dipole for factor, label in parts if label.dipole is not None]
    details = {"parts": [[factor, label.energy] for factor, label in parts]}
    diagnostics = [label.details.get("t1_diagnostic", 0.0) for _, label in parts]
    if max(diagnostics):
        details["t1_diagnostic"] = max(diagnostics)
    return Label(
        energy=float(sum(factor * label.energy for factor, label in parts)),
        forces=np.sum([factor * label.forces for factor, label in parts], axis=0),
        dipole=np.sum(dipoles, axis=0),
        seconds=sum(label.seconds for _, label in parts),
        details={**parts[0][1].details, **details},
    )
