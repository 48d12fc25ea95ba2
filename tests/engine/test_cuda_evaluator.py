"""The evaluator for CUDA on the CPU, by autograd; interpreted.py has the kernels' side of it."""

import pytest
import torch

from openmm_innff.engine.cuda_evaluator import CudaEvaluator
from openmm_innff.neighbors import find_pairs
from openmm_innff.potential.folded import core_of, fold, shape_of

CPU = torch.device("cpu")


@pytest.fixture
def component(tiny_potential):
    return tiny_potential.double().fast.requires_grad_(False)


@pytest.fixture
def water(water_box):
    return torch.tensor(water_box.positions), torch.tensor(water_box.cell)


def make(component, periodic=True, skin=0.4, device=CPU, **options):
    species = torch.tensor([1, 0, 0] * 27)
    given = (shape_of(component), fold(component), core_of(component), species, periodic, skin)
    return CudaEvaluator(*given, device, **options)


def expected(component, positions, box, periodic=True):
    order = torch.argsort(torch.tensor([1, 0, 0] * 27), stable=True)
    here = positions[order].requires_grad_()
    pairs = find_pairs(here.detach(), box, periodic, component.cutoff)
    species = torch.tensor([0] * 54 + [1] * 27)
    energy = component(here, pairs, species, [54, 27]).sum()
    (gradient,) = torch.autograd.grad(energy, here)
    return energy.detach(), torch.zeros_like(gradient).index_copy(0, order, -gradient)


@pytest.mark.parametrize("periodic", [True, False])
def test_energy_and_forces_are_those_of_the_component(component, water, periodic):
    positions, box = water
    positions[1] = positions[0] + 0.6 * (positions[1] - positions[0])  # within the core
    found = make(component, periodic)(positions, box)
    for a, b in zip(found, expected(component, positions, box, periodic), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_the_list_lasts_until_an_atom_moved_half_the_skin(component, water):
    positions, box = water
    evaluator = make(component)
    evaluator(positions, box)
    evaluator(positions + 0.02, box)
    evaluator(positions, box)
    assert (evaluator.pairs.rebuilds, evaluator.evaluations) == (1, 3)


def test_a_steady_motion_wastes_no_evaluation(component, water):
    positions, box = water
    evaluator = make(component)
    for step in range(12):
        positions[0, 0] += 0.05
        found = evaluator(positions, box)
        for a, b in zip(found, expected(component, positions, box), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
        assert evaluator.evaluations == step + 1
    assert 2 < evaluator.pairs.rebuilds < 6


def test_after_a_jump_the_step_is_done_again(component, water):
    positions, box = water
    evaluator = make(component)
    evaluator(positions, box)
    jumped = positions.roll(9, 0)
    found = evaluator(jumped, box)
    for a, b in zip(found, expected(component, jumped, box), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    assert (evaluator.pairs.rebuilds, evaluator.evaluations) == (2, 3)


def test_a_changed_box_renews_the_list(component, water):
    positions, box = water
    evaluator = make(component)
    evaluator(positions, box)
    found = evaluator(1.01 * positions, 1.01 * box)
    for a, b in zip(found, expected(component, 1.01 * positions, 1.01 * box), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_a_denser_system_gets_a_larger_list(component, water):
    positions, box = water
    evaluator = make(component, skin=1.5)
    evaluator(3.0 * positions, 3.0 * box)
    generation, capacity = evaluator.pairs.generation, len(evaluator.pairs.second)
    found = evaluator(positions, box)
    assert evaluator.pairs.generation > generation
    assert len(evaluator.pairs.second) > capacity
    for a, b in zip(found, expected(component, positions, box), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_results_are_not_overwritten_by_the_next_step(component, water):
    positions, box = water
    evaluator = make(component)
    _, forces = evaluator(positions, box)
    kept = forces.clone()
    evaluator(positions + 0.01 * torch.eye(3, dtype=torch.float64).repeat(27, 1), box)
    assert torch.equal(forces, kept)


def test_faults_are_named(component, water):
    positions, box = water
    evaluator = make(component)
    with pytest.raises(RuntimeError, match="twice the cutoff"):
        evaluator(positions, 0.3 * box)
    evaluator(positions, box)
    positions[7, 1] = float("nan")
    with pytest.raises(RuntimeError, match="NaN or inf at atom 7"):
        evaluator(positions, box)
    with pytest.raises(ValueError, match="positions: wanted shape"):
        evaluator(positions[:5], box)


def test_unknown_methods_are_refused(component):
    with pytest.raises(ValueError, match="method: wanted auto or one of"):
        make(component, method="fast")
    with pytest.raises(ValueError, match="graph works on CUDA only"):
        make(component, method="graph")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", ["torch", "triton", "graph"])
def test_cuda_gives_the_same_numbers(component, water, method):
    positions, box = (t.cuda() for t in water)
    evaluator = make(component, device=torch.device("cuda"), method=method)
    for step in range(6):
        here = positions.clone()
        here[0] += 0.08 * step
        found = evaluator(here, box)
        reference = expected(component, here.cpu(), box.cpu())
        for a, b in zip(found, reference, strict=True):
            torch.testing.assert_close(a.cpu(), b, rtol=1e-9, atol=1e-8)
