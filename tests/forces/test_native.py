"""A bonded fast part as OpenMM's own forces against its torch form."""

import numpy as np
import pytest
import torch

# isort: split
import openmm
from ase.build import molecule
from openmm import unit

from openmm_innff.data import Frame
from openmm_innff.errors import BackendError
from openmm_innff.forces.native import make_native_forces
from openmm_innff.training.bonded import frame_bonds
from openmm_innff.units import EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM, EV_TO_KJ_PER_MOL
from tests.conftest import bonded_potential

TRICLINIC = np.array([[9.3, 0, 0], [2.0, 9.4, 0], [-3.0, 4.0, 9.5]])


def frame_of(name: str, water_box: Frame) -> Frame:
    if name == "ethanol":
        atoms = molecule("CH3CH2OH")
        zeros = np.zeros_like(atoms.positions)
        return Frame(atoms.numbers, atoms.positions, np.zeros((3, 3)), False, 0.0, zeros)
    cell = TRICLINIC if name == "triclinic water" else water_box.cell
    return Frame(
        water_box.numbers, water_box.positions, cell, True, 0.0, np.zeros_like(water_box.positions)
    )


@pytest.mark.parametrize("amount", [0.0, 0.2], ids=["inside the ranges", "outside"])
@pytest.mark.parametrize("name", ["water", "triclinic water", "ethanol"])
def test_native_forces_are_those_of_the_torch_form(water_box, name, amount):
    frame = frame_of(name, water_box)
    potential = bonded_potential([frame])
    shift = np.random.default_rng(0).normal(size=frame.positions.shape)
    positions = frame.positions + amount * shift
    bonds = frame_bonds(frame)
    torch_form = potential.evaluator("fast", frame.numbers, periodic=frame.periodic, bonds=bonds)
    energy, forces = torch_form(torch.from_numpy(positions), torch.tensor(frame.cell))

    system = openmm.System()
    for _ in frame.numbers:
        system.addParticle(1.0)
    for force in make_native_forces(potential, frame.numbers, bonds, periodic=frame.periodic):
        system.addForce(force)
    if frame.periodic:
        system.setDefaultPeriodicBoxVectors(*(0.1 * frame.cell))
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(0.1 * positions)
    state = context.getState(energy=True, forces=True)
    native = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    assert native / EV_TO_KJ_PER_MOL == pytest.approx(float(energy), rel=1e-8)
    found = state.getForces(asNumpy=True)._value / EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM
    scale = float(forces.abs().max())
    np.testing.assert_allclose(found / scale, forces.numpy() / scale, atol=1e-8)


def test_a_part_of_densities_cannot_be_native(tiny_potential):
    with pytest.raises(BackendError, match="needs a bonded fast part"):
        make_native_forces(tiny_potential, [8, 1, 1], [(0, 1), (0, 2)], periodic=False)
