"""OpenMM Systems under audit: of a file, of an OpenMM force field, of OpenMM-ML."""

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from openmm import app, unit

from openmm_innff.audit.structure import Array, Indices, Structure
from openmm_innff.audit.subjects.base import Evaluate, EvaluationError, Options, Subject
from openmm_innff.audit.subjects.context import evaluate_context, impulse_of
from openmm_innff.audit.subjects.topology import topology_of
from openmm_innff.elements import SYMBOLS
from openmm_innff.errors import ConfigError, MissingDependencyError
from openmm_innff.units import ANGSTROM_TO_NM, FS_TO_PS

_PLATFORMS = {"single": "CPU", "double": "Reference"}
_BACKENDS = {f"OpenMM, {name}": name for name in ("Reference", "CPU")}
_CUTOFF = 9.0
"""Angstrom; the same in every box, since another cutoff is another potential."""
_EWALD_TOLERANCE = 1e-5


class SystemSubject(Subject):
    """A potential that makes an OpenMM System of a structure."""

    precisions = ("single", "double")
    backends = tuple(_BACKENDS)

    @abstractmethod
    def make(self, structure: Structure) -> tuple[openmm.System, Indices]:
        """Return the System, and which atom of the structure each of its particles is.

        Raises
        ------
        EvaluationError
            If there is no System for this structure.
        """

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        """Return the function that evaluates these atoms at any positions and box."""
        system, order = self.make(structure)
        if system.getNumParticles() != len(structure):
            raise EvaluationError(
                f"the System has {system.getNumParticles()} particles for {len(structure)} atoms; "
                f"virtual sites can't be audited"
            )
        groups = {int(options.part.removeprefix("group "))} if options.part else None
        platform = _BACKENDS.get(options.backend, _PLATFORMS[options.precision])
        return evaluate_context(system, platform, order, groups)

    def system(self, structure: Structure) -> tuple[openmm.System, Indices]:
        """Return a copy of the System, see `Subject.system`."""
        system, order = self.make(structure)
        return copy.deepcopy(system), order

    def charges(self, structure: Structure) -> Array | None:
        """Return the charges of a NonbondedForce, see `Subject.charges`."""
        system, order = self.make(structure)
        for force in system.getForces():
            if isinstance(force, openmm.NonbondedForce):
                found = [force.getParticleParameters(i)[0]._value for i in range(len(order))]
                return np.asarray(np.array(found)[np.argsort(order)]) if any(found) else None
        return None

    def impulse(self, structure: Structure, step_fs: float) -> Array:
        """Force that dynamics applies, see `Subject.impulse`."""
        system, order = self.make(structure)
        integrator = openmm.VerletIntegrator(step_fs * FS_TO_PS)
        return impulse_of(system, integrator, structure, step_fs, order)


class FileSubject(SystemSubject):
    """A System that was written as XML.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ConfigError
        If it holds no System.
    """

    kind = "OpenMM System"
    needs_bonds = True

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        try:
            self._system = openmm.XmlSerializer.deserialize(path.read_text("utf-8"))
        except (openmm.OpenMMException, ValueError) as error:
            raise ConfigError(
                f"{path}: wanted the XML of a System, found another: {error}"
            ) from error
        if not isinstance(self._system, openmm.System):
            raise ConfigError(f"{path}: wanted the XML of a System, found {type(self._system)}")
        n = self._system.getNumParticles()
        self._symbols = [_symbol(self._system.getParticleMass(i)) for i in range(n)]
        self.elements = tuple(sorted(set(self._symbols), key=SYMBOLS.index))
        groups = sorted({force.getForceGroup() for force in self._system.getForces()})
        self.parts = tuple(f"group {group}" for group in groups) if len(groups) > 1 else ()

    def make(self, structure: Structure) -> tuple[openmm.System, Indices]:
        """Return the System, if its particles are these atoms."""
        if structure.symbols != self._symbols:
            raise EvaluationError(
                f"the System is for {len(self._symbols)} particles in a fixed order, "
                f"{structure.name} has {len(structure)} atoms or another order"
            )
        if structure.periodic != self._system.usesPeriodicBoundaryConditions():
            raise EvaluationError("the System and the structure differ in having a periodic box")
        return self._system, np.arange(len(structure))


class ForceFieldSubject(SystemSubject):
    """A force field in OpenMM's XML format, without constraints.

    Particle-mesh Ewald with 9 angstrom in periodic boxes, no cutoff for isolated molecules.

    Parameters
    ----------
    files
        As for ``openmm.app.ForceField``.

    Raises
    ------
    ConfigError
        If they can't be read.
    """

    kind = "OpenMM force field"
    needs_bonds = True

    def __init__(self, files: Sequence[str]) -> None:
        self.name = " + ".join(Path(file).stem for file in files)
        try:
            self._forcefield = app.ForceField(*files)
        except (ValueError, OSError) as error:
            raise ConfigError(f"force field: {error}") from error
        templates = [t.atoms for t in self._forcefield._templates.values() if len(t.atoms) > 1]
        found = {a.element.symbol for t in templates for a in t if a.element is not None}
        self.elements = tuple(sorted(found, key=SYMBOLS.index))

    def make(self, structure: Structure) -> tuple[openmm.System, Indices]:
        """Return the System that the force field makes."""
        topology, order = topology_of(structure)
        nonbonded: dict[str, object] = {"nonbondedMethod": app.NoCutoff}
        if structure.cell is not None:
            nonbonded = {
                "nonbondedMethod": app.PME,
                "nonbondedCutoff": _CUTOFF * ANGSTROM_TO_NM,
                "ewaldErrorTolerance": _EWALD_TOLERANCE,
            }
        try:
            system = self._forcefield.createSystem(
                topology, constraints=None, rigidWater=False, **nonbonded
            )
        except (ValueError, openmm.OpenMMException) as error:
            raise EvaluationError(str(error)) from error
        return system, order


class OpenMMMLSubject(SystemSubject):
    """A potential by its name in OpenMM-ML.

    Parameters
    ----------
    name
        As for ``openmmml.MLPotential``.
    options
        Further arguments of it.

    Raises
    ------
    MissingDependencyError
        If OpenMM-ML is not installed.
    ConfigError
        If it knows no such potential.
    """

    kind = "OpenMM-ML potential"

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        try:
            from openmmml import MLPotential
        except ImportError as error:
            raise MissingDependencyError(
                "openmm-ml: needs OpenMM-ML; pip install openmmml"
            ) from error
        self.name = name
        try:
            self._potential = MLPotential(name, **options)
        except (ValueError, KeyError, ImportError) as error:
            raise ConfigError(f"openmm-ml: {name!r}: {error}") from error

    def make(self, structure: Structure) -> tuple[openmm.System, Indices]:
        """Return the System that OpenMM-ML makes."""
        topology, order = topology_of(structure)
        try:
            return self._potential.createSystem(topology), order
        except (ValueError, KeyError, ImportError, RuntimeError, openmm.OpenMMException) as error:
            raise EvaluationError(str(error)) from error


def _symbol(mass: unit.Quantity) -> str:
    return str(app.Element.getByMass(mass).symbol)
