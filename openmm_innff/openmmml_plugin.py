"""The potential "innff" of OpenMM-ML, found by its entry point.

OpenMM-ML loads entry points when it is imported, so this module imports nothing heavy, and nothing
else of this package imports it.

.. code-block:: python

    potential = MLPotential("innff", modelPath="ligand.innff")
    system = potential.createMixedSystem(topology, mm_system, ligand_atoms, mts=True)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openmmml.mlpotential import MLPotentialImpl, MLPotentialImplFactory

from openmm_innff.errors import ConfigError, SystemSetupError
from openmm_innff.settings import build

if TYPE_CHECKING:
    import openmm
    from openmm import app

    from openmm_innff.model import Model

MECHANICAL = "mechanical"
_MODEL = "modelPath"


@dataclass(frozen=True)
class Options:
    """Keyword arguments of ``createSystem`` and ``createMixedSystem`` for this potential.

    Parameters
    ----------
    slowForceGroup
        Force group of the slow part; the fast part is in OpenMM-ML's ``forceGroup``, 0 by default.
    split
        Whether the potential is two forces. If not, it is one in ``forceGroup``.
    mts
        Whether the force field's forces are sorted for multiple time steps as well: bonded ones
        into ``forceGroup``, all others into ``slowForceGroup``. By default they stay in their
        groups, as with other potentials of OpenMM-ML.
    reciprocalForceGroup
        Group for the reciprocal space of the force field's Ewald sums; with ``mts`` only. By
        default ``slowForceGroup``.
    hydrogenMass
        Mass of hydrogens bonded to heavy atoms in amu, taken from these; waters of the
        force field keep theirs.
    mollified
        Whether the slow part sees bonds of hydrogen at fixed lengths, which allows longer outer
        steps. By default as the model's safe steps need it.
    periodic
        Whether the potential sees periodic images. By default if the topology or the System has
        a box.
    backend
        "torch" (TorchForce), "python" (PythonForce) or "auto". An interpolation takes "python".
    precision
        "single" or "double", of the potential.
    engine
        "torch", "compiled" or "auto".
    skin
        Extra range of the neighbour lists, angstrom.
    referenceEnergies
        Whether to add the reference energies of the elements.
    """

    slowForceGroup: int = 1
    split: bool = True
    mts: bool = False
    reciprocalForceGroup: int | None = None
    hydrogenMass: float | None = None
    mollified: bool | None = None
    periodic: bool | None = None
    backend: str = "auto"
    precision: str = "single"
    engine: str = "auto"
    skin: float = 0.5
    referenceEnergies: bool = False

    def for_forces(self) -> dict[str, Any]:
        """Return the arguments that `mixed.build.learned_forces` passes on."""
        return {
            "split": self.split,
            "slow_group": self.slowForceGroup,
            "backend": self.backend,
            "precision": self.precision,
            "engine": self.engine,
            "skin": self.skin,
            "reference_energies": self.referenceEnergies,
        }


class INNFFPotentialImplFactory(MLPotentialImplFactory):
    """Makes what `MLPotential("innff", modelPath=...)` holds."""

    def createImpl(self, name: str, **args: Any) -> MLPotentialImpl:
        """Load the model.

        Parameters
        ----------
        name
            "innff".
        **args
            ``modelPath``: path of a model file, or the name of a shipped model.

        Raises
        ------
        ConfigError
            If modelPath is missing, or there is another argument.
        ModelFileError
            If there is no such model, or the file can't be read.
        """
        from openmm_innff.model import load_model

        if set(args) != {_MODEL}:
            raise ConfigError(
                f"MLPotential({name!r}): wanted {_MODEL}, the path of a model file or the name of "
                f"a shipped model, found {', '.join(args) or 'no argument'}"
            )
        return INNFFPotentialImpl(load_model(args[_MODEL]))


class INNFFPotentialImpl(MLPotentialImpl):
    """A model in OpenMM-ML.

    Parameters
    ----------
    model
        The model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def addForces(
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: Iterable[int] | None,
        forceGroup: int,
        **args: Any,
    ) -> None:
        """Add the forces of the potential to a System.

        Parameters
        ----------
        topology, system, atoms, forceGroup
            As OpenMM-ML says. With its versions before 1.8 an interpolation gets an empty System.
        **args
            See `Options`.

        Raises
        ------
        ConfigError
            If an argument is unknown.
        SystemSetupError
            If the atoms can't be simulated.
        """
        from openmm_innff.mixed.build import learned_forces, molecules_force
        from openmm_innff.mixed.grouping import group_forces
        from openmm_innff.mixed.masses import repartition
        from openmm_innff.mixed.molecule import check_molecule
        from openmm_innff.mixed.subset import check_elements, select

        options = _options(args)
        temporary = system.getNumParticles() == 0
        if temporary and (options.mts or options.hydrogenMass):
            raise SystemSetupError(
                "mts, hydrogenMass: this version of OpenMM-ML hands no System to interpolations; "
                "use version 1.8, create_mixed_system of the model, or, for mts, call "
                "openmm_innff.mixed.group_forces(system) on the result"
            )
        whole = _like(topology) if temporary else system
        subset = select(topology, whole, range(topology.getNumAtoms()) if atoms is None else atoms)
        check_elements(subset, self.model.potential.elements)
        check_molecule(subset.numbers, subset.bonds, self.model.card.molecule)
        arguments = options.for_forces()
        if temporary:
            arguments["backend"] = "python"  # copied by OpenMM-ML
        for force in learned_forces(
            self.model.potential,
            subset,
            whole,
            periodic=self._periodic(topology, system, options),
            fast_group=forceGroup,
            **self.model.mollification(options.hydrogenMass, options.mollified),
            **arguments,
        ):
            system.addForce(force)
        if temporary:
            return
        if options.mts:
            group_forces(
                system,
                fast_group=forceGroup,
                slow_group=options.slowForceGroup,
                reciprocal_group=options.reciprocalForceGroup,
            )
        if subset.bonds:
            group = options.slowForceGroup if options.split else forceGroup
            system.addForce(molecules_force(subset, group))
        if options.hydrogenMass is not None:
            repartition(system, topology, options.hydrogenMass, subset.members)

    def createMixedSystem(
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: list[int],
        forceGroup: int,
        interpolate: bool,
        embedding: str,
        returnInfo: bool = False,
        **args: Any,
    ) -> openmm.System:
        """Make a mixed System; called by OpenMM-ML from version 1.8 on, otherwise as `addForces`.

        With ``interpolate`` the fast and the slow part keep their own groups. No atoms are added,
        so there is no info to return, and ``embedding`` is always mechanical.
        """
        from openmm_innff.mixed import create_mixed_system
        from openmm_innff.mixed.subset import rigid_without_term, select

        options = _options(args)
        arguments = options.for_forces()
        if interpolate:
            arguments["backend"] = "python"
            problem = rigid_without_term(system, select(topology, system, atoms))
            if problem:  # and whether constraints will be removed is not told here
                warnings.warn(problem, stacklevel=3)
        return create_mixed_system(
            self.model.potential,
            topology,
            system,
            atoms,
            interpolate=interpolate,
            remove_constraints=False,  # OpenMM-ML does that
            group_mm=options.mts,
            fast_group=forceGroup,
            reciprocal_group=options.reciprocalForceGroup,
            hydrogen_mass=options.hydrogenMass,
            periodic=options.periodic,
            molecule=self.model.card.molecule,
            **self.model.mollification(options.hydrogenMass, options.mollified),
            **arguments,
        )

    def getSupportedEmbeddings(self) -> list[str]:
        """Return the embeddings that this class makes itself."""
        return [MECHANICAL]

    def getMLLongRange(self) -> bool:
        """Return False: atoms interact within a cutoff only."""
        return False

    @staticmethod
    def _periodic(topology: app.Topology, system: openmm.System, options: Options) -> bool:
        if options.periodic is not None:
            return options.periodic
        boxed = topology.getPeriodicBoxVectors() is not None
        return boxed or system.usesPeriodicBoundaryConditions()


def _options(args: Mapping[str, Any]) -> Options:
    from openmm import unit

    values = dict(args)
    mass = values.get("hydrogenMass")
    if isinstance(mass, unit.Quantity):
        values["hydrogenMass"] = float(mass.value_in_unit(unit.dalton))
    return build(Options, values)


def _like(topology: app.Topology) -> openmm.System:
    """Return a System with particles and no forces."""
    import openmm

    system = openmm.System()
    box = topology.getPeriodicBoxVectors()
    if box is not None:
        system.setDefaultPeriodicBoxVectors(*box)
    for atom in topology.atoms():
        system.addParticle(0.0 if atom.element is None else atom.element.mass)
    return system


__all__ = ["INNFFPotentialImpl", "INNFFPotentialImplFactory", "Options"]
