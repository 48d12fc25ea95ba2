"""Physics of the potential, by evidence, for each part."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.data import chemical_symbols

from openmm_innff.data import Frame
from openmm_innff.engine.library import library
from openmm_innff.errors import ConfigError, UnsupportedElementError
from openmm_innff.potential import (
    PARTS,
    ComponentConfig,
    EquivariantConfig,
    Potential,
    PotentialConfig,
)

CUBIC = 9.3 * torch.eye(3, dtype=torch.float64)
TRICLINIC = torch.tensor([[9.3, 0, 0], [2.0, 9.4, 0], [-3.0, 4.0, 9.5]], dtype=torch.float64)


def evaluate(potential, frame, part="total", positions=None, box=None, **options):
    """Energy (eV) and forces (eV/A) in double precision unless said otherwise."""
    options = {"periodic": True, "dtype": torch.float64, **options}
    evaluator = potential.evaluator(part, frame.numbers, **options)
    where = torch.from_numpy(frame.positions) if positions is None else positions
    return evaluator(where, CUBIC if box is None else box)


@pytest.fixture(params=["torch", "compiled"], autouse=True)
def engine(request, monkeypatch) -> str:
    """Make the engine that "auto" stands for one and then the other."""
    if request.param == "compiled" and library() is None:
        pytest.skip("the compiled engine was not built")
    plain = Potential.evaluator

    def chosen(self, *arguments, **options):
        return plain(self, *arguments, **{"engine": request.param, **options})

    monkeypatch.setattr(Potential, "evaluator", chosen)
    return request.param


def age_of_list(component) -> object:
    """What changes whenever the list of a component is renewed."""
    if component.compiled:
        return component.compiled_object().rebuilds
    return tuple(component.list_positions.flatten().tolist())


KINDS = ["one layer", "vectors", "scalars", "distilled", "equivariant", "distilled equivariant"]


@pytest.fixture(params=KINDS)
def tiny_potential(request, tiny_config) -> Potential:
    """A potential whose slow part has one layer, or two, or is the difference of components."""
    config = tiny_config
    if request.param in ("vectors", "scalars"):
        vectors = request.param == "vectors"
        slow = replace(config.slow, messages=3, vectors=vectors, message_cutoff=3.5)
        config = replace(config, slow=slow)
    if "distilled" in request.param:
        config = replace(config, distilled=True)
    if "equivariant" in request.param:
        small = {"nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
        slow = EquivariantConfig(cutoff=4.0, channels=4, features=4, **small)
        config = replace(config, slow=slow)
    potential = Potential(config, seed=1)
    if "equivariant" in request.param:
        potential.slow.messages.scale.fill_(0.1)
        return potential
    for layer in potential.slow.layers:
        layer.message_norms.fill_(0.1)
        layer.path_norms.fill_(0.3)
    return potential


@pytest.fixture
def positions(water_box: Frame) -> torch.Tensor:
    return torch.from_numpy(water_box.positions)


@pytest.mark.parametrize("box", [CUBIC, TRICLINIC], ids=["cubic", "triclinic"])
@pytest.mark.parametrize("part", PARTS)
def test_forces_are_finite_differences_of_the_energy(tiny_potential, water_box, part, box):
    forces = evaluate(tiny_potential, water_box, part, box=box)[1]
    step = 1e-4
    for atom, axis in ((0, 0), (1, 2), (40, 1)):
        energies = []
        for sign in (1, -1):
            moved = torch.from_numpy(water_box.positions).clone()
            moved[atom, axis] += sign * step
            energies.append(evaluate(tiny_potential, water_box, part, moved, box)[0])
        slope = -(energies[0] - energies[1]) / (2 * step)
        assert forces[atom, axis] == pytest.approx(float(slope), abs=1e-6)


def test_fast_and_slow_add_up_to_the_total(tiny_potential, water_box):
    parts = {part: evaluate(tiny_potential, water_box, part) for part in PARTS}
    for k in range(2):
        torch.testing.assert_close(parts["fast"][k] + parts["slow"][k], parts["total"][k])


@pytest.mark.parametrize("part", PARTS)
def test_rotation_translation_and_permutation(tiny_potential, water_box, positions, part):
    isolated = {"periodic": False}
    energy, forces = evaluate(tiny_potential, water_box, part, **isolated)
    turn, _ = torch.linalg.qr(
        torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )
    moved = evaluate(tiny_potential, water_box, part, positions @ turn.T + 100.0, **isolated)
    torch.testing.assert_close(moved[0], energy)
    torch.testing.assert_close(moved[1], forces @ turn.T, atol=1e-9, rtol=0)

    order = torch.randperm(len(positions), generator=torch.Generator().manual_seed(0))
    evaluator = tiny_potential.evaluator(
        part, water_box.numbers[order], dtype=torch.float64, **isolated
    )
    permuted = evaluator(positions[order], CUBIC)
    torch.testing.assert_close(permuted[0], energy)
    torch.testing.assert_close(permuted[1], forces[order], atol=1e-10, rtol=0)


def test_forces_add_up_to_zero(tiny_potential, water_box):
    assert evaluate(tiny_potential, water_box)[1].sum(0).abs().max() < 1e-10


@pytest.mark.parametrize("box", [CUBIC, TRICLINIC], ids=["cubic", "triclinic"])
def test_atoms_may_lie_in_any_image(tiny_potential, water_box, positions, box):
    images = torch.randint(-3, 4, positions.shape, generator=torch.Generator().manual_seed(0))
    energy, forces = evaluate(tiny_potential, water_box, box=box)
    moved = evaluate(
        tiny_potential, water_box, positions=positions + images.double() @ box, box=box
    )
    torch.testing.assert_close(moved[0], energy)
    torch.testing.assert_close(moved[1], forces, atol=1e-9, rtol=0)


def test_doubling_the_box_doubles_the_energy(tiny_potential, water_box, positions):
    energy, forces = evaluate(tiny_potential, water_box)
    evaluator = tiny_potential.evaluator(
        "total", np.tile(water_box.numbers, 2), periodic=True, dtype=torch.float64
    )
    doubled = torch.cat([positions, positions + CUBIC[0]])
    twice = evaluator(doubled, CUBIC * torch.tensor([[2.0], [1.0], [1.0]], dtype=torch.float64))
    torch.testing.assert_close(twice[0], 2 * energy)
    torch.testing.assert_close(twice[1], forces.repeat(2, 1), atol=1e-9, rtol=0)


def test_separate_molecules_do_not_interact(tiny_potential, positions):
    one = tiny_potential.evaluator("total", [8, 1, 1], periodic=False, dtype=torch.float64)
    two = tiny_potential.evaluator("total", [8, 1, 1] * 2, periodic=False, dtype=torch.float64)
    far = torch.cat([positions[:3], positions[:3] + 50.0])
    torch.testing.assert_close(two(far, CUBIC)[0], 2 * one(positions[:3], CUBIC)[0])


@pytest.mark.parametrize(("part", "cutoff"), [("fast", 2.5), ("slow", 4.0)])
def test_energy_force_and_curvature_are_continuous_at_the_cutoff(tiny_potential, part, cutoff):
    evaluator = tiny_potential.evaluator(part, [8, 1], periodic=False, dtype=torch.float64)

    def at(r: float) -> tuple[float, float]:
        points = torch.tensor([[0.0, 0, 0], [r, 0, 0]], dtype=torch.float64)
        energy, forces = evaluator(points, CUBIC)
        return float(energy), float(forces[1, 0])

    h = 1e-4
    apart = at(cutoff + 1.0)
    assert at(cutoff + 1e-9) == apart
    assert at(cutoff - h) == pytest.approx(apart, abs=1e-6)
    curvature = (at(cutoff - h)[1] - at(cutoff - 2 * h)[1]) / h
    assert abs(curvature) < 1e-2


def test_bringing_nuclei_together_is_repulsive(tiny_potential):
    evaluator = tiny_potential.evaluator("fast", [8, 8], periodic=False, dtype=torch.float64)
    energies = [
        float(evaluator(torch.tensor([[0.0, 0, 0], [r, 0, 0]], dtype=torch.float64), CUBIC)[0])
        for r in (0.05, 0.1, 0.2, 0.3, 0.4)
    ]
    assert energies == sorted(energies, reverse=True)
    assert energies[0] > 1000.0


def test_coincident_atoms_give_finite_numbers(tiny_potential):
    evaluator = tiny_potential.evaluator("total", [8, 1], periodic=False)
    energy, forces = evaluator(torch.zeros(2, 3), CUBIC)
    assert math.isfinite(energy)
    assert torch.isfinite(forces).all()


def test_an_atom_without_neighbours_and_an_empty_table(tiny_potential):
    evaluator = tiny_potential.evaluator("total", [8], periodic=False)
    energy, forces = evaluator(torch.zeros(1, 3), CUBIC)
    assert math.isfinite(energy)
    assert forces.abs().max() == 0.0


def test_scripted_equals_eager(tiny_potential, water_box, positions):
    evaluator = tiny_potential.evaluator("total", water_box.numbers, periodic=True)
    scripted = torch.jit.script(evaluator)
    for k in range(3):  # later calls run optimised code and reuse the table
        moved = positions + 0.01 * k
        expected, found = evaluator(moved, CUBIC), scripted(moved, CUBIC)
        torch.testing.assert_close(found[0], expected[0], rtol=1e-6, atol=0)
        torch.testing.assert_close(found[1], expected[1], rtol=0, atol=1e-5)


def test_pickled_evaluator_gives_the_same_numbers(tiny_potential, water_box, positions):
    evaluator = tiny_potential.evaluator("total", water_box.numbers, periodic=True)
    expected = evaluator(positions, CUBIC)
    copied = pickle.loads(pickle.dumps(evaluator))
    assert torch.equal(copied(positions, CUBIC)[1], expected[1])


def test_single_precision_is_close_to_double(tiny_potential, water_box):
    single = evaluate(tiny_potential, water_box, dtype=torch.float32)
    double = evaluate(tiny_potential, water_box)
    assert single[0] == pytest.approx(float(double[0]), rel=1e-5)
    torch.testing.assert_close(single[1].double(), double[1], atol=1e-4, rtol=0)


def test_numbers_do_not_depend_on_the_age_of_the_list(tiny_potential, water_box, positions, engine):
    kept = tiny_potential.evaluator("total", water_box.numbers, periodic=True, dtype=torch.float64)
    walk = torch.Generator().manual_seed(0)
    moved = positions.clone()
    rebuilds = set()
    for _ in range(30):
        moved = moved + 0.03 * torch.randn(moved.shape, generator=walk, dtype=torch.float64)
        energy, forces = kept(moved, CUBIC)
        rebuilds.add(age_of_list(kept.components[-1]))
        fresh = evaluate(tiny_potential, water_box, positions=moved)
        torch.testing.assert_close(energy, fresh[0])
        torch.testing.assert_close(forces, fresh[1], atol=1e-10, rtol=0)
    assert 1 < len(rebuilds) < 25


def test_a_changed_box_is_noticed(tiny_potential, water_box, positions):
    kept = tiny_potential.evaluator("total", water_box.numbers, periodic=True, dtype=torch.float64)
    kept(positions, CUBIC)
    energy = kept(positions, 1.02 * CUBIC)[0]
    torch.testing.assert_close(energy, evaluate(tiny_potential, water_box, box=1.02 * CUBIC)[0])


def test_a_box_narrower_than_twice_the_cutoff_is_refused(tiny_potential, water_box):
    with pytest.raises(RuntimeError, match=r"box: wanted a width of at least twice the cutoff, 8"):
        evaluate(tiny_potential, water_box, box=0.8 * CUBIC)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_positions_that_are_not_finite_are_refused(tiny_potential, water_box, positions, value):
    kept = tiny_potential.evaluator("total", water_box.numbers, periodic=True)
    kept(positions, CUBIC)
    broken = positions.clone()
    broken[7, 1] = value
    with pytest.raises(RuntimeError, match=r"wanted finite numbers.* at atom 7"):
        kept(broken, CUBIC)


def test_unknown_elements_are_named(tiny_potential):
    with pytest.raises(UnsupportedElementError, match="atom 1 is C, but the model knows only H, O"):
        tiny_potential.evaluator("fast", [8, 6], periodic=False)


def test_the_whole_of_a_distilled_potential_is_one_component(tiny_config, water_box, positions):
    potential = Potential(replace(tiny_config, distilled=True), seed=1)
    assert potential.components("total") == [potential.slow]
    assert potential.terms("slow") == [(1.0, potential.slow), (-1.0, potential.fast)]
    close = torch.tensor([[0.0, 0, 0], [0.1, 0, 0]], dtype=torch.float64)
    energies = {
        part: float(potential.evaluator(part, [8, 8], periodic=False)(close, CUBIC)[0])
        for part in PARTS
    }
    assert energies["total"] > 1000.0  # nuclei repel in the whole,
    assert abs(energies["slow"]) < 1e-2 * energies["total"]  # and as much in the fast part


def test_unknown_parts_are_named(tiny_potential):
    with pytest.raises(ValueError, match="part: wanted one of fast, slow, total, found 'both'"):
        tiny_potential.components("both")


def test_configuration_is_checked():
    slow = ComponentConfig(cutoff=5.0)
    with pytest.raises(ConfigError, match=r"fast.cutoff: wanted at most slow.cutoff = 5.0"):
        PotentialConfig(("H",), ComponentConfig(cutoff=6.0), slow)
    with pytest.raises(ConfigError, match="projections: wanted an even number, found 7"):
        ComponentConfig(cutoff=5.0, projections=7)
    with pytest.raises(ConfigError, match=r"cutoff: wanted a value from 0\.5 to 20\.0, found -1"):
        ComponentConfig(cutoff=-1)
    with pytest.raises(ConfigError, match="l_max: wanted 2 where there are messages, found 1"):
        ComponentConfig(cutoff=5.0, l_max=1, messages=4)
    with pytest.raises(ConfigError, match="message_cutoff: wanted a value from"):
        ComponentConfig(cutoff=5.0, messages=4, message_cutoff=5.5)
    with pytest.raises(ConfigError, match="elements: wanted distinct symbols"):
        PotentialConfig(("H", "H"), slow, slow)


def test_elements_are_sorted_and_their_symbols_right():
    config = PotentialConfig(("O", "H"), ComponentConfig(cutoff=2.0), ComponentConfig(cutoff=3.0))
    assert Potential(config).elements == ("H", "O")
    from openmm_innff.elements import SYMBOLS

    assert list(SYMBOLS) == chemical_symbols[: len(SYMBOLS)]
