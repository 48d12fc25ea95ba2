"""Does the speed last? Nanoseconds a day, memory and energy drift of a long run of water.

    python benchmarks/endurance.py --length 100 --threads 1

NVE with steps of 0.5 and 2 fs, 64 waters, reported every tenth of the run. Writes
endurance.md.
"""

import argparse
import platform
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

# isort: split
import openmm
from openmm import unit
from openmm.app import Simulation

from openmm_innff import load_model, mts_nve_integrator
from openmm_innff.boxes import water_box

OUTPUT = Path(__file__).with_suffix(".md")
PARTS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=float, default=100.0, help="picoseconds")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    simulation = start()
    steps = round(1000 * arguments.length / 2.0 / PARTS)
    lines = [
        f"{date.today()}; water-pbe0, 192 atoms, NVE, 0.5/2 fs, {arguments.threads} threads of "
        f"{platform.processor() or platform.machine()}, openmm {version('openmm')}, "
        f"openmm-innff {version('openmm-innff')}",
        "",
        "| ps | ns/day | resident MB | total energy kJ/mol | T K |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    print("\n".join(lines), flush=True)
    for part in range(PARTS):
        begin = time.perf_counter()
        simulation.step(steps)
        speed = 2e-6 * steps / (time.perf_counter() - begin) * 86400
        lines.append(row(simulation, (part + 1) * arguments.length / PARTS, speed))
        print(lines[-1], flush=True)
    OUTPUT.write_text("# Endurance\n\n" + "\n".join(lines) + "\n")


def start() -> Any:
    """Return a simulation of a relaxed box that has been heated for one picosecond."""
    model = load_model("water-pbe0")
    topology, positions = water_box(64)
    system = model.create_system(topology)
    heating = model.mts_integrator(system, 300 * unit.kelvin, 10 / unit.picosecond)
    first = Simulation(topology, system, heating, openmm.Platform.getPlatformByName("CPU"))
    first.context.setPositions(positions * unit.angstrom)
    first.minimizeEnergy(maxIterations=50)
    first.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    first.step(500)
    state = first.context.getState(positions=True, velocities=True)
    nve = mts_nve_integrator(system, 2 * unit.femtosecond, 0.5 * unit.femtosecond)
    simulation = Simulation(topology, system, nve, openmm.Platform.getPlatformByName("CPU"))
    simulation.context.setState(state)
    simulation.step(50)
    return simulation


def row(simulation: Any, time_ps: float, speed: float) -> str:
    state = simulation.context.getState(energy=True)
    kinetic = state.getKineticEnergy()
    energy = (kinetic + state.getPotentialEnergy()).value_in_unit(unit.kilojoule_per_mole)
    freedom = 3 * simulation.system.getNumParticles() - 3
    temperature = 2 * kinetic / (freedom * unit.MOLAR_GAS_CONSTANT_R)
    return (
        f"| {time_ps:.0f} | {speed:.2f} | {resident_mb():.0f} | {energy:.2f} "
        f"| {temperature.value_in_unit(unit.kelvin):.0f} |"
    )


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    main()
