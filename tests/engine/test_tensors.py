"""An equivariant component in one compiled pass, against the same component in torch."""

import pytest
import torch

from openmm_innff.engine.tensors import CompiledTensors, coupling_table
from openmm_innff.neighbors import PairList, find_pairs
from openmm_innff.nn.coupling import Coupling
from openmm_innff.potential import ComponentConfig, EquivariantConfig, Potential, PotentialConfig
from openmm_innff.potential.committee import Committee
from openmm_innff.potential.folded import compiled_counterpart, fold_all, shape_of
from openmm_innff.potential.last_layer import count, last_layers
from openmm_innff.potential.trainable import component_forces

pytestmark = pytest.mark.usefixtures("compiled")

ELEMENTS = {1: ("O",), 2: ("H", "O"), 3: ("H", "C", "O")}
BOXES = {
    "cubic": [[9.0, 0, 0], [0, 9.0, 0], [0, 0, 9.0]],
    "triclinic": [[9.0, 0, 0], [2.0, 9.2, 0], [-3.0, 3.0, 9.5]],
}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def potential_of(n_species: int, channels: int, features: int, **sizes: int) -> Potential:
    """A potential with a random equivariant component that holds core repulsion."""
    given = {"nodes": 7, "radials": 3, "projections": 6, "intervals": 5, **sizes}
    slow = EquivariantConfig(cutoff=4.0, channels=channels, features=features, **given)
    fast = ComponentConfig(cutoff=2.6, channels=3, **given)
    config = PotentialConfig(ELEMENTS[n_species], fast, slow, distilled=True)
    potential = Potential(config, seed=3).double()
    component, random = potential.slow, torch.Generator().manual_seed(0)
    with torch.no_grad():
        component.scale.fill_(0.7)
        component.messages.scale.fill_(0.2)
        component.radial.norms.uniform_(0.2, 0.4, generator=random)
        for readout in component.all_readouts():
            for values in (readout.linear, readout.mean):
                values.normal_(generator=random)
            readout.inverse_deviation.uniform_(0.2, 0.5, generator=random)
    return potential


def sample(n_species: int, box: list, periodic: bool = True, count: int = 30) -> tuple:
    """Sorted random atoms in a box, two of them close enough for core repulsion."""
    random = torch.Generator().manual_seed(count)
    box = torch.tensor(box, dtype=torch.float64)
    positions = torch.rand(count, 3, generator=random, dtype=torch.float64) @ box
    positions[1] = positions[0] + torch.tensor([0.3, 0.2, 0.1])
    species = torch.randint(0, n_species, (count,), generator=random).sort()[0]
    return positions, find_pairs(positions, box, periodic, 4.3), species


def both(component, *given) -> list:
    """Energies and forces of the compiled engine and of torch."""
    return [
        [
            t.detach()
            for t in component_forces(component, *given, differentiable=False, engine=engine)
        ]
        for engine in ("compiled", "torch")
    ]


def check(component, *given) -> None:
    tolerance = TOLERANCE[component.scale.dtype]
    for found, expected in zip(*both(component, *given), strict=True):
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found, expected, atol=tolerance * scale, rtol=0)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize(("channels", "features"), [(3, 5), (16, 16), (5, 3), (17, 1)])
def test_energies_and_forces_are_those_of_torch(channels, features, box, dtype):
    potential = potential_of(2, channels, features)
    check(potential.slow.to(dtype), *sample(2, BOXES[box]))


@pytest.mark.parametrize("n_species", [1, 3])
def test_isolated_atoms_of_one_species_and_of_three(n_species):
    potential = potential_of(n_species, 4, 4, projections=10)
    check(potential.slow, *sample(n_species, BOXES["cubic"], periodic=False))


def test_a_species_that_is_absent_and_an_atom_without_neighbours():
    component = potential_of(3, 4, 4).slow
    positions = torch.tensor([[0.0, 0, 0], [0, 0, 1.0], [50.0, 0, 0]], dtype=torch.float64)
    pairs = find_pairs(positions, torch.zeros(3, 3).double(), False, 4.3)
    given = positions, pairs, torch.tensor([0, 2, 2])
    check(component, *given)
    assert both(component, *given)[0][1][2].abs().max() == 0.0


def test_coincident_atoms_are_those_of_torch():
    component = potential_of(2, 4, 4).slow
    component.repulsive = False
    positions = torch.zeros(3, 3, dtype=torch.float64)
    positions[2, 0] = 1.0
    pairs = find_pairs(positions, torch.zeros(3, 3).double(), False, 4.3)
    check(component, positions, pairs, torch.tensor([0, 0, 1]))


def test_nothing_at_all():
    component = potential_of(2, 4, 4).slow
    none = torch.zeros(0, dtype=torch.int64)
    pairs = PairList(torch.zeros(1, dtype=torch.int64), none, torch.zeros(0, 3).double())
    energies, forces = component_forces(
        component, torch.zeros(0, 3).double(), pairs, none, differentiable=False, engine="compiled"
    )
    assert energies.shape == (0,)
    assert forces.shape == (0, 3)


def test_threads_share_the_work(monkeypatch):
    component, given = potential_of(2, 4, 4).slow, sample(2, BOXES["cubic"])
    alone = both(component, *given)[0]
    monkeypatch.setattr("openmm_innff.engine.component.threads", lambda: 3)
    for found, expected in zip(both(component, *given)[0], alone, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-10)


def test_a_changed_parameter_is_noticed():
    component, given = potential_of(2, 4, 4).slow, sample(2, BOXES["cubic"])
    both(component, *given)
    with torch.no_grad():
        component.deeper_products.mixing.norms.mul_(0.5)
        component.radial.radial.mul_(0.9)
    check(component, *given)


def gradients(component, engine: str, *given) -> list:
    """Of a loss with random weights for all energies and forces."""
    found = component_forces(component, *given, differentiable=True, engine=engine)
    random = torch.Generator().manual_seed(1)
    loss = sum((t * torch.randn(t.shape, generator=random).to(t)).sum() for t in found)
    return torch.autograd.grad(loss, list(component.parameters()))


def check_gradients(component, *given) -> None:
    tolerance = TOLERANCE[component.scale.dtype]
    both = [gradients(component, engine, *given) for engine in ("compiled", "torch")]
    for found, expected in zip(*both, strict=True):
        scale = float(expected.abs().max())
        assert scale > 0.0
        torch.testing.assert_close(found, expected, atol=tolerance * scale, rtol=0)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize(("channels", "features"), [(3, 5), (16, 16), (17, 1)])
def test_gradients_of_parameters_are_those_of_torch(channels, features, box, dtype):
    potential = potential_of(2, channels, features)
    check_gradients(potential.slow.to(dtype), *sample(2, BOXES[box]))


def test_threads_share_the_gradients(monkeypatch):
    component, given = potential_of(3, 4, 4).slow, sample(3, BOXES["cubic"])
    alone = gradients(component, "compiled", *given)
    monkeypatch.setattr("openmm_innff.engine.component.threads", lambda: 3)
    for found, expected in zip(gradients(component, "compiled", *given), alone, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_a_species_that_is_absent_has_no_gradients():
    component = potential_of(3, 4, 4).slow
    positions = torch.tensor([[0.0, 0, 0], [0, 0, 1.0], [0, 1.1, 0.2]], dtype=torch.float64)
    pairs = find_pairs(positions, torch.zeros(3, 3).double(), False, 4.3)
    given = positions, pairs, torch.tensor([0, 2, 2])
    for found, expected in zip(
        *(gradients(component, engine, *given) for engine in ("compiled", "torch")), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    weights = gradients(component, "compiled", *given)[
        [name for name, _ in component.named_parameters()].index("readout.projection")
    ]
    assert weights[1].abs().max() == 0.0
    assert weights[2].abs().max() > 0.0


def test_members_of_a_committee_are_compiled():
    potential, (positions, pairs, species) = potential_of(2, 4, 4), sample(2, BOXES["cubic"])
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(2, count(last_layers(potential)), generator=random).double()
    compiled, plain = (
        Committee(potential, weights, engine=engine) for engine in ("compiled", "torch")
    )
    assert isinstance(compiled.members[0][0], CompiledTensors)
    for found, expected in zip(
        compiled.evaluate(positions, species, [pairs]),
        plain.evaluate(positions, species, [pairs]),
        strict=True,
    ):
        scale = float(expected.abs().max())
        torch.testing.assert_close(found, expected, atol=1e-10 * scale, rtol=0)


def test_parameters_of_another_size_are_refused():
    component = potential_of(2, 4, 4).slow
    wrong = fold_all(potential_of(2, 5, 4).slow)
    with pytest.raises(ValueError, match=r"nodal_values: wanted torch.float64 of shape \(2, 4, 14"):
        compiled_counterpart(component).take(wrong)
    with pytest.raises(ValueError, match="shape: the compiled engine can't do"):
        CompiledTensors(shape_of(component)._replace(l_max=2), None, torch.float64)


@pytest.mark.parametrize("right", [2, 3])
def test_tables_of_couplings_are_sparse_and_complete(right):
    matrix = Coupling(2, right, 2).double().matrix
    table = coupling_table(right)
    assert len(table) < 0.05 * matrix.numel()
    row, left, other = table[:, :3].long().unbind(1)
    again = torch.zeros_like(matrix)
    again[row, left * (right + 1) ** 2 + other] = table[:, 3]
    torch.testing.assert_close(again, matrix, rtol=0, atol=1e-10)


def test_gradients_belong_to_the_parameters_of_their_forward():
    component, given = potential_of(2, 4, 4).slow, sample(2, BOXES["cubic"])
    parameter = component.radial.radial
    expected = torch.autograd.grad(
        component_forces(component, *given, differentiable=True)[1].square().sum(), parameter
    )
    _, forces = component_forces(component, *given, differentiable=True)
    with torch.no_grad():
        saved = parameter.clone()
        component_forces(component, *given, differentiable=False)
        parameter.mul_(0.5)
        component_forces(component, *given, differentiable=False)
        parameter.copy_(saved)
    assert torch.allclose(torch.autograd.grad(forces.square().sum(), parameter)[0], expected[0])
