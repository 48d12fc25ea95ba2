"""How good a model is: errors of fresh structures, stability, dihedral profiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from openmm_innff.elements import SYMBOLS
from openmm_innff.model import Model
from openmm_innff.sampling import dynamics
from openmm_innff.sampling.conformers import scan
from openmm_innff.sampling.forcefields import ModelForces
from openmm_innff.sampling.molecule import Molecule

FloatArray = NDArray[np.float64]
SETTLE, CHECKED = 500.0, 20  # fs; frames of a stability run that are labelled
SCANNED = np.arange(-165.0, 180.0, 30.0)
"""Dihedral angles: halfway between those that the start set has."""


@dataclass(frozen=True)
class Errors:
    """Errors of a model against labels.

    Attributes
    ----------
    frames : int
    force_mae, force_rmse : float
        Of force components, in meV/angstrom.
    force_spread : float
        Root mean square of the forces themselves.
    energy_mae, energy_rmse : float
        Of the molecule, in meV.
    by_element : dict
        Force MAE by symbol.
    """

    frames: int
    force_mae: float
    force_rmse: float
    force_spread: float
    energy_mae: float
    energy_rmse: float
    by_element: dict[str, float]


def errors(model: Model, molecule: Molecule, labelled: Sequence[Atoms]) -> Errors:
    """Return the errors of a model.

    Parameters
    ----------
    model : Model
    molecule : Molecule
    labelled : sequence of Atoms
        With energies and forces.
    """
    force_field = ModelForces(model, molecule)
    found = [force_field(np.asarray(atoms.positions)) for atoms in labelled]
    energies = 1e3 * np.array(
        [energy - a.get_potential_energy() for (energy, _), a in zip(found, labelled, strict=True)]
    )
    reference = 1e3 * np.array([atoms.get_forces() for atoms in labelled])
    forces = 1e3 * np.array([force for _, force in found]) - reference
    return Errors(
        frames=len(labelled),
        force_mae=float(np.abs(forces).mean()),
        force_rmse=float(np.sqrt(np.mean(forces**2))),
        force_spread=float(np.sqrt(np.mean(reference**2))),
        energy_mae=float(np.abs(energies).mean()),
        energy_rmse=float(np.sqrt(np.mean(energies**2))),
        by_element={
            SYMBOLS[z]: float(np.abs(forces[:, molecule.numbers == z]).mean())
            for z in np.unique(molecule.numbers)
        },
    )


def stability(
    model: Model,
    molecule: Molecule,
    positions: FloatArray,
    temperature: float,
    length_ps: float,
    seed: int,
) -> tuple[dict[str, Any], list[FloatArray]]:
    """Run dynamics; return what came of it, and structures to be labelled.

    Parameters
    ----------
    model : Model
    molecule : Molecule
    positions : array, shape (N, 3)
        In angstrom, to start from.
    temperature : float
        In K.
    length_ps : float
    seed : int
    """
    run = dynamics.run(
        molecule,
        positions,
        ModelForces(model, molecule),
        temperature,
        frames=CHECKED,
        interval_fs=(1000.0 * length_ps - SETTLE) / CHECKED,
        settle_fs=SETTLE,
        seed=seed,
    )
    mean = round(float(np.mean(run.temperatures)), 1) if run.temperatures else None
    facts = {
        "temperature_K": temperature,
        "ps": round(run.fs / 1000.0, 2),
        "mean_temperature_K": mean,
        "broken": run.broken,
    }
    return facts, run.frames


def scanned(
    molecule: Molecule, torsion: tuple[int, int, int, int]
) -> tuple[list[float], list[FloatArray]]:
    """Return angles in degrees, and structures of shape (N, 3) that have them.

    Parameters
    ----------
    molecule : Molecule
    torsion : tuple of int
    """
    found = zip(SCANNED, scan(molecule, torsion, SCANNED), strict=True)
    pairs = [(float(angle), positions) for angle, positions in found if positions is not None]
    return [angle for angle, _ in pairs], [positions for _, positions in pairs]


def profile(model: Model, molecule: Molecule, labelled: Sequence[Atoms]) -> dict[str, list[float]]:
    """Return energies of the reference and of a model, in eV from the reference's lowest one.

    Parameters
    ----------
    model : Model
    molecule : Molecule
    labelled : sequence of Atoms
        With energies.
    """
    force_field = ModelForces(model, molecule)
    reference = np.array([atoms.get_potential_energy() for atoms in labelled])
    found = np.array([force_field(np.asarray(atoms.positions))[0] for atoms in labelled])
    lowest = reference.min()
    return {
        "reference_eV": (reference - lowest).tolist(),
        "model_eV": (found - lowest).tolist(),
    }
