"""Batches of frames, and forces that can be trained on."""

import numpy as np
import pytest
import torch

from openmm_innff.data import Frame
from openmm_innff.training.batch import collate, make_batch
from openmm_innff.training.config import SmoothnessConfig
from openmm_innff.training.losses import batch_loss, evaluate_batch, thermal_shifts
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, KB_EV_PER_K

PARTS = ("fast", "slow")


def batch_of(potential, frame: Frame):
    masses = torch.tensor(np.where(frame.numbers == 1, 1.008, 15.999))
    return make_batch(potential, frame, masses, torch.float64)


@pytest.fixture
def double(tiny_potential):
    return tiny_potential.double()


@pytest.fixture
def small_frame() -> Frame:
    return Frame(
        numbers=np.array([8, 1, 1, 1]),
        positions=np.array([[0.0, 0, 0], [0.97, 0, 0], [-0.3, 0.9, 0], [1.8, 0.1, 0.4]]),
        cell=np.zeros((3, 3)),
        periodic=False,
        energy=-470.0,
        forces=np.ones((4, 3)),
    )


def test_a_batch_agrees_with_the_evaluator(double, water_box):
    energy, forces, slow = evaluate_batch(double, batch_of(double, water_box), PARTS, False)
    box = torch.from_numpy(water_box.cell)
    positions = torch.from_numpy(water_box.positions)
    order = torch.argsort(double.species_index(water_box.numbers), stable=True)
    for part, found in (("total", forces), ("slow", slow)):
        evaluator = double.evaluator(part, water_box.numbers, periodic=True, dtype=torch.float64)
        expected = evaluator(positions, box)
        torch.testing.assert_close(found, expected[1][order], atol=1e-6, rtol=0)
        if part == "total":
            torch.testing.assert_close(energy.detach()[0], expected[0], atol=1e-6, rtol=0)


def test_joined_frames_of_different_sizes_keep_their_numbers(double, water_box, small_frame):
    singles = [batch_of(double, frame) for frame in (water_box, small_frame, water_box)]
    joined = collate(singles)
    assert (joined.species.diff() >= 0).all()
    energy, forces, slow = evaluate_batch(double, joined, PARTS, False)
    separate = [evaluate_batch(double, batch, PARTS, False) for batch in singles]
    torch.testing.assert_close(energy, torch.cat([item[0] for item in separate]))
    for k, item in enumerate(separate):
        torch.testing.assert_close(forces[joined.frame == k], item[1])
        torch.testing.assert_close(slow[joined.frame == k], item[2])


def test_gradient_of_the_force_loss_agrees_with_finite_differences(double, small_frame):
    batch = batch_of(double, small_frame)
    smoothness = SmoothnessConfig(weight=1.0)
    weight = double.slow.mixing.radial

    def loss() -> torch.Tensor:
        generator = torch.Generator().manual_seed(3)
        terms = batch_loss(double, batch, PARTS, smoothness, generator)
        return terms.force + terms.energy + 100.0 * terms.change

    gradient = torch.autograd.grad(loss(), weight)[0]
    step = 1e-5
    for index in ((0, 0, 3), (2, 1, 5)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[index] += sign * step
            values.append(float(loss().detach()))
            with torch.no_grad():
                weight[index] -= sign * step
        slope = (values[0] - values[1]) / (2 * step)
        assert float(gradient[index]) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_thermal_shifts_follow_maxwell_and_boltzmann(double, water_box):
    batch = collate([batch_of(double, water_box)] * 40)
    smoothness = SmoothnessConfig(tau_fs=2.0, temperature=300.0)
    shifts = thermal_shifts(batch, smoothness, torch.Generator().manual_seed(0))
    kinetic = batch.masses * AMU_A2_PER_FS2_TO_EV * (shifts / 2.0).square().mean(1)
    error = kinetic.std() / len(kinetic) ** 0.5
    assert abs(kinetic.mean() - KB_EV_PER_K * 300.0) < 4 * error
