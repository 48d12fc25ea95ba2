"""Uncertainties by a committee of last layers: against autograd, exact covariances, invariances."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from openmm_innff.engine.library import library
from openmm_innff.errors import ConfigError
from openmm_innff.neighbors import find_pairs
from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig
from openmm_innff.potential.committee import Committee
from openmm_innff.potential.last_layer import count, last_layers
from openmm_innff.potential.projections import projections
from openmm_innff.potential.uncertainty import Uncertainty, UncertaintyEvaluator
from tests.conftest import bonded_potential

SMALL = {"channels": 4, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
WHOLE = PotentialConfig(
    ("H", "O"),
    ComponentConfig(cutoff=2.5, **SMALL),
    ComponentConfig(cutoff=4.0, messages=3, **SMALL),
    distilled=True,
)
BONDS = [(3 * m, 3 * m + k) for m in range(27) for k in (1, 2)]


@pytest.fixture(params=["additive", "distilled, two layers", "bonded"])
def potential(request, tiny_config, water_box) -> Potential:
    if request.param == "bonded":
        made = bonded_potential([water_box])
    else:
        made = Potential(tiny_config if request.param == "additive" else WHOLE, seed=1)
    return made.double()


def made_up(potential: Potential, draws: Tensor, **changes: object) -> Uncertainty:
    """An uncertainty with given draws; nothing is outside."""
    size = sum(
        readout.functions.numel()
        for component in potential.components("total")
        for readout in (component.all_readouts() if hasattr(component, "readout") else [])
    )
    ends = torch.full((size,), torch.inf)
    known = Uncertainty(draws, 1.0, 1.0, -ends, ends, largest=1.0)
    return replace(known, **changes)


def random_weights(potential: Potential, members: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = members, count(last_layers(potential))
    return torch.randn(size, generator=generator, dtype=torch.float64)


def evaluate(potential: Potential, frame) -> tuple[float, np.ndarray]:
    evaluator = potential.evaluator(
        "total", frame.numbers, periodic=True, dtype=torch.float64, bonds=BONDS
    )
    energy, forces = evaluator(torch.tensor(frame.positions), torch.tensor(frame.cell))
    return float(energy), forces.numpy()


def added_to_the_weights(potential: Potential, weights: Tensor) -> Potential:
    moved = copy.deepcopy(potential)
    parameters = last_layers(moved)
    with torch.no_grad():
        for parameter, part in zip(
            parameters, weights.split([p.numel() for p in parameters]), strict=True
        ):
            parameter += part.reshape(parameter.shape)
    return moved


def doubts_of(potential, known, frame, members, **options):
    made = UncertaintyEvaluator(
        potential, known, frame.numbers, periodic=True, members=members, bonds=BONDS, **options
    )
    return made(frame.positions, frame.cell)


def test_a_member_is_what_other_weights_add_to_the_potential(potential, water_box) -> None:
    weights = random_weights(potential, 1)
    found = doubts_of(potential, made_up(potential, weights), water_box, 1)
    before = evaluate(potential, water_box)
    after = evaluate(added_to_the_weights(potential, weights[0]), water_box)
    change = after[1] - before[1]
    assert found.energy == pytest.approx(abs(after[0] - before[0]), rel=1e-9)
    assert np.allclose(found.forces, np.sqrt((change**2).mean(1)), rtol=1e-9)


def test_deviations_are_those_of_the_covariance_of_the_weights(water_box) -> None:
    potential = Potential(WHOLE, seed=1).double()
    size = count(last_layers(potential))
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(size, size, generator=generator, dtype=torch.float64) / size**0.5
    members = 400
    draws = random_weights(potential, members, seed=1) @ root.T
    found = doubts_of(potential, made_up(potential, draws), water_box, members)

    # phi, the derivative of the energy by the weights, from the energy of unit weights.
    committee = Committee(potential, torch.eye(size, dtype=torch.float64))
    order = torch.argsort(potential.species_index(water_box.numbers), stable=True)
    positions = torch.tensor(water_box.positions)[order]
    pairs = find_pairs(positions, torch.tensor(water_box.cell), True, 4.0)
    species = potential.species_index(water_box.numbers)[order]
    energies, forces = committee.evaluate(positions, species, [pairs])
    exact = (root.T @ energies.sum(1)).norm()
    assert found.energy == pytest.approx(float(exact), rel=4.0 / (2 * members) ** 0.5)
    components = torch.einsum("dc,dnx->cnx", root, forces)
    by_atom = components.square().sum(0).mean(1).sqrt()
    assert np.allclose(found.forces[order], by_atom, rtol=0.2)


def test_scales_multiply(water_box) -> None:
    potential = Potential(WHOLE, seed=1)
    known = made_up(potential, random_weights(potential, 2))
    plain = doubts_of(potential, known, water_box, 2)
    scaled = doubts_of(potential, replace(known, energy_scale=3.0, force_scale=5.0), water_box, 2)
    assert scaled.energy == pytest.approx(3.0 * plain.energy)
    assert np.allclose(scaled.energies, 3.0 * plain.energies)
    assert np.allclose(scaled.forces, 5.0 * plain.forces)


@pytest.mark.skipif(library() is None, reason="the compiled engine was not built")
def test_engines_agree(potential, water_box) -> None:
    known = made_up(potential, random_weights(potential, 2))
    one, other = (
        doubts_of(potential, known, water_box, 2, engine=engine) for engine in ("torch", "compiled")
    )
    assert one.energy == pytest.approx(other.energy, rel=1e-9)
    assert np.allclose(one.energies, other.energies, rtol=1e-8)
    assert np.allclose(one.forces, other.forces, rtol=1e-8)


def typical_range(potential: Potential, frame) -> tuple[Tensor, Tensor]:
    """The middle nine tenths of the arguments that a frame gives each interpolant."""
    species = potential.species_index(frame.numbers)
    order = torch.argsort(species, stable=True)
    positions = torch.tensor(frame.positions)[order]
    component = potential.slow
    pairs = find_pairs(positions, torch.tensor(frame.cell), True, component.cutoff)
    seen = projections(component, positions, pairs, species[order])
    ends = [
        torch.quantile(values, torch.tensor([0.05, 0.95], dtype=values.dtype), dim=0)
        for layer in seen
        for values in layer
    ]
    low, high = torch.stack(ends).unbind(1)
    return low.reshape(-1), high.reshape(-1)


def test_nothing_depends_on_order_image_or_orientation(water_box) -> None:
    potential = Potential(WHOLE, seed=1).double()
    low, high = typical_range(potential, water_box)
    known = made_up(potential, random_weights(potential, 3), low=low, high=high)
    wanted = doubts_of(potential, known, water_box, 3)
    arguments = len(water_box) * 2 * SMALL["projections"]
    assert 0.05 * arguments < wanted.outside.sum() < 0.15 * arguments
    assert wanted.outside.min() == 0

    random = np.random.default_rng(3)
    order = random.permutation(len(water_box))
    images = random.integers(-2, 3, water_box.positions.shape) @ water_box.cell
    third = np.roll(np.eye(3), 1, axis=0)  # a third of a turn, under which a cube is the same
    moved = replace(
        water_box,
        numbers=water_box.numbers[order],
        positions=((water_box.positions + images + 0.3) @ third)[order],
        forces=water_box.forces[order],
    )
    found = doubts_of(potential, known, moved, 3)
    assert found.energy == pytest.approx(wanted.energy, rel=1e-9)
    assert np.allclose(found.energies, wanted.energies[order], rtol=1e-8)
    assert np.allclose(found.forces, wanted.forces[order], rtol=1e-8)
    assert (found.outside == wanted.outside[order]).all()


def test_what_does_not_fit_is_an_error(water_box) -> None:
    potential = Potential(WHOLE, seed=1)
    known = made_up(potential, random_weights(potential, 2))
    with pytest.raises(ConfigError, match="members: wanted 1 to 2, found 3"):
        doubts_of(potential, known, water_box, 3)
    with pytest.raises(ConfigError, match="wanted that of this potential"):
        doubts_of(potential, replace(known, draws=known.draws[:, 1:]), water_box, 1)
    made = UncertaintyEvaluator(potential, known, water_box.numbers, periodic=True, members=1)
    with pytest.raises(RuntimeError, match="box: wanted a width"):
        made(water_box.positions, 5.0 * np.eye(3))
