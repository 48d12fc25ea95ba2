r"""The legs of a free energy: Systems whose parameters lead from one end to the other.

An absolute binding free energy is that of taking the ligand's interactions away in the solvent,
less the same in the complex, where a harmonic restraint keeps the ligand's centre near that of its
site:

.. math:: \Delta G = \Delta G_{solvent} - \Delta G_{complex} - kT \ln(V / V_0),
    \quad V = (2 \pi kT / K)^{3/2}, V_0 = 1661 \mathrm{\AA}^3

(double decoupling and its standard state: Gilson et al., doi:10.1016/S0006-3495(97)78756-3). The
model's energy within the ligand is kept throughout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmm_innff.forces import FAST, SLOW  # torch before openmm

# isort: split
import mdtraj
import openmm
from openmm import unit

from openmm_innff.binding import site_of
from openmm_innff.errors import ConfigError, SystemSetupError
from openmm_innff.freeenergy.config import BINDING, FreeEnergyConfig
from openmm_innff.freeenergy.library import library
from openmm_innff.freeenergy.solvent import charge_of, solvent_of
from openmm_innff.integrators import BOLTZMANN_KJ_PER_MOL_K
from openmm_innff.mixed import group_forces
from openmm_innff.mixed.interpolation import LAMBDA
from openmm_innff.mixed.subset import residue_atoms
from openmm_innff.model import load_model
from openmm_innff.modelfile import SafeSteps
from openmm_innff.recipe import RunConfig, load_recipe
from openmm_innff.simulation.complexes import Complex, complex_steps, load_complex
from openmm_innff.simulation.start import is_heavy
from openmm_innff.units import ANGSTROM_TO_NM

RESTRAINT, CHARGES, STERICS = "lambda_restraints", "lambda_electrostatics", "lambda_sterics"
_NEUTRAL = 0.02  # e


@dataclass(frozen=True, eq=False)
class Leg:
    """A System, and the states between its ends.

    Parameters
    ----------
    name
        "complex" or "solvent".
    system
        With the Context parameters of the states.
    positions
        To start from, shape (n_atoms, 3), nm.
    states
        Values of the parameters.
    steps
        Of multiple time steps.
    standard_kJ_per_mol
        Free energy of releasing the restraint into the standard volume; 0 without one.
    """

    name: str
    system: openmm.System
    positions: NDArray[np.float64]
    states: tuple[Mapping[str, float], ...]
    steps: SafeSteps
    standard_kJ_per_mol: float = 0.0


def make_legs(config: FreeEnergyConfig) -> list[Leg]:
    """Build the legs of a free energy: complex and solvent.

    A ligand that nothing surrounds in the solvent needs no leg to be decoupled there.

    Parameters
    ----------
    config
        Which free energy.

    Raises
    ------
    ConfigError
        If a recipe can't be used.
    SystemSetupError
        If the ligand is charged, is not there, or the System can't be taken apart.
    MissingDependencyError
        If openmmtools is needed and not installed.
    """
    recipe = load_recipe(config.complex)
    if recipe.ligand is None:
        raise ConfigError(f"complex: wanted a recipe with a ligand, found none in {config.complex}")
    whole = load_complex(recipe)
    atoms = residue_atoms(whole.topology, recipe.ligand)
    charge = charge_of(whole.system, atoms)
    if config.kind == BINDING and abs(charge) > _NEUTRAL:
        raise SystemSetupError(
            f"ligand: wanted a neutral one, found a charge of {charge:.2f}; "
            "corrections for the finite size of the box are not made here"
        )
    alone = solvent_of(whole, atoms)
    other = recipe
    if config.solvent is not None:
        other = load_recipe(config.solvent)
        alone = load_complex(other)
    legs = [_leg("complex", config, recipe, whole)]
    if config.kind != BINDING or alone.topology.getNumAtoms() > len(atoms) or _implicit(alone):
        legs.append(_leg("solvent", config, other, alone))
    return legs


def _implicit(complex_: Complex) -> bool:
    return any("GB" in type(force).__name__ for force in complex_.system.getForces())


def _leg(name: str, config: FreeEnergyConfig, recipe: RunConfig, found: Complex) -> Leg:
    model = load_model(recipe.model)
    steps = complex_steps(recipe, model)
    binding = config.kind == BINDING
    mixed = model.create_mixed_system(
        found.topology,
        found.system,
        str(recipe.ligand),
        interpolate=not binding,
        mollified=steps.mollified if binding else False,
        hydrogen_mass=steps.hydrogen_mass if is_heavy(steps) else None,
        backend=recipe.backend if binding else "python",  # copied by interpolations
        precision=recipe.precision,
        fast_group=FAST,
        slow_group=SLOW,
    )
    positions = found.positions * ANGSTROM_TO_NM
    if not binding:
        states = tuple({LAMBDA: stage} for stage in config.stages)
        return Leg(name, mixed, positions, states, steps)
    atoms = residue_atoms(found.topology, str(recipe.ligand))
    system, standard = decoupled(mixed, atoms), 0.0
    states = _decoupling(config)
    if name == "complex":
        frame = mdtraj.Trajectory(positions[None], mdtraj.Topology.from_openmm(found.topology))
        site = site_of(frame, atoms)
        if len(site) < 1:
            raise SystemSetupError("complex: wanted heavy atoms around the ligand, found none")
        everything = list(found.topology.atoms())
        heavy = [i for i in atoms if everything[i].element.symbol != "H"]
        standard = restrain(system, heavy, list(site), config)
        states = _restraining(config) + tuple({**state, RESTRAINT: 1.0} for state in states[1:])
    group_forces(system, fast_group=FAST, slow_group=SLOW)
    return Leg(name, system, positions, states, steps, standard)


def _restraining(config: FreeEnergyConfig) -> tuple[dict[str, float], ...]:
    return tuple({RESTRAINT: value, CHARGES: 1.0, STERICS: 1.0} for value in config.restraints)


def _decoupling(config: FreeEnergyConfig) -> tuple[dict[str, float], ...]:
    charges = [{CHARGES: value, STERICS: 1.0} for value in config.electrostatics]
    return (*charges, *({CHARGES: 0.0, STERICS: value} for value in config.sterics[1:]))


def decoupled(system: openmm.System, atoms: Sequence[int]) -> openmm.System:
    """Let Context parameters take away the interactions of a ligand with everything else.

    Its energy within itself must be that of a model. With PME, charges are scaled exactly, in
    reciprocal space too; Lennard-Jones interactions are softened, and lose their correction beyond
    the cutoff.

    Parameters
    ----------
    system
        Of `mixed.create_mixed_system`.
    atoms
        Indices of the ligand.
    """
    alchemy = library("alchemy")
    factory = alchemy.AbsoluteAlchemicalFactory(
        alchemical_pme_treatment="exact",
        disable_alchemical_dispersion_correction=True,
        split_alchemical_forces=False,
    )
    region = alchemy.AlchemicalRegion(
        alchemical_atoms=list(atoms), annihilate_electrostatics=True, annihilate_sterics=False
    )
    return factory.create_alchemical_system(system, region)


def restrain(
    system: openmm.System, ligand: Sequence[int], site: Sequence[int], config: FreeEnergyConfig
) -> float:
    """Add a harmonic restraint between two centres; return what its release is worth.

    Parameters
    ----------
    system
        Gets the restraint.
    ligand, site
        Indices of the atoms whose centres are held together.
    config
        With temperature and spread.

    Returns
    -------
    float
        Free energy of releasing a ligand without interactions into the standard volume, kJ/mol.
    """
    forces = library("forces")
    kT = BOLTZMANN_KJ_PER_MOL_K * config.temperature_K
    constant = kT / (config.restraint_angstrom * ANGSTROM_TO_NM) ** 2
    made = forces.HarmonicRestraintForce(
        constant * unit.kilojoule_per_mole / unit.nanometer**2,
        [int(i) for i in site],
        [int(i) for i in ligand],
    )
    made.setUsesPeriodicBoundaryConditions(system.usesPeriodicBoundaryConditions())
    states = library("states")
    state = states.ThermodynamicState(system, config.temperature_K * unit.kelvin)
    system.addForce(made)
    return kT * float(made.compute_standard_state_correction(state, max_volume="system"))
