"""A ligand of a model in the force field of everything else: from a recipe to what is simulated."""

import hashlib
import logging
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_innff.forces import FAST, SLOW  # torch before openmm

# isort: split
import openmm
from openmm import app, unit

from openmm_innff.errors import ConfigError, MissingDependencyError
from openmm_innff.forces.groups import MM_OUTER_FS
from openmm_innff.mixed.masses import repartition
from openmm_innff.mixed.subset import select
from openmm_innff.model import Model
from openmm_innff.modelfile import SafeSteps
from openmm_innff.recipe import RunConfig
from openmm_innff.simulation.start import (
    BAROSTAT_STEPS,
    Setup,
    choose_steps,
    fingerprint,
    is_heavy,
)
from openmm_innff.throughput import Scheme
from openmm_innff.units import FS_TO_PS

CUTOFF = 1.0
"""Of non-bonded forces made from Amber's files, nm."""

_SAME_BOX = 0.1  # angstrom
_DOUBLED = (
    openmm.AndersenThermostat,
    openmm.MonteCarloAnisotropicBarostat,
    openmm.MonteCarloBarostat,
    openmm.MonteCarloFlexibleBarostat,
    openmm.MonteCarloMembraneBarostat,
)


@dataclass(frozen=True, eq=False)
class Complex:
    """A molecule and what surrounds it, in a force field.

    Parameters
    ----------
    topology
        Of all atoms.
    positions
        Shape (n_atoms, 3), angstrom.
    system
        The force field's.
    """

    topology: app.Topology
    positions: NDArray[np.float64]
    system: openmm.System


def set_up_complex(config: RunConfig, model: Model) -> Setup:
    """Build the Systems of a run with a ligand.

    Parameters
    ----------
    config
        The recipe.
    model
        Of the ligand.

    Raises
    ------
    ConfigError
        If a file can't be read, or the System has a thermostat or barostat of its own.
    SystemSetupError
        If the ligand is not there, or can't be described by the model.
    MissingDependencyError
        If the recipe needs openmmtools, which is not installed.
    """
    found = load_complex(config)
    for force in found.system.getForces():
        if isinstance(force, _DOUBLED):
            raise ConfigError(
                f"the force field's System holds a {type(force).__name__}; leave it out, since "
                "temperature_K and pressure_bar of the recipe say what is kept constant"
            )
    steps = complex_steps(config, model)
    subset = select(found.topology, found.system, str(config.ligand))
    mass = steps.hydrogen_mass if is_heavy(steps) else None
    make = partial(
        model.create_mixed_system,
        found.topology,
        found.system,
        subset.atoms,
        backend=config.backend,
        precision=config.precision,
        hydrogen_mass=mass,
        fast_group=FAST,
        slow_group=SLOW,
    )
    classical = openmm.XmlSerializer.clone(found.system)
    if mass is not None:
        repartition(classical, found.topology, mass, subset.members)
    systems = [make(mollified=steps.mollified), make(split=False, mollified=False), classical]
    if config.pressure_bar is not None:
        for system in systems:
            _add_barostat(system, config)
    field = openmm.XmlSerializer.serialize(found.system).encode()
    digest = hashlib.sha256(fingerprint(model).encode() + field).hexdigest()
    return Setup(
        found.topology, found.positions, systems[0], systems[1], steps, digest, subset, classical
    )


def complex_steps(config: RunConfig, model: Model) -> SafeSteps:
    """Choose the steps as for a model alone, but none too long for a force field's.

    Parameters
    ----------
    config
        The recipe.
    model
        Whose card says what is safe.
    """
    steps = choose_steps(config, model)
    return steps.at_most(MM_OUTER_FS) if config.outer_step_fs is None else steps


def complex_schemes(config: RunConfig, setup: Setup) -> list[Scheme]:
    """Say what multiple time steps are compared with: the force field, and single steps.

    Parameters
    ----------
    config
        With temperature and friction.
    setup
        What was run.
    """
    steps = setup.steps

    def single(step_fs: float, system: openmm.System, name: str) -> Scheme:
        def make(_: openmm.System) -> openmm.Integrator:
            return openmm.LangevinMiddleIntegrator(
                config.temperature_K, config.friction_per_ps, step_fs * FS_TO_PS
            )

        return Scheme(f"{name}, {step_fs:g} fs", step_fs, make, system, as_one=True)

    multiple = f"multiple time steps, {steps.outer_fs:g} fs slow and {steps.inner_fs:g} fs fast"
    return [
        single(steps.outer_fs, _required(setup.classical), "force field alone"),
        single(steps.inner_fs, setup.whole, "single step"),
        Scheme(multiple, steps.outer_fs, lambda _: setup.integrator(config), setup.system),
    ]


def _required(system: openmm.System | None) -> openmm.System:
    if system is None:
        raise ConfigError("ligand: wanted a force field beside the model, found none")
    return system


def load_complex(config: RunConfig) -> Complex:
    """Read what a recipe with a ligand names.

    Parameters
    ----------
    config
        The recipe.

    Raises
    ------
    ConfigError
        If it can't be read, or its parts don't belong together.
    MissingDependencyError
        If openmmtools is needed and not installed.
    """
    if config.testsystem is not None:
        return _testsystem(config.testsystem, config.testsystem_options)
    try:
        if config.prmtop is not None:
            return _amber(config)
        return _structure(str(config.structure), str(config.mm_system))
    except (OSError, ValueError, KeyError, IndexError, openmm.OpenMMException) as error:
        if isinstance(error, ConfigError):
            raise
        names = [n for n in (config.structure, config.mm_system, config.prmtop, config.inpcrd) if n]
        raise ConfigError(f"can't read '{' or '.join(names)}': {error}") from error


def _structure(structure: str, mm_system: str) -> Complex:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pdb = app.PDBFile(structure)
    system = openmm.XmlSerializer.deserialize(Path(mm_system).read_text("utf-8"))
    if not isinstance(system, openmm.System):
        raise ConfigError(f"mm_system: wanted the XML of a System, found {type(system).__name__}")
    if system.getNumParticles() != pdb.topology.getNumAtoms():
        raise ConfigError(
            f"structure, mm_system: wanted the same atoms in both, found "
            f"{pdb.topology.getNumAtoms()} in '{structure}' and {system.getNumParticles()} in "
            f"'{mm_system}'"
        )
    _agree_on_box(pdb.topology, system)
    return Complex(pdb.topology, _angstrom(pdb.getPositions(asNumpy=True)), system)


def _agree_on_box(topology: app.Topology, system: openmm.System) -> None:
    """Give a structure without a box that of its System, and refuse another one."""
    if not system.usesPeriodicBoundaryConditions():
        return
    box = system.getDefaultPeriodicBoxVectors()
    own = topology.getPeriodicBoxVectors()
    if own is None:
        topology.setPeriodicBoxVectors(box)
        return
    edges = [
        np.diag([list(v.value_in_unit(unit.angstrom)) for v in vectors]) for vectors in (own, box)
    ]
    if np.abs(edges[0] - edges[1]).max() > _SAME_BOX:
        first, second = (" x ".join(f"{edge:.2f}" for edge in found) for found in edges)
        raise ConfigError(
            f"structure, mm_system: wanted the same box in both, found {first} angstrom and "
            f"{second} angstrom"
        )


def _amber(config: RunConfig) -> Complex:
    inpcrd = app.AmberInpcrdFile(str(config.inpcrd))
    box = inpcrd.boxVectors
    prmtop = app.AmberPrmtopFile(str(config.prmtop), periodicBoxVectors=box)
    options: dict[str, Any] = {
        "constraints": app.HBonds,
        "flexibleConstraints": True,  # terms for interpolation, which removes constraints
        "nonbondedMethod": app.NoCutoff,
    }
    if box is not None:
        options |= {"nonbondedMethod": app.PME, "nonbondedCutoff": CUTOFF}
        if config.implicit_solvent is not None:
            raise ConfigError("implicit_solvent: wanted without a box only, found one")
    elif config.implicit_solvent is not None:
        options["implicitSolvent"] = _of_app("implicit_solvent", config.implicit_solvent)
    return Complex(
        prmtop.topology,
        _angstrom(inpcrd.getPositions(asNumpy=True)),
        prmtop.createSystem(**options),
    )


def _testsystem(name: str, options: dict[str, Any]) -> Complex:
    logging.getLogger("pymbar").setLevel(logging.ERROR)  # greets everyone who imports it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from openmmtools import testsystems
    except ImportError as error:
        raise MissingDependencyError(
            "testsystem: needs openmmtools; pip install 'openmm-innff[openmmtools]'"
        ) from error
    made = getattr(testsystems, name, None)
    if not (isinstance(made, type) and issubclass(made, testsystems.TestSystem)):
        raise ConfigError(f"testsystem: wanted a class of openmmtools.testsystems, found '{name}'")
    arguments = {key: _argument(value) for key, value in options.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = made(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"testsystem_options: {error}") from error
    return Complex(found.topology, _angstrom(found.positions), found.system)


def _argument(value: Any) -> Any:
    """Return what a text stands for, if it is the name of something."""
    if not isinstance(value, str):
        return value
    return None if value == "None" else getattr(app, value, value)


def _of_app(entry: str, name: str) -> Any:
    if not hasattr(app, name):
        raise ConfigError(f"{entry}: wanted one of HCT, OBC1, OBC2, GBn, GBn2, found '{name}'")
    return getattr(app, name)


def _angstrom(positions: unit.Quantity) -> NDArray[np.float64]:
    return np.asarray(positions.value_in_unit(unit.angstrom), dtype=np.float64)


def _add_barostat(system: openmm.System, config: RunConfig) -> None:
    if not system.usesPeriodicBoundaryConditions():
        raise ConfigError("pressure_bar: wanted with a periodic box only, found a System without")
    barostat = openmm.MonteCarloBarostat(
        config.pressure_bar * unit.bar, config.temperature_K * unit.kelvin, BAROSTAT_STEPS
    )
    barostat.setRandomNumberSeed(config.seed + 1)
    system.addForce(barostat)
