"""Tests p-xylene.innff: errors in fresh structures, and long dynamics.

    python recipes/p-xylene/test.py recipes/p-xylene/p-xylene.innff

Fresh structures are of dynamics with GFN2-xTB at 300 K, labelled at the level of the model. The
dynamics, 100 ps at 600 K and 1 ns at 300 K in steps of 1 fs, ends with an error if a bond breaks.
"""

import sys
from pathlib import Path

import numpy as np

from openmm_innff import load_model
from openmm_innff.data import read_frames
from openmm_innff.model import Model
from openmm_innff.training.predict import predict

# isort: split
import openmm
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from openmm import app, unit

HERE = Path(__file__).parent
STEP = 1.0  # fs
LOOK = 500
"""Steps between two looks."""
BROKEN = 0.5
"""A bond is broken when it is this much longer than at first, angstrom."""
KCAL = 23.0605  # kcal/mol in an eV


def main() -> None:
    model = load_model(sys.argv[1])
    frames = read_frames(HERE / "fresh.xyz.gz")
    found = predict(model.potential, frames)
    energy = np.abs([e - frame.energy for e, frame in zip(found.energies, frames, strict=True)])
    force = [np.abs(f - g.forces).mean() for f, g in zip(found.forces, frames, strict=True)]
    print(
        f"{len(frames)} fresh structures: forces {1e3 * np.mean(force):.1f} meV/A, energy "
        f"{1e3 * energy.mean():.1f} meV or {KCAL * energy.mean():.2f} kcal/mol (MAE)"
    )
    start = Atoms(frames[0].numbers, frames[0].positions)
    for kelvin, picoseconds in ((600.0, 100.0), (300.0, 1000.0)):
        run(model, start, kelvin, picoseconds)


def run(model: Model, start: Atoms, kelvin: float, picoseconds: float) -> None:
    """Run dynamics and print temperature, the longest stretch of a bond, and speed."""
    topology = app.Topology()
    residue = topology.addResidue("PXY", topology.addChain())
    for symbol in start.get_chemical_symbols():
        topology.addAtom(symbol, app.Element.getBySymbol(symbol), residue)
    system = model.create_system(topology, mollified=False)
    integrator = openmm.LangevinMiddleIntegrator(
        kelvin * unit.kelvin, 1.0 / unit.picosecond, STEP * unit.femtosecond
    )
    integrator.setRandomNumberSeed(1)
    simulation = app.Simulation(
        topology, system, integrator, openmm.Platform.getPlatformByName("Reference")
    )
    context = simulation.context
    context.setPositions(start.positions * unit.angstrom)
    context.setVelocitiesToTemperature(kelvin * unit.kelvin, 1)
    still = any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())
    freedom = 3 * len(start) - 3 * still
    first, second = neighbor_list("ij", start, natural_cutoffs(start, mult=1.2))
    rest = np.linalg.norm(start.positions[first] - start.positions[second], axis=1)
    stretch, temperatures = 0.0, []
    for _ in range(round(1000.0 * picoseconds / STEP / LOOK)):
        integrator.step(LOOK)
        state = context.getState(positions=True, energy=True)
        x = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        longer = np.linalg.norm(x[first] - x[second], axis=1) - rest
        stretch = float(np.maximum(stretch, longer.max()))  # keeps a NaN
        kinetic = state.getKineticEnergy() / unit.MOLAR_GAS_CONSTANT_R / (0.5 * freedom)
        temperatures.append(kinetic.value_in_unit(unit.kelvin))
        if not stretch < BROKEN:
            sys.exit(f"{kelvin:g} K: a bond is broken after {len(temperatures) * LOOK} steps")
    mean = np.mean(temperatures[len(temperatures) // 10 :])
    print(
        f"{kelvin:g} K: {picoseconds:g} ps, mean {mean:.0f} K, longest stretch of a bond "
        f"{stretch:.2f} A: stable",
        flush=True,
    )


if __name__ == "__main__":
    main()
