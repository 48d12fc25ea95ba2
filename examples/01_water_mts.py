"""Liquid water with multiple time steps, in plain OpenMM: a box, a System, an integrator.

About half a minute on two cores. For a run with checkpoints and a report: innff run water.
"""

import sys

from openmm.app import Simulation, StateDataReporter
from openmm.unit import angstrom, kelvin, picosecond

from openmm_innff import load_model
from openmm_innff.boxes import settle_classically, water_box

model = load_model("water-pbe0")
topology, positions = water_box(64)
positions = settle_classically(topology, positions)  # melt the lattice with a classical water

system = model.create_system(topology)  # fast part in force group 0, slow part in group 1
integrator = model.mts_integrator(system, 300 * kelvin, 1 / picosecond)

simulation = Simulation(topology, system, integrator)
simulation.context.setPositions(positions * angstrom)
simulation.minimizeEnergy(maxIterations=20)
simulation.context.setVelocitiesToTemperature(300 * kelvin, 1)
simulation.reporters.append(
    StateDataReporter(sys.stdout, 25, time=True, potentialEnergy=True, temperature=True, speed=True)
)
simulation.step(200)
