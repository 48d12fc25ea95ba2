"""From a recipe to a System, an integrator and positions to start from."""

import dataclasses
import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch  # before openmm: openmmtorch's libraries need those that torch loads
from numpy.typing import NDArray

# isort: split
import openmm
from openmm import app, unit

from openmm_innff.boxes import settle_classically, water_box
from openmm_innff.errors import ConfigError, SimulationError
from openmm_innff.integrators import mts_langevin_integrator
from openmm_innff.middle import MTSMiddleIntegrator, mts_middle_integrator
from openmm_innff.mixed.subset import Subset
from openmm_innff.model import Model
from openmm_innff.modelfile import SafeSteps
from openmm_innff.recipe import FILES, RunConfig
from openmm_innff.units import ANGSTROM_TO_NM, FS_TO_PS

_MINIMISE_STEPS = 100
_MINIMISE_TOLERANCE = 50.0
"""Root-mean-square force at which minimisation ends, kJ/mol/nm."""

BAROSTAT_STEPS = 25  # outer ones
_HYDROGEN = 1.008


@dataclass(frozen=True, eq=False)
class Setup:
    """What is simulated.

    Parameters
    ----------
    topology
        Atoms, bonds and box.
    positions
        To start from, shape (n_atoms, 3), angstrom.
    system, whole
        Fast forces in group 0, slow ones in group 1; and the same potential as one force, as it is
        without means for long steps.
    steps
        Steps and hydrogen mass that are used.
    fingerprint
        Of the potential's numbers.
    ligand
        The atoms that the model describes; None: all.
    classical
        The force field alone, if there is one.
    """

    topology: app.Topology
    positions: NDArray[np.float64]
    system: openmm.System
    whole: openmm.System
    steps: SafeSteps
    fingerprint: str
    ligand: Subset | None = None
    classical: openmm.System | None = None

    @property
    def steps_per_outer(self) -> int:
        """How many steps of the integrator make up an outer one."""
        return inner_count(self.steps) if self.ligand is None else 1

    def integrator(self, config: RunConfig) -> MTSMiddleIntegrator | openmm.CustomIntegrator:
        """Make a new integrator.

        Parameters
        ----------
        config
            With temperature, friction and seed.
        """
        # The middle integrator is quicker; force fields have constraints, which it does not know.
        make = mts_middle_integrator if self.ligand is None else mts_langevin_integrator
        return make(
            self.system,
            config.temperature_K,
            config.friction_per_ps,
            self.steps.outer_fs * FS_TO_PS,
            self.steps.inner_fs * FS_TO_PS,
            vibrational_friction=self.steps.vibrational_friction,
            seed=config.seed,
        )


def set_up(config: RunConfig, model: Model, settle: bool) -> Setup:
    """Build the box and the System of a run.

    Parameters
    ----------
    config
        The recipe.
    model
        The model that it names.
    settle
        Whether new waters are settled: not needed if a checkpoint has other positions.
    """
    steps = choose_steps(config, model)
    topology, positions = _structure(config)
    if settle and config.waters is not None:
        positions = settle_classically(topology, positions, config.temperature_K, seed=config.seed)
    system = _system(config, model, topology, steps, mollified=steps.mollified)
    whole = _system(config, model, topology, steps, mollified=False, split=False)
    return Setup(topology, positions, system, whole, steps, fingerprint(model))


def _system(
    config: RunConfig, model: Model, topology: app.Topology, steps: SafeSteps, **options: bool
) -> openmm.System:
    system = model.create_system(
        topology,
        backend=config.backend,
        precision=config.precision,
        hydrogen_mass=steps.hydrogen_mass if is_heavy(steps) else None,
        **options,
    )
    if config.pressure_bar is not None:
        barostat = openmm.MonteCarloBarostat(
            config.pressure_bar * unit.bar,
            config.temperature_K * unit.kelvin,
            BAROSTAT_STEPS * inner_count(steps),
        )
        barostat.setRandomNumberSeed(config.seed + 1)
        system.addForce(barostat)
    return system


def is_heavy(steps: SafeSteps) -> bool:
    """Whether the steps are for hydrogen of another mass than that of nature."""
    return abs(steps.hydrogen_mass - _HYDROGEN) > 0.01


def inner_count(steps: SafeSteps) -> int:
    """Return the number of inner steps in an outer one."""
    return round(steps.outer_fs / steps.inner_fs)


def choose_steps(config: RunConfig, model: Model) -> SafeSteps:
    """Take the steps of the recipe, and those of the model's card where it gives none.

    Parameters
    ----------
    config
        The recipe.
    model
        Whose card says what is safe.

    Raises
    ------
    ConfigError
        If neither gives them.
    """
    mass = config.hydrogen_mass_amu
    known = model.card.safe_steps
    safe = (known[0] if known else None) if mass is None else model.card.steps_for(mass)
    if safe is None and (config.outer_step_fs is None or config.inner_step_fs is None):
        raise ConfigError(
            f"outer_step_fs, inner_step_fs: wanted both, since the card of {model.card.name} "
            f"doesn't say which steps are safe{f' for hydrogen of {mass:g} amu' if mass else ''}"
        )
    safe = safe or SafeSteps(inner_fs=0.0, outer_fs=0.0, hydrogen_mass=_HYDROGEN)
    return SafeSteps(
        inner_fs=config.inner_step_fs or safe.inner_fs,
        outer_fs=config.outer_step_fs or safe.outer_fs,
        hydrogen_mass=config.hydrogen_mass_amu or safe.hydrogen_mass,
        mollified=safe.mollified,
        vibrational_friction=safe.vibrational_friction,
    )


def start(context: openmm.Context, setup: Setup, config: RunConfig) -> None:
    """Minimise a little and give the atoms velocities.

    Parameters
    ----------
    context
        Of the run.
    setup
        With positions to start from.
    config
        With temperature and seed.

    Raises
    ------
    SimulationError
        If the energy is not finite.
    """
    context.setPositions(setup.positions * ANGSTROM_TO_NM)
    _check_energy(context, "of the start")
    # A few steps only: a minimum of the energy is far from a liquid, and from the data.
    openmm.LocalEnergyMinimizer.minimize(context, _MINIMISE_TOLERANCE, _MINIMISE_STEPS)
    _check_energy(context, "after minimising")
    context.setVelocitiesToTemperature(config.temperature_K * unit.kelvin, config.seed + 1)


def _check_energy(context: openmm.Context, when: str) -> None:
    energy = context.getState(energy=True).getPotentialEnergy()
    if not np.isfinite(energy.value_in_unit(unit.kilojoule_per_mole)):
        raise SimulationError(
            f"the potential energy {when} is not a finite number; check the structure for atoms "
            "that overlap, and the model"
        )


def _structure(config: RunConfig) -> tuple[app.Topology, NDArray[np.float64]]:
    if config.waters is not None:
        return water_box(config.waters, config.density_g_per_cm3, config.seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pdb = app.PDBFile(str(config.structure))
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(f"structure: can't read '{config.structure}': {error}") from error
    if pdb.topology.getPeriodicBoxVectors() is None:
        raise ConfigError(
            f"structure: wanted a PDB file with a box (CRYST1), found none in '{config.structure}'"
        )
    positions = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    return pdb.topology, np.asarray(positions, dtype=np.float64)


def fingerprint(model: Model) -> str:
    """Hash of all numbers of the potential."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.potential.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().to(torch.float64).numpy().tobytes())
    return digest.hexdigest()


def resolve_files(config: RunConfig) -> RunConfig:
    """Make the paths in a configuration absolute, so that its recipe can lie anywhere.

    Parameters
    ----------
    config
        The recipe.
    """
    changes: dict[str, str] = {}
    for key in FILES:
        value = getattr(config, key)
        if value is not None and Path(value).is_file():
            changes[key] = str(Path(value).resolve())
    return dataclasses.replace(config, **changes)  # type: ignore[arg-type]
