"""The ligand in the force field alone, to compare its torsions with those of the model."""

from pathlib import Path

import mdtraj
import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from openmm_innff.errors import SimulationError
from openmm_innff.recipe import RunConfig
from openmm_innff.simulation.machine import Machine
from openmm_innff.simulation.start import Setup
from openmm_innff.torsions import (
    Torsion,
    load_angles,
    rotatable_torsions,
    save_angles,
    torsion_angles,
)
from openmm_innff.units import FS_TO_PS

CLASSICAL_TORSIONS = "torsions-mm.csv"


def torsions_of(setup: Setup) -> list[Torsion]:
    """Return the torsions of the ligand about rotatable bonds."""
    if setup.ligand is None:
        return []
    topology = mdtraj.Topology.from_openmm(setup.topology)
    return rotatable_torsions(topology, setup.ligand.atoms, setup.ligand.system_bonds())


def classical_torsions(
    folder: Path, config: RunConfig, setup: Setup, state: openmm.State, machine: Machine
) -> NDArray[np.float64] | None:
    """Run the force field alone from where the run ended; what was run before is read.

    Parameters
    ----------
    folder
        Of the run.
    config
        Its recipe, with `compare_torsions_ps`.
    setup
        What is run.
    state
        With positions, velocities and box.
    machine
        Where.

    Returns
    -------
    array or None
        Angles in degrees, shape (n_frames, n_torsions); None if nothing turns, or none are wanted.
    """
    torsions, path = torsions_of(setup), folder / CLASSICAL_TORSIONS
    if not torsions or config.compare_torsions_ps == 0:
        return None
    found = load_angles(path, torsions)
    if found is None:
        found = _sample(config, setup, torsions, state, machine)
        save_angles(path, torsions, found)
    return found


def _sample(
    config: RunConfig,
    setup: Setup,
    torsions: list[Torsion],
    state: openmm.State,
    machine: Machine,
) -> NDArray[np.float64]:
    if setup.ligand is None or setup.classical is None:
        raise SimulationError("setup: wanted one with a ligand, found none")
    step = setup.steps.outer_fs
    integrator = openmm.LangevinMiddleIntegrator(
        config.temperature_K, config.friction_per_ps, step * FS_TO_PS
    )
    integrator.setRandomNumberSeed(config.seed + 2)
    context = openmm.Context(setup.classical, integrator, machine.platform, machine.properties)
    context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    context.setPositions(state.getPositions())
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 100)  # the ligand was another
    context.setVelocitiesToTemperature(config.temperature_K, config.seed + 2)
    every = max(1, round(config.report_every_fs / step))
    frames = max(1, round(config.compare_torsions_ps / (every * step * FS_TO_PS)))
    integrator.step(round(0.1 * frames) * every)  # to forget the start
    own = np.array(setup.ligand.atoms)
    place = {atom: k for k, atom in enumerate(setup.ligand.atoms)}
    positions = np.empty((frames, len(own), 3), dtype=np.float32)
    for frame in positions:
        integrator.step(every)
        found = context.getState(positions=True).getPositions(asNumpy=True)
        frame[:] = found.value_in_unit(unit.nanometer)[own]
    topology = mdtraj.Topology.from_openmm(setup.ligand.own_topology)
    inside = [
        Torsion(torsion.name, tuple(place[i] for i in torsion.atoms))  # type: ignore[arg-type]
        for torsion in torsions
    ]
    return torsion_angles(mdtraj.Trajectory(positions, topology), inside)
