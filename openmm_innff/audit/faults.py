"""Faults on purpose: what the tests of an audit are worth shows in what they find."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import openmm
from ase import Atoms
from ase.neighborlist import neighbor_list

from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import Evaluate, Evaluation, Learned, Options, Subject
from openmm_innff.audit.subjects.innff import InnffSubject

_LEFT_OUT = 7
"""A group that no integrator of this package names."""


class Faulty(Subject):
    """A subject with a fault.

    Parameters
    ----------
    subject
        The sound one.
    """

    fault = ""

    def __init__(self, subject: Subject) -> None:
        self.inner = subject
        self.name, self.kind = f"{subject.name}, {self.fault}", subject.kind
        self.elements, self.parts, self.cutoffs = subject.elements, subject.parts, subject.cutoffs
        self.precisions, self.backends = subject.precisions, subject.backends
        self.needs_bonds = subject.needs_bonds

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        """Return the function that evaluates these atoms, with the fault."""
        evaluate = self.inner.bind(structure, options)
        if options.part and options.part != self.parts[-1]:
            return evaluate

        def faulty(positions: Array, cell: Array | None) -> Evaluation:
            return self.spoil(evaluate(positions, cell), structure.moved(positions), cell)

        return faulty

    def impulse(self, structure: Structure, step_fs: float) -> Array:
        """Force that dynamics applies, with the fault."""
        applied = Evaluation(0.0, self.inner.impulse(structure, step_fs))
        return self.spoil(applied, structure, structure.cell).forces

    def charges(self, structure: Structure) -> Array | None:
        """Return the charges of the sound one."""
        return self.inner.charges(structure)

    def learned(self, structures: Sequence[Structure]) -> Learned | None:
        """Return the functions of the sound one."""
        return self.inner.learned(structures)

    def spoil(self, sound: Evaluation, structure: Structure, cell: Array | None) -> Evaluation:
        """Return the evaluation with the fault."""
        return sound


class ScaledForces(Faulty):
    """Forces that are one per cent too large for the energy."""

    fault = "forces scaled"

    def spoil(self, sound: Evaluation, structure: Structure, cell: Array | None) -> Evaluation:
        """Scale the forces."""
        return Evaluation(sound.energy, 1.01 * sound.forces)

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        """Return the function that evaluates these atoms with forces that are too large."""
        evaluate = self.inner.bind(structure, options)
        return lambda positions, cell: self.spoil(evaluate(positions, cell), structure, cell)


class PairFault(Faulty):
    """An additional energy of pairs of atoms closer than a distance."""

    reach = 1.0

    def spoil(self, sound: Evaluation, structure: Structure, cell: Array | None) -> Evaluation:
        """Add the energy and its exact gradient."""
        atoms = Atoms(structure.numbers, structure.positions, cell=cell, pbc=cell is not None)
        first, second, vectors = neighbor_list("ijD", atoms, self.reach)
        energies, gradients = self.pairs(structure, first, second, vectors)
        forces = np.zeros_like(structure.positions)
        np.add.at(forces, first, 0.5 * gradients)
        np.add.at(forces, second, -0.5 * gradients)
        return Evaluation(sound.energy + 0.5 * float(energies.sum()), sound.forces + forces)

    @abstractmethod
    def pairs(
        self, structure: Structure, first: Sequence[int], second: Sequence[int], vectors: Array
    ) -> tuple[Array, Array]:
        """Return energies (n,) of pairs, in both directions, and gradients (n, 3) by vectors."""


class Truncated(PairFault):
    """Oxygen atoms that repel each other up to 4 angstrom, where it ends at once."""

    fault, reach = "truncated", 4.0

    def pairs(
        self, structure: Structure, first: Sequence[int], second: Sequence[int], vectors: Array
    ) -> tuple[Array, Array]:
        """Return 0.05 eV exp(-r / 1 angstrom) for pairs of oxygen."""
        r = np.linalg.norm(vectors, axis=1)
        oxygen = (structure.numbers[first] == 8) & (structure.numbers[second] == 8)
        energies = np.where(oxygen, 0.05 * np.exp(-r), 0.0)
        return energies, -energies[:, None] * vectors / r[:, None]


class Hole(PairFault):
    """Atoms that fall into each other below 0.55 angstrom, smoothly."""

    fault, reach = "a hole", 0.55

    def pairs(
        self, structure: Structure, first: Sequence[int], second: Sequence[int], vectors: Array
    ) -> tuple[Array, Array]:
        """Return -5000 eV (1 - q^2)^4."""
        rest = 1.0 - np.sum(vectors**2, axis=1) / self.reach**2
        slope = 5000.0 * 4 * rest**3 * 2 / self.reach**2
        return -5000.0 * rest**4, slope[:, None] * vectors


class Anisotropic(PairFault):
    """Pairs that prefer a direction in space."""

    fault, reach = "not invariant", 2.5

    def pairs(
        self, structure: Structure, first: Sequence[int], second: Sequence[int], vectors: Array
    ) -> tuple[Array, Array]:
        """Return 0.05 eV/angstrom^2 x^2 (1 - q^2)^4."""
        rest = 1.0 - np.sum(vectors**2, axis=1) / self.reach**2
        x2 = vectors[:, 0] ** 2
        gradients = -0.05 * (x2 * 8 * rest**3 / self.reach**2)[:, None] * vectors
        gradients[:, 0] += 0.1 * vectors[:, 0] * rest**4
        return 0.05 * x2 * rest**4, gradients


class Mixed(Faulty):
    """Parts that have the same sum, but bonds that vibrate in the slow one."""

    fault = "parts mixed"
    share = 0.3
    """Of the first part, which the last one has."""

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        """Return the function that evaluates these atoms, the first part shared with the last."""
        if options.part not in (self.parts[0], self.parts[-1]):
            return self.inner.bind(structure, options)
        first, last = (
            self.inner.bind(structure, replace(options, part=part))
            for part in (self.parts[0], self.parts[-1])
        )

        def mixed(positions: Array, cell: Array | None) -> Evaluation:
            fast, slow = first(positions, cell), last(positions, cell)
            if options.part == self.parts[0]:
                kept = 1.0 - self.share
                return Evaluation(kept * fast.energy, kept * fast.forces)
            return Evaluation(
                slow.energy + self.share * fast.energy, slow.forces + self.share * fast.forces
            )

        return mixed


class Stiff(PairFault):
    """Bonds of hydrogen to oxygen that are held by a spring besides."""

    fault, reach = "stiff bonds", 1.4
    length = 0.97

    def pairs(
        self, structure: Structure, first: Sequence[int], second: Sequence[int], vectors: Array
    ) -> tuple[Array, Array]:
        """Return 150 eV/angstrom^2 (r - 0.97 angstrom)^2 (1 - q^2)^3 for oxygen and hydrogen."""
        r = np.linalg.norm(vectors, axis=1)
        rest, stretch = 1.0 - (r / self.reach) ** 2, r - self.length
        mixed = structure.numbers[first] != structure.numbers[second]
        slope = 2 * stretch * rest**3 - stretch**2 * 6 * rest**2 * r / self.reach**2
        along = np.where(mixed, 150.0 * slope / r, 0.0)
        return np.where(mixed, 150.0 * stretch**2 * rest**3, 0.0), along[:, None] * vectors


class Unintegrated(InnffSubject):
    """A model whose slow force is in a group that its integrator does not know."""

    def dynamics(
        self, structure: Structure, step_fs: float
    ) -> tuple[openmm.System, openmm.Integrator]:
        """Return System and integrator, the force moved to another group after the fact."""
        system, integrator = super().dynamics(structure, step_fs)
        for force in system.getForces():
            if force.getName().startswith("INN-FF slow"):
                force.setForceGroup(_LEFT_OUT)
        return system, integrator


class Torn(PairFault):
    """Hydrogens that are driven away from any oxygen near them, smoothly."""

    fault, reach = "molecules that tear", 1.5

    def pairs(
        self, structure: Structure, first: Sequence[int], second: Sequence[int], vectors: Array
    ) -> tuple[Array, Array]:
        """Return 60 eV (1 - q^2)^4 for oxygen and hydrogen."""
        rest = 1.0 - np.sum(vectors**2, axis=1) / self.reach**2
        mixed = structure.numbers[first] != structure.numbers[second]
        slope = np.where(mixed, -60.0 * 4 * rest**3 * 2 / self.reach**2, 0.0)
        return np.where(mixed, 60.0 * rest**4, 0.0), slope[:, None] * vectors
