"""The shipped water model in dynamics: energy conservation and agreement with its own data."""

import numpy as np
import pytest
import torch

# isort: split
import openmm
from openmm import unit

from openmm_innff import load_model, mts_nve_integrator
from openmm_innff.boxes import settle_classically, water_box
from openmm_innff.data import read_frames
from openmm_innff.model import shipped_models
from openmm_innff.training.evaluate import evaluate
from openmm_innff.units import ANGSTROM_TO_NM, KJ_PER_MOL_TO_EV

pytestmark = pytest.mark.skipif(
    "water-pbe0" not in shipped_models(), reason="the package has no model water-pbe0"
)


@pytest.fixture(scope="module")
def model():
    return load_model("water-pbe0")


@pytest.fixture(scope="module")
def liquid():
    """64 waters, melted by a classical force field."""
    topology, positions = water_box(64, seed=1)
    return topology, settle_classically(topology, positions, seed=1)


def total_energy(context) -> float:
    state = context.getState(getEnergy=True)
    energy = state.getPotentialEnergy() + state.getKineticEnergy()
    return energy.value_in_unit(unit.kilojoule_per_mole) * KJ_PER_MOL_TO_EV


def equilibrated(model, system, positions, picoseconds):
    integrator = model.mts_integrator(system, 300.0, 5.0, 0.001, 0.0005, seed=1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(positions * ANGSTROM_TO_NM)
    openmm.LocalEnergyMinimizer.minimize(context, 50.0, 50)
    context.setVelocitiesToTemperature(300.0, 1)
    integrator.step(round(1000 * picoseconds))
    return context.getState(getPositions=True, getVelocities=True)


def energies_along(system, state, outer, inner, picoseconds, stride):
    """Total energy in meV per atom every ``stride`` outer steps at constant energy."""
    integrator = mts_nve_integrator(system, outer, inner)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    energies = []
    for _ in range(round(picoseconds / (stride * outer))):
        integrator.step(stride)
        energies.append(total_energy(context))
    return 1e3 * np.array(energies) / system.getNumParticles()


def test_energy_is_conserved_over_a_tenth_of_a_picosecond(model, liquid):
    topology, positions = liquid
    system = model.create_system(topology)
    state = equilibrated(model, system, positions, 0.05)
    energies = energies_along(system, state, 0.002, 0.0005, 0.1, 5)
    assert np.ptp(energies) < 1.0


@pytest.mark.slow
def test_energy_drift_of_multiple_time_steps(model, liquid):
    """Outer step 2 fs, inner step 0.5 fs: below 0.01 meV/atom/ps over 10 ps."""
    topology, positions = liquid
    system = model.create_system(topology)
    state = equilibrated(model, system, positions, 2.0)
    energies = energies_along(system, state, 0.002, 0.0005, 10.0, 10)
    times = 0.02 * np.arange(1, len(energies) + 1)
    assert abs(np.polyfit(times, energies, 1)[0]) < 0.01


def test_errors_on_the_validation_frames_are_those_of_the_card(model, data_folder):
    frames = read_frames(data_folder / "water_pbe0" / "water_pbe0_valid.xyz.gz", "::8")
    report = evaluate(model, frames, progress=False)
    force = report.metrics.forces.rmse
    assert force == pytest.approx(model.card.errors["valid_force_rmse_meV_per_A"], rel=0.1)
    assert force < 30.0


def test_atoms_pushed_together_are_driven_apart(model):
    """No holes: the energy of every pair rises towards short distances."""
    for pair in ((8, 8), (8, 1), (1, 1)):
        evaluator = model.potential.evaluator("total", pair, periodic=False, dtype=torch.float64)
        energies = [
            float(evaluator(torch.tensor([[0.0, 0, 0], [r, 0, 0]]), torch.zeros(3, 3))[0])
            for r in np.arange(0.7, 0.05, -0.05)
        ]
        assert (np.diff(energies) > 0.1).all()
