"""Sampling of a leg by replica exchange in openmmtools, with multiple time steps."""

import copy
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openmm_innff.freeenergy.legs import Leg  # torch before openmm

# isort: split
import openmm
from openmm import unit

from openmm_innff.freeenergy.config import FreeEnergyConfig
from openmm_innff.freeenergy.library import library, quiet
from openmm_innff.integrators import mts_langevin_integrator
from openmm_innff.simulation.machine import Machine
from openmm_innff.units import FS_TO_PS

Progress = Callable[[str, int, int], None]
_TOLERANCE, _MINIMISE = 10.0, 200  # kJ/mol/nm; steps


def rank() -> int:
    """Return the number of this process among those of MPI; 0 without it."""
    communicator = library("multistate.replicaexchange").mpiplus.get_mpicomm()
    return 0 if communicator is None else int(communicator.rank)


def sample(
    leg: Leg, config: FreeEnergyConfig, folder: Path, machine: Machine, progress: Progress
) -> None:
    """Sample all states of a leg; what is there already is gone on with.

    Parameters
    ----------
    leg
        What is sampled.
    config
        How, and how long.
    folder
        Gets ``NAME.nc`` and ``NAME_checkpoint.nc``.
    machine
        Where.
    progress
        Told the leg, and how many of how many exchanges are done.
    """
    multistate, cache = library("multistate"), library("cache")
    reporter = storage(folder, leg, config)
    with quiet():
        if there := _exists(reporter):
            sampler = multistate.ReplicaExchangeSampler.from_storage(reporter)
        else:
            sampler = multistate.ReplicaExchangeSampler(
                mcmc_moves=_move(leg, config),
                number_of_iterations=config.exchanges,
                online_analysis_interval=None,
            )
        contexts = cache.ContextCache(
            platform=machine.platform,
            platform_properties=machine.properties or None,
            capacity=None,
            time_to_live=None,
        )
        sampler.sampler_context_cache = sampler.energy_context_cache = contexts
        if not there:
            sampler.create(_states(leg, config), _start(leg, config, machine), reporter)
            sampler.equilibrate(max(1, round(config.settle_ps / config.exchange_every_ps)))
        sampler.number_of_iterations = max(config.exchanges, sampler.iteration)
    while sampler.iteration < config.exchanges:
        progress(leg.name, sampler.iteration, config.exchanges)
        with quiet():
            sampler.run(min(config.checkpoint_every, config.exchanges - sampler.iteration))
    progress(leg.name, sampler.iteration, config.exchanges)
    reporter.close()


def storage(folder: Path, leg: Leg, config: FreeEnergyConfig) -> Any:
    """Return the file of a leg as openmmtools knows it."""
    with quiet():
        return library("multistate").MultiStateReporter(
            str(folder / f"{leg.name}.nc"), checkpoint_interval=config.checkpoint_every
        )


def _exists(reporter: Any) -> bool:
    """Whether there is a file, as the first process sees it before it makes one."""
    mpi = library("multistate.replicaexchange").mpiplus
    return bool(mpi.run_single_node(0, reporter.storage_exists, broadcast_result=True))


def _move(leg: Leg, config: FreeEnergyConfig) -> Any:
    """Return dynamics between two exchanges.

    openmmtools adds collisions (Andersen's) at the same temperature to what it does not know as a
    thermostat; they leave the ensemble as it is.
    """
    outer = leg.steps.outer_fs * FS_TO_PS
    integrator = mts_langevin_integrator(
        leg.system, config.temperature_K, config.friction_per_ps, outer,
        leg.steps.inner_fs * FS_TO_PS,
    )  # fmt: skip
    steps = max(1, round(config.exchange_every_ps / outer))
    return library("mcmc").IntegratorMove(integrator, n_steps=steps)


def _states(leg: Leg, config: FreeEnergyConfig) -> list[Any]:
    """Return the thermodynamic states of a leg."""
    states, alchemy = library("states"), library("alchemy")
    pressure = None
    if leg.system.usesPeriodicBoundaryConditions():
        pressure = config.pressure_bar * unit.bar
        barostat = openmm.MonteCarloBarostat(pressure, config.temperature_K * unit.kelvin)
        leg.system.addForce(barostat)
    first = states.ThermodynamicState(leg.system, config.temperature_K * unit.kelvin, pressure)
    own = importlib.import_module("openmm_innff.freeenergy.parameters").OWN
    names = set(leg.states[0])
    kinds = [own[name] for name in sorted(names & own.keys())]
    if names - own.keys():
        kinds.append(alchemy.AlchemicalState)
    compound = states.CompoundThermodynamicState(
        first, [kind.from_system(leg.system) for kind in kinds]
    )
    made = []
    for values in leg.states:
        state = copy.deepcopy(compound)
        for name, value in values.items():
            setattr(state, name, value)
        made.append(state)
    return made


def _start(leg: Leg, config: FreeEnergyConfig, machine: Machine) -> Any:
    """Return where all replicas start: the positions, after a little minimisation."""
    context = openmm.Context(
        leg.system, openmm.VerletIntegrator(0.001), machine.platform, machine.properties
    )
    context.setPositions(leg.positions)
    for name, value in leg.states[0].items():
        context.setParameter(name, value)
    openmm.LocalEnergyMinimizer.minimize(context, _TOLERANCE, _MINIMISE)
    positions = context.getState(positions=True).getPositions(asNumpy=True)
    box = leg.system.getDefaultPeriodicBoxVectors()
    periodic = leg.system.usesPeriodicBoundaryConditions()
    return library("states").SamplerState(positions, box_vectors=box if periodic else None)
