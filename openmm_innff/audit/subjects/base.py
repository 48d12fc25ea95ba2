"""What an audit asks of a potential, whatever it is made of.

A test sees nothing else of a potential than a `Subject`: energies (eV) and forces (eV/angstrom) at
positions (angstrom), and what is known about it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import openmm

from openmm_innff.audit.structure import Array, Indices, Structure
from openmm_innff.audit.subjects.motion import python_system
from openmm_innff.errors import InnffError

Precision = Literal["single", "double"]


class EvaluationError(InnffError, RuntimeError):
    """A potential that gave no energy for a structure."""


class Evaluation(NamedTuple):
    """Energy in eV and forces in eV/angstrom, shape (N, 3)."""

    energy: float
    forces: Array


class Deviations(NamedTuple):
    """How far a subject says that it may be off: standard deviations.

    Of the energy in eV; of a component of the force on each atom in eV/angstrom, shape (N,).
    """

    energy: float
    forces: Array


Evaluate = Callable[[Array, Array | None], Evaluation]
"""Takes positions (N, 3) and box vectors as rows (3, 3), in angstrom; None: not periodic."""


@dataclass(frozen=True)
class Options:
    """How a structure is evaluated.

    Parameters
    ----------
    part
        One of the subject's parts; empty: their sum.
    precision
        The best there is, or single.
    backend
        One of the subject's backends; empty: the usual one.
    """

    part: str = ""
    precision: Precision = "double"
    backend: str = ""


@dataclass(frozen=True, eq=False)
class LearnedFunction:
    """A function of one variable that was learned.

    Parameters
    ----------
    panel, label
        Which functions it is shown with, and its name among them.
    x_label, y_label
        With units.
    x, y
        The function.
    used
        Where the structures evaluate it.
    """

    panel: str
    label: str
    x_label: str
    y_label: str
    x: Array
    y: Array
    used: Array


@dataclass(frozen=True, eq=False)
class Learned:
    """What is inside a potential that is made of curves.

    Parameters
    ----------
    functions
        Those that matter most.
    beyond
        Share of the inputs of all functions that lie beyond the range that was trained, by
        structure.
    visited
        Share of the intervals of all functions that any structure evaluates.
    terms
        By readout: standard deviation over atoms of each term of the energy, functions and products
        of two of them, from the largest on; meV.
    """

    functions: Sequence[LearnedFunction]
    beyond: Mapping[str, float]
    visited: float
    terms: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class NodeUse:
    """How often nodes of interpolants are used.

    Parameters
    ----------
    title
        Which interpolants these are.
    x_label
        Of their variable, with its unit.
    functions
        Names of the interpolants.
    nodes
        Where their nodes are, shape (n,).
    counts
        Evaluations in which a node takes part, shape (functions, n).
    """

    title: str
    x_label: str
    functions: tuple[str, ...]
    nodes: Array
    counts: Array


class Term(NamedTuple):
    """A term of the energy: that of each atom in eV, shape (N,), and forces in eV/angstrom."""

    energies: Array
    forces: Array


class Subject(ABC):
    """A potential under audit.

    Attributes
    ----------
    name, kind
        What it is called, and what it is.
    elements
        Symbols that it knows; None: can't be told.
    parts
        Names of the parts whose sum it is, or nothing.
    cutoffs
        Range of each part as it is declared, angstrom; empty: not declared.
    precisions
        Those that can be chosen. The last one is taken for "double".
    backends
        Codes that should give the same numbers.
    needs_bonds
        Whether it knows molecules by their bonds, so that they must not be torn apart.
    training_frames
        How many frames it was trained on; None: not known.
    molecule
        The one that it was made for; None: others too.
    """

    name: str
    kind: str
    elements: tuple[str, ...] | None = None
    parts: tuple[str, ...] = ()
    cutoffs: Mapping[str, float] = {}
    precisions: tuple[Precision, ...] = ("double",)
    backends: tuple[str, ...] = ()
    needs_bonds: bool = False
    training_frames: int | None = None
    molecule: Structure | None = None

    @abstractmethod
    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:
        """Return the function that evaluates these atoms at any positions and box.

        Raises
        ------
        EvaluationError
            If they can't be evaluated.
        """

    def obstacle(self, structure: Structure) -> str:
        """Say why a structure can't be evaluated; empty if it can."""
        if self.elements is not None:
            unknown = sorted(set(structure.symbols) - set(self.elements))
            if unknown:
                return f"{structure.name} has {', '.join(unknown)}, which {self.name} doesn't know"
        try:
            self.bind(structure)(structure.positions, structure.cell)
        except EvaluationError as error:
            return f"{structure.name}: {error}"
        return ""

    @abstractmethod
    def impulse(self, structure: Structure, step_fs: float) -> Array:
        """Force that dynamics applies: momentum gained in one short step from rest, over its time.

        It comes from the integrator that this subject is simulated with, and from velocities and
        not from forces: what the integrator leaves out is missing.

        Parameters
        ----------
        structure
            Where it starts.
        step_fs
            Length of the (outer) step, fs.

        Returns
        -------
        ndarray, shape (N, 3)
            eV/angstrom.
        """

    def system(self, structure: Structure) -> tuple[openmm.System, Indices]:
        """Return a System to simulate, and which atom of the structure each particle is.

        What is evaluated by `bind` becomes a PythonForce, unless the subject has Forces of its own.

        Raises
        ------
        EvaluationError
            If the structure can't be simulated.
        """
        evaluate = self.bind(structure, Options(precision="single"))
        return python_system(structure, evaluate), np.arange(len(structure))

    def charges(self, structure: Structure) -> Array | None:
        """Return the charges of atoms, elementary charges, shape (N,); None if it has none."""
        return None

    def learned(self, structures: Sequence[Structure]) -> Learned | None:
        """Return the functions that were learned, and where structures use them.

        None if it is not made of functions of one variable.
        """
        return None

    def deviations(self, structure: Structure) -> Deviations | None:
        """Return how far it may be off for a structure; None if it does not say."""
        return None

    def node_use(self, structures: Sequence[Structure]) -> Sequence[NodeUse]:
        """Return how often structures use the nodes that functions were interpolated from.

        Nothing if it is not made of interpolants.
        """
        return ()

    def terms(self, structure: Structure) -> Mapping[str, Term]:
        """Return the terms whose sum the energy is, but for a constant; nothing if not known."""
        return {}

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return names and values for the report."""
        known = "not declared" if self.elements is None else ", ".join(self.elements)
        cutoffs = ", ".join(f"{part} {r:g} Å" for part, r in self.cutoffs.items())
        return [
            ("kind", self.kind),
            ("elements", known),
            ("parts", ", ".join(self.parts) or "one"),
            ("cutoffs", cutoffs or "not declared"),
            ("precision", " or ".join(self.precisions)),
        ]
