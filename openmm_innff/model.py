"""A model as users meet it: a potential, its card, and the way into OpenMM."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmm_innff.errors import ModelFileError, SystemSetupError
from openmm_innff.modelfile import ModelCard, read_model, read_uncertainty, save_model
from openmm_innff.potential import Potential
from openmm_innff.potential.uncertainty import Uncertainty

if TYPE_CHECKING:
    import openmm
    from openmm import app, unit

    from openmm_innff.middle import MTSMiddleIntegrator

SUFFIX = ".innff"
_HYDROGEN = 1.008  # amu


@dataclass(frozen=True, eq=False)
class Model:
    """A potential with its card.

    Attributes
    ----------
    potential : Potential
    card : ModelCard
    uncertainty : Uncertainty or None
        What it knows of its errors; None if it was never calibrated.
    """

    potential: Potential
    card: ModelCard
    uncertainty: Uncertainty | None = None

    def known_uncertainty(self) -> Uncertainty:
        """Return the uncertainty.

        Raises
        ------
        ModelFileError
            If the model was never calibrated.
        """
        if self.uncertainty is None:
            raise ModelFileError(
                f"{self.card.name}: the model file holds nothing about its uncertainty; add it "
                f"from the training data: innff calibrate MODEL --data FILE --validation FILE"
            )
        return self.uncertainty

    def create_system(
        self,
        topology: "app.Topology",
        *,
        hydrogen_mass: "unit.Quantity | float | None" = None,
        mollified: bool | None = None,
        **options: Any,
    ) -> "openmm.System":
        """Return an OpenMM System in which this model alone acts.

        Parameters
        ----------
        topology : openmm.app.Topology
        hydrogen_mass : Quantity, or float in amu
            Of hydrogens bonded to heavy atoms; None leaves it as it is.
        mollified : bool
            Whether the slow part sees bonds of hydrogen at the lengths in the model's card, which
            allows longer outer steps; see `forces.mollified`. None: if the safe steps need it.
        **options
            Further arguments of `system.create_system`.

        Raises
        ------
        SystemSetupError
            If the card has no lengths of bonds, or the topology can't be simulated.
        """
        from openmm_innff.system import create_system

        return create_system(
            self.potential,
            topology,
            hydrogen_mass=hydrogen_mass,
            **self.mollification(hydrogen_mass, mollified),
            **options,
        )

    def create_mixed_system(
        self,
        topology: "app.Topology",
        system: "openmm.System",
        atoms: "Iterable[int] | str",
        *,
        hydrogen_mass: "unit.Quantity | float | None" = None,
        mollified: bool | None = None,
        **options: Any,
    ) -> "openmm.System":
        """Return a System in which this model describes some atoms and a force field the rest.

        Parameters
        ----------
        topology : openmm.app.Topology
        system : openmm.System
            The same atoms in a force field.
        atoms : iterable of int, or str
            What the model describes: indices, or the name of a residue.
        hydrogen_mass, mollified
            As for :meth:`create_system`; waters keep their masses.
        **options
            Further arguments of :func:`openmm_innff.mixed.create_mixed_system`.

        Raises
        ------
        SystemSetupError
            If the card has no lengths of bonds, or holds another molecule, or the atoms can't be
            simulated so.
        """
        from openmm_innff.mixed import create_mixed_system

        return create_mixed_system(
            self.potential,
            topology,
            system,
            atoms,
            hydrogen_mass=hydrogen_mass,
            molecule=self.card.molecule,
            **self.mollification(hydrogen_mass, mollified),
            **options,
        )

    def mollification(
        self, hydrogen_mass: "unit.Quantity | float | None", mollified: bool | None
    ) -> dict[str, Any]:
        """Return the arguments that say how the slow part is mollified.

        Parameters
        ----------
        hydrogen_mass : Quantity, or float in amu
            For whose safe steps; None: light hydrogen.
        mollified : bool
            None: if these steps need it.

        Raises
        ------
        SystemSetupError
            If the card has no lengths of bonds.
        """
        from openmm import unit

        if mollified is None:
            mass = _HYDROGEN if hydrogen_mass is None else hydrogen_mass
            if isinstance(mass, unit.Quantity):
                mass = mass.value_in_unit(unit.dalton)
            safe = self.card.steps_for(mass)
            mollified = safe is not None and safe.mollified
        lengths = self.card.hydrogen_bond_lengths
        if mollified and not lengths:
            raise SystemSetupError(
                f"mollified: the card of {self.card.name!r} has no lengths of bonds of hydrogen; "
                f"train it anew, or call openmm_innff.system.create_system with them"
            )
        return {
            "mollified": lengths if mollified else None,
            "bond_forces": self.card.hydrogen_bond_forces,
        }

    def mts_integrator(
        self,
        system: "openmm.System",
        temperature: "unit.Quantity | float",
        friction: "unit.Quantity | float",
        outer_step: "unit.Quantity | float | None" = None,
        inner_step: "unit.Quantity | float | None" = None,
        *,
        middle: bool = False,
        **options: Any,
    ) -> "openmm.CustomIntegrator | MTSMiddleIntegrator":
        """Return a multiple-time-step Langevin integrator.

        Parameters
        ----------
        system : openmm.System
        temperature : Quantity, or float in K
        friction : Quantity, or float in 1/ps
        outer_step, inner_step : Quantity, or float in ps
            By default the steps that were found safe for this model, with hydrogens of the mass
            that they have in the System, and with the friction of vibrations that belongs to them;
            where a force field acts too, with an outer step of 4 fs at most.
        middle : bool
            Take `middle.mts_middle_integrator`, which is quicker and of which a step is an inner
            one, instead of `integrators.mts_langevin_integrator`, of which a step is an outer one.
        **options
            Further arguments of that function.

        Raises
        ------
        SystemSetupError
            If no safe steps are known, or they need a mollified System and this is none.
        """
        from openmm_innff.forces.factory import PLAIN
        from openmm_innff.forces.groups import MM_OUTER_FS, has_force_field
        from openmm_innff.integrators import mts_langevin_integrator
        from openmm_innff.middle import mts_middle_integrator
        from openmm_innff.units import FS_TO_PS

        if outer_step is None or inner_step is None:
            mass = _lightest_mass(system)
            safe = self.card.steps_for(mass)
            if safe is None:
                known = ", ".join(f"{s.hydrogen_mass:g}" for s in self.card.safe_steps) or "none"
                raise SystemSetupError(
                    f"outer_step, inner_step: no safe steps are known for {self.card.name!r} with "
                    f"atoms of {mass:g} amu (known for hydrogen of: {known}); give both"
                )
            if safe.mollified and any(force.getName() == PLAIN for force in system.getForces()):
                raise SystemSetupError(
                    f"system: the safe steps of {self.card.name!r} are for a mollified slow part, "
                    f"found a plain one; make it with create_system of this model, without "
                    f"mollified=False, or give outer_step and inner_step"
                )
            if has_force_field(system):
                safe = safe.at_most(MM_OUTER_FS)
            options.setdefault("vibrational_friction", safe.vibrational_friction)
            outer_step = safe.outer_fs * FS_TO_PS if outer_step is None else outer_step
            inner_step = safe.inner_fs * FS_TO_PS if inner_step is None else inner_step
        make = mts_middle_integrator if middle else mts_langevin_integrator
        return make(system, temperature, friction, outer_step, inner_step, **options)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to a file."""
        return save_model(path, self.potential, self.card, self.uncertainty)


def _lightest_mass(system: "openmm.System") -> float:
    """Mass of the lightest atom that moves freely, amu; in a System with hydrogens it is theirs."""
    constraints = (system.getConstraintParameters(i) for i in range(system.getNumConstraints()))
    rigid = {atom for first, second, _ in constraints for atom in (first, second)}
    free = (i for i in range(system.getNumParticles()) if i not in rigid)
    masses = (float(system.getParticleMass(i)._value) for i in free)
    return min((mass for mass in masses if mass > 0), default=0.0)


def shipped_models() -> dict[str, Path]:
    """Return the models that come with the package, by name."""
    folder = Path(__file__).parent / "models"
    return {file.stem: file for file in sorted(folder.glob(f"*{SUFFIX}"))}


def load_model(name: str | os.PathLike[str]) -> Model:
    """Load a shipped model by name, or a model file.

    Parameters
    ----------
    name : str or path
        Such as "water-pbe0", or the path of a ``.innff`` file.

    Raises
    ------
    ModelFileError
        If there is no such model, or the file can't be read.
    """
    shipped = shipped_models()
    path = shipped.get(str(name), Path(name))
    if not path.exists():
        known = ", ".join(shipped) or "none"
        raise ModelFileError(f"model: wanted a file or one of: {known}; found {str(name)!r}")
    potential, card = read_model(path)
    return Model(potential, card, read_uncertainty(path))
