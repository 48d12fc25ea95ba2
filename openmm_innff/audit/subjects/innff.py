"""An INN-FF model under audit."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch  # before openmm: openmmtorch's libraries need those that torch loads

# isort: split
import openmm
from ase import Atoms

from openmm_innff.audit.structure import Array, Indices, Structure
from openmm_innff.audit.subjects.base import (
    Deviations,
    Evaluate,
    Evaluation,
    EvaluationError,
    Learned,
    NodeUse,
    Options,
    Subject,
    Term,
)
from openmm_innff.audit.subjects.context import evaluate_context, impulse_of
from openmm_innff.audit.subjects.coverage import node_use_of
from openmm_innff.audit.subjects.learned import learned_of
from openmm_innff.audit.subjects.terms import terms_of
from openmm_innff.audit.subjects.topology import topology_of
from openmm_innff.engine.library import library
from openmm_innff.errors import InnffError
from openmm_innff.forces.backend import torch_obstacle
from openmm_innff.integrators import mts_nve_integrator
from openmm_innff.model import Model
from openmm_innff.potential.potential import PARTS
from openmm_innff.potential.uncertainty import UncertaintyEvaluator
from openmm_innff.units import FS_TO_PS

_DTYPES = {"single": torch.float32, "double": torch.float64}
_NO_BOX = np.zeros((3, 3))
_OPENMM = {"OpenMM, PythonForce": "python", "OpenMM, TorchForce": "torch"}
_INNER = 2


class InnffSubject(Subject):
    """An INN-FF model.

    Parameters
    ----------
    model
        The model.
    """

    kind = "INN-FF model"
    parts = ("fast", "slow")
    precisions = ("single", "double")

    def __init__(self, model: Model) -> None:
        self.model, self.name = model, model.card.name
        self.elements = model.potential.elements
        self.cutoffs = {part: model.potential.cutoff(part) for part in self.parts}
        frames = model.card.training.get("frames")
        self.training_frames = None if frames is None else int(frames)
        if model.card.molecule:
            atoms = Atoms(model.card.molecule["numbers"], model.card.molecule["positions"])
            self.molecule = Structure.from_atoms(atoms.get_chemical_formula(), atoms)
        self.needs_bonds = model.potential.needs_bonds()
        names = ["torch", *(["compiled"] if library() is not None else [])]
        names += [name for name, key in _OPENMM.items() if key == "python" or not torch_obstacle()]
        self.backends = tuple(names)
        self._doubts: dict[tuple[bytes, bool, str], UncertaintyEvaluator] = {}

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        """Return the function that evaluates these atoms at any positions and box."""
        part = options.part or "total"
        if part not in PARTS:
            raise EvaluationError(f"part: wanted one of {', '.join(PARTS)}, found {part!r}")
        if options.backend in _OPENMM:
            return self._in_openmm(structure, options)
        try:
            evaluator = self.model.potential.evaluator(
                part,
                structure.numbers.tolist(),
                periodic=structure.periodic,
                skin=0.0,
                dtype=_DTYPES[options.precision],
                engine=options.backend or "auto",
                bonds=structure.bonds,
            )
        except InnffError as error:
            raise EvaluationError(str(error)) from error

        def evaluate(positions: Array, cell: Array | None) -> Evaluation:
            box = _NO_BOX if cell is None else cell
            try:
                energy, forces = evaluator(torch.tensor(positions), torch.tensor(box))
            except RuntimeError as error:
                raise EvaluationError(str(error)) from error
            return Evaluation(float(energy), forces.numpy().astype(np.float64))

        return evaluate

    def _in_openmm(self, structure: Structure, options: Options) -> Evaluate:
        topology, order = topology_of(structure)
        system = self.model.create_system(
            topology,
            backend=_OPENMM[options.backend],
            precision=options.precision,
            mollified=False,
        )
        groups = {self.parts.index(options.part)} if options.part else None
        return evaluate_context(system, "Reference", order, groups)

    def learned(self, structures: Sequence[Structure]) -> Learned | None:
        """Return radial functions and interpolants of readouts, see `Subject.learned`."""
        return learned_of(self.model.potential, structures)

    def deviations(self, structure: Structure) -> Deviations | None:
        """Return what its uncertainty says, if it was calibrated, see `Subject.deviations`."""
        if self.model.uncertainty is None:
            return None
        key = structure.numbers.tobytes(), structure.periodic, str(structure.bonds)
        if key not in self._doubts:
            self._doubts = {
                key: UncertaintyEvaluator(
                    self.model.potential,
                    self.model.uncertainty,
                    structure.numbers,
                    periodic=structure.periodic,
                    bonds=structure.bonds,
                )
            }
        found = self._doubts[key](structure.positions, structure.cell)
        return Deviations(found.energy, found.forces)

    def node_use(self, structures: Sequence[Structure]) -> Sequence[NodeUse]:
        """Return how often nodes of radial functions and readouts are used."""
        return node_use_of(self.model.potential, structures)

    def terms(self, structure: Structure) -> Mapping[str, Term]:
        """Return the terms of all components, see `terms.terms_of`."""
        return terms_of(self.model.potential, structure)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return names and values for the report."""
        distilled = self.model.potential.config.distilled
        made = "two learned parts" if not distilled else "the whole was learned; slow: less fast"
        numbers = f"{self.model.potential.n_parameters}"
        return [*super().facts(), ("energy", made), ("parameters", numbers)]

    def dynamics(
        self, structure: Structure, step_fs: float
    ) -> tuple[openmm.System, openmm.Integrator]:
        """Return the System and the multiple-time-step integrator of this model."""
        topology, _ = topology_of(structure)
        system = self.model.create_system(topology, precision="double", mollified=False)
        outer = step_fs * FS_TO_PS
        return system, mts_nve_integrator(system, outer, outer / _INNER)

    def impulse(self, structure: Structure, step_fs: float) -> Array:
        """Force that dynamics applies, see `Subject.impulse`."""
        _, order = topology_of(structure)
        system, integrator = self.dynamics(structure, step_fs)
        return impulse_of(system, integrator, structure, step_fs, order)

    def system(self, structure: Structure) -> tuple[openmm.System, Indices]:
        """Return a System to simulate in which both parts are one Force, see `Subject.system`."""
        topology, order = topology_of(structure)
        try:
            system = self.model.create_system(
                topology, precision="single", mollified=False, split=False, remove_cm_motion=False
            )
        except InnffError as error:
            raise EvaluationError(str(error)) from error
        return system, order
