"""A component in one compiled pass, against the same component in torch."""

import numpy as np
import pytest
import torch

from openmm_innff.data import Frame
from openmm_innff.engine.component import CompiledComponent
from openmm_innff.engine.library import threads
from openmm_innff.neighbors import PairList, find_pairs
from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig
from openmm_innff.potential.folded import fold, fold_all, shape_of
from openmm_innff.potential.trainable import component_forces
from openmm_innff.training.batch import collate, make_batch
from openmm_innff.training.config import SmoothnessConfig
from openmm_innff.training.losses import batch_loss

pytestmark = pytest.mark.usefixtures("compiled")

ELEMENTS = {1: ("O",), 2: ("H", "O"), 4: ("H", "C", "N", "O")}
NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8}


LAYERS = [
    {"l_max": 0},
    {"l_max": 1},
    {"l_max": 2},
    {"l_max": 2, "messages": 5, "message_cutoff": 2.2},
    {"l_max": 2, "messages": 17, "vectors": False},
]
"""Components of one layer and of two."""


def potential_of(n_species: int, l_max: int, **sizes: float) -> Potential:
    given = {"channels": 5, "nodes": 7, "radials": 3, "projections": 6, "intervals": 5, **sizes}
    config = PotentialConfig(
        ELEMENTS[n_species],
        fast=ComponentConfig(cutoff=2.6, l_max=l_max, **given),
        slow=ComponentConfig(cutoff=4.2, l_max=l_max, **given),
    )
    potential = Potential(config, seed=3).double()
    for component in (potential.fast, potential.slow):
        random = torch.Generator().manual_seed(0)
        readout = component.readout
        with torch.no_grad():
            readout.linear.normal_(generator=random)
            readout.mean.normal_(generator=random)
            readout.inverse_deviation.uniform_(0.5, 2.0, generator=random)
            component.scale.fill_(0.7)
            for layer, deeper in zip(component.layers, component.readouts, strict=True):
                layer.message_norms.uniform_(0.05, 0.1, generator=random)
                layer.path_norms.uniform_(0.2, 0.5, generator=random)
                deeper.linear.normal_(generator=random)
                deeper.mean.normal_(generator=random)
    return potential


def sample(potential: Potential, count: int = 30, width: float = 9.0) -> tuple:
    """Sorted random atoms in a box, some of them close enough for core repulsion."""
    random = torch.Generator().manual_seed(count)
    positions = width * torch.rand(count, 3, generator=random, dtype=torch.float64)
    positions[1] = positions[0] + torch.tensor([0.3, 0.2, 0.1])
    species = torch.randint(0, len(potential.elements), (count,), generator=random).sort()[0]
    pairs = find_pairs(positions, width * torch.eye(3).double(), True, 4.3)
    return positions, pairs, species


@pytest.mark.parametrize("part", ["fast", "slow"])
@pytest.mark.parametrize("layers", LAYERS, ids=str)
@pytest.mark.parametrize("n_species", [1, 2, 4])
def test_energies_and_forces_are_those_of_torch(n_species: int, layers: dict, part: str):
    potential = potential_of(n_species, **layers)
    given = sample(potential)
    component = getattr(potential, part)
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        component.to(dtype)
        found, expected = (
            component_forces(component, *given, differentiable=False, engine=engine)
            for engine in ("compiled", "torch")
        )
        scale = max(1.0, float(expected[1].abs().max()))
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b.detach(), atol=tolerance * scale, rtol=0)


@pytest.mark.parametrize("messages", [0, 1, 16])
@pytest.mark.parametrize("sizes", [{"channels": 1}, {"channels": 33, "projections": 70}])
def test_sizes_that_fill_no_register_or_many(sizes: dict, messages: int):
    potential = potential_of(2, 2, messages=messages, **sizes)
    given = sample(potential)
    found, expected = (
        component_forces(potential.slow, *given, differentiable=False, engine=engine)
        for engine in ("compiled", "torch")
    )
    torch.testing.assert_close(found, tuple(t.detach() for t in expected))


@pytest.mark.parametrize("messages", [0, 4])
def test_a_species_that_is_absent_and_an_atom_without_neighbours(messages: int):
    potential = potential_of(4, 2, messages=messages)
    positions = torch.tensor([[0.0, 0, 0], [0, 0, 1.0], [50.0, 0, 0]], dtype=torch.float64)
    pairs = find_pairs(positions, torch.zeros(3, 3).double(), False, 4.3)
    species = torch.tensor([0, 2, 2])
    found, expected = (
        component_forces(
            potential.slow, positions, pairs, species, differentiable=False, engine=engine
        )
        for engine in ("compiled", "torch")
    )
    torch.testing.assert_close(found, tuple(t.detach() for t in expected))
    assert found[1][2].abs().max() == 0.0


@pytest.mark.parametrize("kinds", [(0, 0), (0, 1), (1, 1)], ids=["H-H", "H-O", "O-O"])
@pytest.mark.parametrize("distance", [0.3, 0.45, 0.6, 0.6999, 0.7])
def test_core_repulsion_is_that_of_torch(distance: float, kinds: tuple[int, int]):
    fast = potential_of(2, 2).fast
    positions = distance * torch.tensor([[0.0, 0, 0], [0.6, 0, 0.8]], dtype=torch.float64)
    pairs = find_pairs(positions, torch.zeros(3, 3).double(), False, 2.6)
    species = torch.tensor(kinds)
    found, expected = (
        component_forces(fast, positions, pairs, species, differentiable=False, engine=engine)
        for engine in ("compiled", "torch")
    )
    repulsion = fast.repulsion(positions, pairs, species, 0.0).sum()
    assert (repulsion > 0.0) == (distance < 0.7)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("messages", [0, 4])
def test_an_empty_list_leaves_the_energies_of_lone_atoms(messages: int, count: int):
    component = potential_of(1, 2, messages=messages).slow
    nothing = torch.zeros(0, dtype=torch.int64)
    starts = torch.zeros(count + 1, dtype=torch.int64)
    pairs = PairList(starts, nothing, torch.zeros(0, 3).double())
    positions = torch.rand(count, 3, dtype=torch.float64)
    species = torch.zeros(count, dtype=torch.int64)
    lone = PairList(starts.new_zeros(2), nothing, torch.zeros(0, 3).double())
    where = torch.zeros(1, 3, dtype=torch.float64), lone, torch.zeros(1, dtype=torch.int64)
    alone, _ = component_forces(component, *where, differentiable=False, engine="torch")
    energies, forces = component_forces(
        component, positions, pairs, species, differentiable=False, engine="compiled"
    )
    torch.testing.assert_close(energies, alone.detach().expand(count))
    assert forces.shape == (count, 3)
    assert (forces == 0.0).all()


def parameter_gradients(component, given: tuple, engine: str) -> list[torch.Tensor]:
    """Gradients of a loss of energies and forces that is not symmetric in any way."""
    energies, forces = component_forces(component, *given, differentiable=True, engine=engine)
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(len(energies), 4, generator=random).to(energies.dtype)
    loss = (weights[:, 0] * energies.sin()).sum() + (weights[:, 1:] * forces.tanh()).sum()
    return list(torch.autograd.grad(loss, list(component.parameters())))


@pytest.mark.parametrize("layers", LAYERS, ids=str)
@pytest.mark.parametrize("n_species", [1, 2, 4])
def test_parameter_gradients_with_core_repulsion_and_absent_species(n_species: int, layers: dict):
    potential = potential_of(n_species, **layers)
    positions, pairs, species = sample(potential)
    absent = n_species // 2 if n_species > 2 else n_species
    given = positions, pairs, torch.where(species == absent, 0, species).sort()[0]
    for component in (potential.fast, potential.slow):
        expected = parameter_gradients(component, given, "torch")
        found = parameter_gradients(component, given, "compiled")
        for (name, _), a, b in zip(component.named_parameters(), found, expected, strict=True):
            assert (a - b).norm() <= 1e-10 * b.norm(), name


def test_a_later_forward_does_not_change_an_earlier_gradient():
    potential = potential_of(2, 2)
    component, given = potential.slow, sample(potential)
    expected = parameter_gradients(component, given, "compiled")
    energies, forces = component_forces(component, *given, differentiable=True, engine="compiled")
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(len(energies), 4, generator=random).double()
    loss = (weights[:, 0] * energies.sin()).sum() + (weights[:, 1:] * forces.tanh()).sum()
    scale = component.scale.clone()
    component.scale = 3.0 * scale
    component_forces(component, *sample(potential, 7), differentiable=False, engine="compiled")
    found = torch.autograd.grad(loss, list(component.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_parameters_of_another_size_or_type_are_named():
    potential = potential_of(2, 1)
    component = CompiledComponent(shape_of(potential.slow), None, torch.float64)
    folded = fold(potential.slow)
    with pytest.raises(ValueError, match=r"bias: wanted torch.float64 of shape \(2, 6\), found"):
        component.set_parameters(folded._replace(bias=folded.bias.float()))
    with pytest.raises(ValueError, match=r"table: wanted .* found .* of shape"):
        component.set_parameters(folded._replace(table=folded.table[..., 1:]))
    with pytest.raises(ValueError, match="shape: the compiled engine can't do"):
        CompiledComponent(shape_of(potential.slow)._replace(l_max=3), None, torch.float64)
    deep = potential_of(2, 2, messages=3).slow
    component = CompiledComponent(shape_of(deep), None, torch.float64)
    parameters = fold_all(deep)
    parameters[8] = parameters[8][:3]
    with pytest.raises(ValueError, match=r"radial: wanted .* of shape \(7, 14, 3\), found .*"):
        component.take(parameters)


def test_half_precision_is_refused():
    potential = potential_of(2, 1)
    with pytest.raises(ValueError, match=r"dtype: wanted .*float32.* found .*float16"):
        CompiledComponent(shape_of(potential.slow), None, torch.float16)


def frame(seed: int) -> Frame:
    random = np.random.default_rng(seed)
    cells = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3)[: 24 + seed]
    return Frame(
        numbers=random.permutation(np.resize([1, 1, 8], len(cells))),
        positions=3.0 * cells + random.normal(0, 0.4, cells.shape),
        cell=9.0 * np.eye(3),
        periodic=True,
        energy=-1.0,
        forces=random.normal(0, 0.2, cells.shape),
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-10), (torch.float32, 1e-5)],
    ids=["double", "single"],
)
@pytest.mark.parametrize("layers", LAYERS, ids=str)
def test_gradients_of_a_training_loss_are_those_of_autograd(layers, dtype, tolerance):
    potential = potential_of(2, **layers).to(dtype)
    masses = torch.ones(27)
    frames = [frame(seed) for seed in (0, 2)]
    batch = collate([make_batch(potential, f, masses[: len(f)], dtype) for f in frames])
    gradients = {}
    for engine in ("torch", "compiled"):
        random = torch.Generator().manual_seed(0)
        terms = batch_loss(
            potential, batch, ("fast", "slow"), SmoothnessConfig(weight=1.0), random, engine
        )
        loss = terms.force + terms.energy + 10.0 * terms.change
        gradients[engine] = torch.autograd.grad(loss, list(potential.parameters()))
    for k, (name, _) in enumerate(potential.named_parameters()):
        a, b = gradients["torch"][k], gradients["compiled"][k]
        assert (a - b).norm() <= tolerance * a.norm(), name


@pytest.fixture
def restore_threads(monkeypatch):
    monkeypatch.delenv("OPENMM_CPU_THREADS", raising=False)  # it has the last word
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("messages", [0, 4])
@pytest.mark.usefixtures("restore_threads")
def test_results_depend_on_the_number_of_threads_only(messages: int):
    potential = potential_of(2, 2, messages=messages)
    given = sample(potential, 100, 12.0)
    results = {}
    for count in (1, 2):
        torch.set_num_threads(count)
        assert threads() == count
        runs = [component_forces(potential.slow, *given, differentiable=False) for _ in range(3)]
        for run in runs[1:]:
            assert torch.equal(run[0], runs[0][0])
            assert torch.equal(run[1], runs[0][1])
        results[count] = runs[0]
    torch.testing.assert_close(results[1], results[2], atol=1e-12, rtol=0)


@pytest.mark.parametrize("messages", [0, 4])
@pytest.mark.usefixtures("restore_threads")
def test_gradients_depend_on_the_number_of_threads_only(messages: int):
    potential = potential_of(2, 2, messages=messages)
    given = sample(potential, 100, 12.0)
    results = {}
    for count in (1, 2):
        torch.set_num_threads(count)
        first, second = (parameter_gradients(potential.slow, given, "compiled") for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        results[count] = first
    for a, b in zip(results[1], results[2], strict=True):
        assert (a - b).norm() <= 1e-12 * a.norm()


@pytest.mark.usefixtures("restore_threads")
def test_openmm_may_allow_fewer_threads(monkeypatch):
    torch.set_num_threads(2)
    for text, expected in (("1", 1), ("2", 2), ("7", 2), ("", 2), ("all", 2)):
        monkeypatch.setenv("OPENMM_CPU_THREADS", text)
        assert threads() == expected
