"""Energies of models, and a sum over molecules and pairs of them."""

import numpy as np
import torch
from ase import Atoms
from ase.geometry import find_mic

from openmm_innff.model import Model

WATER = (8, 1, 1)
REACH = 6.2
"""O-O in angstrom, half of the liquid's box: pairs farther apart are left out."""


def evaluate(model: Model, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Return energy in eV and forces in eV/angstrom."""
    periodic = bool(atoms.pbc.all())
    numbers = atoms.numbers.tolist()
    run = model.potential.evaluator("total", numbers, periodic=periodic)
    box = torch.as_tensor(np.array(atoms.cell)) if periodic else torch.zeros(3, 3).double()
    energy, forces = run(torch.as_tensor(atoms.positions), box)
    return float(energy) + model.potential.reference_energy(numbers), forces.numpy()


def molecules_of(atoms: Atoms) -> int:
    """Return the number of water molecules."""
    return int((atoms.numbers == WATER[0]).sum())


class PairCorrection:
    """Difference of two models of molecules and dimers: a many-body expansion to second order.

    Parameters
    ----------
    best, cheap : Model
        Of two levels of theory; both know molecules and dimers alone.
    """

    def __init__(self, best: Model, cheap: Model) -> None:
        self._best, self._cheap = (
            {n: model.potential.evaluator("total", n * list(WATER), periodic=False) for n in (1, 2)}
            for model in (best, cheap)
        )
        of_elements = [model.potential.reference_energy(list(WATER)) for model in (best, cheap)]
        self._reference = of_elements[0] - of_elements[1]
        self._box = torch.zeros(3, 3, dtype=torch.float64)

    def whole(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Return energy and forces of one or two molecules, each as O, H, H."""
        count, places = len(positions) // len(WATER), torch.as_tensor(positions)
        energy, forces = self._best[count](places, self._box)
        less, fewer = self._cheap[count](places, self._box)
        difference = (forces - fewer).numpy().astype(np.float64)
        return float(energy - less) + count * self._reference, difference

    def liquid(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Return energy and forces of a box, in the order of its atoms."""
        groups = groups_of(atoms)
        whole = np.array([unwrapped(atoms, group) for group in groups])
        alone = [self.whole(positions) for positions in whole]
        total, forces = 0.0, np.zeros_like(atoms.positions)
        for group, (energy, pull) in zip(groups, alone, strict=True):
            total += energy
            forces[group] += pull
        for i, first in enumerate(whole):
            vectors = whole[i + 1 :, 0] - first[0]
            if not len(vectors):
                break
            near, distances = find_mic(vectors, atoms.cell, pbc=True)
            for j in np.flatnonzero(distances < REACH):
                k = i + 1 + j
                both, pull = self.whole(np.concatenate([first, whole[k] + near[j] - vectors[j]]))
                total += both - alone[i][0] - alone[k][0]
                forces[groups[i]] += pull[:3] - alone[i][1]
                forces[groups[k]] += pull[3:] - alone[k][1]
        return total, forces


def groups_of(atoms: Atoms) -> np.ndarray:
    """Return the atoms of each molecule, oxygen first, shape (molecules, 3)."""
    oxygens, hydrogens = (np.flatnonzero(atoms.numbers == z) for z in (8, 1))
    distances = np.array([atoms.get_distances(h, oxygens, mic=True) for h in hydrogens])
    owners = distances.argmin(axis=1)
    return np.array([[o, *hydrogens[owners == k]] for k, o in enumerate(oxygens)])


def unwrapped(atoms: Atoms, group: np.ndarray) -> np.ndarray:
    """Return the positions of a molecule whose hydrogens are beside its oxygen."""
    origin = atoms.positions[group[0]]
    return origin + find_mic(atoms.positions[group] - origin, atoms.cell, pbc=True)[0]
