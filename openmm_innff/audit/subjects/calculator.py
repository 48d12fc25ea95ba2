"""An ASE calculator under audit."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import (
    BaseCalculator,
    CalculationFailed,
    CalculatorSetupError,
    PropertyNotImplementedError,
    get_calculator_class,
)
from ase.data import covalent_radii
from ase.md.verlet import VelocityVerlet

from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects.base import (
    Evaluate,
    Evaluation,
    EvaluationError,
    Options,
    Subject,
)
from openmm_innff.elements import SYMBOLS
from openmm_innff.errors import ConfigError
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV

_LAST_ELEMENT = 86
"""Radon: what lies beyond has no use in molecular dynamics yet."""

_REFUSALS = (
    ArithmeticError,
    AttributeError,
    CalculationFailed,
    CalculatorSetupError,
    LookupError,
    NotImplementedError,
    PropertyNotImplementedError,
    RuntimeError,
    ValueError,
)
"""What calculators raise for atoms that they don't know; ASE has no common error."""


class CalculatorSubject(Subject):
    """An ASE calculator.

    Parameters
    ----------
    calculator
        With energies and forces.
    name
        For reports.
    """

    kind = "ASE calculator"

    def __init__(self, calculator: BaseCalculator, name: str) -> None:
        self.name, self._calculator = name, calculator
        self.elements = tuple(filter(self._knows, SYMBOLS[1 : _LAST_ELEMENT + 1]))
        if not self.elements:
            raise ConfigError(f"calculator: {name} evaluates a pair of atoms of no element")

    def _knows(self, symbol: str) -> bool:
        """Whether a pair of atoms has an energy: ASE's calculators don't say what they know."""
        length = 2.0 * covalent_radii[SYMBOLS.index(symbol)]
        atoms = Atoms([symbol] * 2, [[0.0, 0.0, 0.0], [0.0, 0.0, length]])
        try:
            return bool(np.isfinite(self._evaluate(atoms).energy))
        except EvaluationError:
            return False

    def _evaluate(self, atoms: Atoms) -> Evaluation:
        atoms.calc = self._calculator
        try:
            energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        except _REFUSALS as error:
            raise EvaluationError(f"{type(error).__name__}: {error}") from error
        return Evaluation(float(energy), np.array(forces, dtype=np.float64))

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        """Return the function that evaluates these atoms at any positions and box."""
        numbers = structure.numbers

        def evaluate(positions: Array, cell: Array | None) -> Evaluation:
            return self._evaluate(Atoms(numbers, positions, cell=cell, pbc=cell is not None))

        return evaluate

    def impulse(self, structure: Structure, step_fs: float) -> Array:
        """Force that dynamics applies, see `Subject.impulse`; by ASE's velocity Verlet."""
        cell = structure.cell
        atoms = Atoms(structure.numbers, structure.positions, cell=cell, pbc=cell is not None)
        atoms.calc = self._calculator
        atoms.set_velocities(np.zeros((len(atoms), 3)))
        try:
            VelocityVerlet(atoms, step_fs * units.fs).run(1)
        except _REFUSALS as error:
            raise EvaluationError(f"{type(error).__name__}: {error}") from error
        velocities = atoms.get_velocities() * units.fs
        masses = atoms.get_masses()[:, None]
        return np.asarray(masses * velocities * AMU_A2_PER_FS2_TO_EV / step_fs)


def make_calculator(name: str, options: Mapping[str, Any]) -> BaseCalculator:
    """Make a calculator by its name in ASE, or as ``module:Class``.

    Parameters
    ----------
    name
        Such as "emt", or "tblite.ase:TBLite".
    options
        Its arguments.

    Raises
    ------
    ConfigError
        If there is none, or it refuses the arguments.
    """
    module, _, attribute = name.partition(":")
    try:
        if attribute:
            found = getattr(importlib.import_module(module), attribute)
        else:
            found = get_calculator_class(name)
        calculator: BaseCalculator = found(**options)
    except (ImportError, AttributeError, *_REFUSALS, TypeError) as error:
        raise ConfigError(f"ase: can't make the calculator {name!r}: {error}") from error
    return calculator
