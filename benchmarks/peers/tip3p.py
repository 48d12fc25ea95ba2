"""OpenMM's own TIP3P without constraints, the classical floor; its CPU platform."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers.description import Array, Built, Model

ENVIRONMENT = ""
ANGSTROM = 0.1
"""In nanometre."""

_SIZES = "flexible TIP3P, PME, 0.9 nm, no constraints; CPU platform"
_LIST = "OpenMM's own, kept within its skin; its renewals are in the steps"
_SOURCE = "amber14/tip3p.xml of OpenMM"
_STEPS = 50

MODELS = {
    "tip3p": Model("OpenMM TIP3P, getState", _SIZES, _SOURCE, _LIST, {"steps": 0}),
    "tip3p-steps": Model(
        "OpenMM TIP3P, a step of dynamics", _SIZES, _SOURCE, _LIST, {"steps": _STEPS}
    ),
}


def versions() -> dict[str, str]:
    import openmm.app  # noqa: F401

    return {"openmm": version("openmm")}


def build(model: Model, numbers: list[int], positions: Array, box: Array | None) -> Built:
    import openmm
    from openmm import unit

    system, note = _system(numbers, box)
    platform = openmm.Platform.getPlatformByName("CPU")  # Threads: from OPENMM_CPU_THREADS
    context = openmm.Context(system, openmm.VerletIntegrator(0.0005), platform)
    context.setPositions(positions * ANGSTROM)
    context.setVelocitiesToTemperature(300.0, 1)
    steps = model.options["steps"]

    def call(positions: Array) -> tuple[float, Array]:
        if steps:
            context.getIntegrator().step(steps)
        else:
            context.setPositions(positions * ANGSTROM)
        # Of several steps one state is read, so that a crashed run doesn't pass for a fast one.
        state = context.getState(energy=True, forces=True)
        energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        return energy, state.getForces(asNumpy=True)._value

    return Built(call, 0, per_call=max(steps, 1), note=note)


def _system(numbers: list[int], box: Array | None) -> tuple[Any, str]:
    from openmm import app

    from openmm_innff.boxes import water_topology

    if box is None:
        pdb = app.PDBFile(str(Path(__file__).with_name("alanine.pdb")))
        field = app.ForceField("amber14-all.xml")
        return field.createSystem(
            pdb.topology, nonbondedMethod=app.NoCutoff, constraints=None
        ), "amber14 without cutoff"
    edge = float(box[0, 0])
    cutoff = min(9.0, 0.48 * edge)
    system = app.ForceField("amber14/tip3p.xml").createSystem(
        water_topology(len(numbers) // 3, edge),
        nonbondedMethod=app.PME,
        nonbondedCutoff=cutoff * ANGSTROM,
        constraints=None,
        rigidWater=False,
    )
    return system, "" if cutoff == 9.0 else f"cutoff {cutoff * ANGSTROM:.2f} nm, what the box holds"
