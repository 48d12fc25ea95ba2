"""Molecular dynamics hotter than the training data: stable, and recognised as hot.

    python benchmarks/hot_dynamics.py runs/accuracy/acac/acac.innff frames.xyz.gz
    python benchmarks/hot_dynamics.py MODEL FRAMES --temperatures 300 600 900 --picoseconds 20

Langevin dynamics of one molecule from the first frame, whole forces in steps of 0.5 fs. For each
temperature the table has the mean temperature, the longest way of a hydrogen to a heavy atom,
how often the uncertainty of a force was above the model's limit, the mean uncertainty, and the time
of the first warning.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

# isort: split
import openmm
from ase import Atoms
from ase.io import read
from openmm import app, unit

from openmm_innff import load_model
from openmm_innff.model import Model
from openmm_innff.trust import Monitor

STEP, FRICTION = 0.5 * unit.femtosecond, 1.0 / unit.picosecond
SETTLE = 2.0 * unit.picosecond
EVERY = 100
"""Steps between two looks."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("frames", type=Path)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[300.0, 600.0])
    parser.add_argument("--picoseconds", type=float, default=10.0)
    arguments = parser.parse_args()
    model, start = load_model(arguments.model), read(arguments.frames, "0")
    print("| K | mean K | farthest H, Å | above the limit | meV/Å | first at, ps |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for temperature in arguments.temperatures:
        print(run(model, start, temperature, arguments.picoseconds), flush=True)


def run(model: Model, start: Atoms, temperature: float, picoseconds: float) -> str:
    """Return a row of the table."""
    topology = topology_of(start)
    system = model.create_system(topology)
    integrator = openmm.LangevinMiddleIntegrator(temperature * unit.kelvin, FRICTION, STEP)
    integrator.setRandomNumberSeed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        platform = openmm.Platform.getPlatformByName("Reference")
        simulation = app.Simulation(topology, system, integrator, platform)
    simulation.context.setPositions(start.positions * unit.angstrom)
    simulation.context.setVelocitiesToTemperature(temperature * unit.kelvin, 1)
    monitor, looks = Monitor(model, topology), []
    degrees = 3 * len(start) - 3  # the centre of mass does not move
    simulation.step(round(SETTLE / STEP))
    for _ in range(round(picoseconds * unit.picosecond / STEP) // EVERY):
        simulation.step(EVERY)
        state = simulation.context.getState(positions=True, energy=True)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        reading = monitor.read(positions)
        kinetic = state.getKineticEnergy() / unit.MOLAR_GAS_CONSTANT_R
        looks.append((
            2.0 * kinetic.value_in_unit(unit.kelvin) / degrees,
            farthest_hydrogen(start.numbers, positions),
            reading.doubtful,
            reading.mean_force,
            float(state.getTime() / unit.picosecond),
        ))  # fmt: skip
    kelvin, longest, above, mean, time = map(np.array, zip(*looks, strict=True))
    first = f"{time[above][0]:.2f}" if above.any() else "never"
    return (
        f"| {temperature:.0f} | {kelvin.mean():.0f} | {longest.max():.2f} | {above.mean():.1%} "
        f"| {1e3 * mean.mean():.1f} | {first} |"
    )


def topology_of(atoms: Atoms) -> app.Topology:
    """Return a topology of one residue without bonds."""
    topology = app.Topology()
    residue = topology.addResidue("LIG", topology.addChain())
    for symbol in atoms.get_chemical_symbols():
        topology.addAtom(symbol, app.Element.getBySymbol(symbol), residue)
    return topology


def farthest_hydrogen(numbers: np.ndarray, positions: np.ndarray) -> float:
    """Return the largest distance of a hydrogen from the nearest heavy atom: protons may hop."""
    heavy, hydrogens = positions[numbers > 1], positions[numbers == 1]
    distances = np.linalg.norm(hydrogens[:, None] - heavy[None], axis=2)
    return float(distances.min(1).max())


if __name__ == "__main__":
    main()
