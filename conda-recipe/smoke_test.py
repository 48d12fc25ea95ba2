"""Energy of a water box with the shipped model, part by part: the test of an installation."""

import math

import openmm
from openmm import unit

from openmm_innff import load_model
from openmm_innff.boxes import water_box

topology, positions = water_box(64)
system = load_model("water-pbe0").create_system(topology)
context = openmm.Context(system, openmm.VerletIntegrator(0.001))
context.setPositions(positions * 0.1)


def energy(groups: set[int] | int) -> float:
    """Potential energy of some force groups in kJ/mol."""
    state = context.getState(energy=True, groups=groups)
    return float(state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))


fast, slow, total = energy({0}), energy({1}), energy(-1)
print(f"fast {fast:.1f}, slow {slow:.1f}, total {total:.1f} kJ/mol")
if not math.isclose(fast + slow, total, rel_tol=1e-5) or not math.isfinite(total):
    raise SystemExit("the parts don't add up to the total")
