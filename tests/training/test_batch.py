"""Batches of frames, and forces that can be trained on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from openmm_innff.data import Frame
from openmm_innff.engine.library import library
from openmm_innff.neighbors import find_pairs, first_atoms
from openmm_innff.training.batch import MARGIN, collate, make_batch
from openmm_innff.training.config import SmoothnessConfig
from openmm_innff.training.losses import batch_loss, evaluate_batch, thermal_shifts
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, KB_EV_PER_K

PARTS = ("fast", "slow")
ENGINES = [
    "torch",
    pytest.param(
        "compiled",
        marks=pytest.mark.skipif(library() is None, reason="the compiled engine was not built"),
    ),
]


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


def vectors_within(pairs, positions, cutoff: float) -> torch.Tensor:
    """All pairs closer than the cutoff as rows first, second, vector, in a canonical order."""
    first = first_atoms(pairs)
    vectors = positions[pairs.second] - positions[first] + pairs.offsets
    rows = torch.column_stack([first, pairs.second, vectors])[vectors.norm(dim=1) < cutoff]
    order = np.lexsort(rows.numpy().round(6).T[::-1])
    return rows[torch.from_numpy(order)]


@pytest.mark.parametrize("part", PARTS)
def test_displaced_atoms_have_displaced_vectors(double, water_box, part):
    """The lists hold a margin: frames may be displaced by half of it without a new search."""
    batch = batch_of(double, water_box)
    random = torch.Generator().manual_seed(0)
    shifts = torch.rand(batch.positions.shape, generator=random, dtype=torch.float64) - 0.5
    moved = batch.positions + MARGIN / 3**0.5 * shifts
    cutoff = double.cutoff(part)
    anew = find_pairs(moved, torch.from_numpy(water_box.cell), True, cutoff)
    found = vectors_within(getattr(batch, part), moved, cutoff)
    torch.testing.assert_close(found, vectors_within(anew, moved, cutoff), atol=1e-12, rtol=0)


def test_joined_lists_connect_atoms_of_one_frame_only(double, water_box, small_frame):
    singles = [batch_of(double, frame) for frame in (small_frame, water_box, small_frame)]
    joined = collate(singles)
    assert joined.sizes.tolist() == [4, 81, 4]
    assert torch.bincount(joined.frame).tolist() == [4, 81, 4]
    for part in PARTS:
        pairs, parts = getattr(joined, part), [getattr(single, part) for single in singles]
        assert torch.equal(joined.frame[first_atoms(pairs)], joined.frame[pairs.second])
        assert len(pairs.second) == sum(len(item.second) for item in parts)
        for k, single in enumerate(singles):
            own = torch.where(joined.frame == k)[0]
            torch.testing.assert_close(joined.positions[own], single.positions)
            assert torch.equal(joined.species[own], single.species)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_atom_alone_and_a_frame_without_pairs_take_part(double, small_frame, engine):
    alone = replace(
        small_frame, numbers=np.array([1]), positions=np.zeros((1, 3)), forces=np.zeros((1, 3))
    )
    singles = [batch_of(double, frame) for frame in (alone, small_frame)]
    energy, forces, _ = evaluate_batch(double, collate(singles), PARTS, False, engine)
    separate = [evaluate_batch(double, single, PARTS, False, engine) for single in singles]
    torch.testing.assert_close(energy, torch.cat([item[0] for item in separate]))
    assert separate[0][1].abs().max() == 0.0
    assert torch.isfinite(forces).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_gradient_of_the_force_loss_agrees_with_finite_differences(double, small_frame, engine):
    batch = batch_of(double, small_frame)
    smoothness = SmoothnessConfig(weight=1.0)
    weight = double.slow.mixing.radial

    def loss() -> torch.Tensor:
        generator = torch.Generator().manual_seed(3)
        terms = batch_loss(double, batch, PARTS, smoothness, generator, engine)
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


def test_thermal_shifts_are_those_of_a_seed_and_longer_for_lighter_atoms(double, water_box):
    batch = collate([batch_of(double, water_box)] * 10)
    smoothness = SmoothnessConfig(tau_fs=2.0, temperature=300.0)
    first, again = (
        thermal_shifts(batch, smoothness, torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert torch.equal(first, again)
    light, heavy = (first[batch.species == s].square().mean().sqrt() for s in (0, 1))
    assert float(light / heavy) == pytest.approx((15.999 / 1.008) ** 0.5, rel=0.1)


def test_thermal_shifts_follow_maxwell_and_boltzmann(double, water_box):
    batch = collate([batch_of(double, water_box)] * 40)
    smoothness = SmoothnessConfig(tau_fs=2.0, temperature=300.0)
    shifts = thermal_shifts(batch, smoothness, torch.Generator().manual_seed(0))
    kinetic = batch.masses * AMU_A2_PER_FS2_TO_EV * (shifts / 2.0).square().mean(1)
    error = kinetic.std() / len(kinetic) ** 0.5
    assert abs(kinetic.mean() - KB_EV_PER_K * 300.0) < 4 * error
