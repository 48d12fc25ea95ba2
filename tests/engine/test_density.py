"""The nodal density: what it is, its derivatives, and that all implementations agree."""

from functools import partial

import pytest
import torch
from torch import Tensor

from openmm_innff.engine import compiled as compiled_module
from openmm_innff.engine import reference
from openmm_innff.engine.density import Grid, nodal_density
from openmm_innff.neighbors import PairList, find_pairs
from openmm_innff.nn.density import smooth_cutoff

CUTOFF, WARP = 4.0, 1.5
TRICLINIC = torch.tensor([[9.3, 0, 0], [2.0, 9.4, 0], [-3.0, 4.0, 9.5]], dtype=torch.float64)


def grid(l_max: int, n_species: int = 2, nodes: int = 7) -> Grid:
    return Grid(n_species, l_max, nodes, CUTOFF, WARP)


def system(count: int = 9, features: int = 1) -> tuple[Tensor, PairList, Tensor, Tensor]:
    """Random atoms in a triclinic box: positions, pairs, species, features."""
    random = torch.Generator().manual_seed(count)
    positions = torch.rand(count, 3, generator=random, dtype=torch.float64) @ TRICLINIC
    pairs = find_pairs(positions, TRICLINIC, True, CUTOFF + 0.5)
    species = torch.randint(0, 2, (count,), generator=random)
    return positions, pairs, species, torch.randn(count, features, generator=random).double()


def pairs_of(vectors: list[list[float]]) -> tuple[Tensor, PairList, Tensor]:
    """One atom at the origin with neighbours at given places, and no other pairs."""
    positions = torch.tensor([[0.0, 0, 0], *vectors], dtype=torch.float64)
    n = len(vectors)
    pairs = PairList(
        torch.tensor([0] + [n] * (n + 1)),
        torch.arange(1, n + 1),
        torch.zeros(n, 3, dtype=torch.float64),
    )
    return positions, pairs, torch.zeros(n + 1, dtype=torch.int64)


def by_reference(positions, pairs, species, features, sizes: Grid) -> Tensor:
    return reference.nodal_density(
        positions, pairs.offsets, pairs.starts, pairs.second, species, features, *sizes
    )


def test_sum_over_the_nodes_is_the_cutoff_function():
    for r in (0.3, 1.0, 2.5, 3.99):
        positions, pairs, species = pairs_of([[r, 0, 0]])
        density = nodal_density(positions, pairs, species, torch.ones(2, 1).double(), grid(0))
        expected = smooth_cutoff(torch.tensor((r / CUTOFF) ** 2, dtype=torch.float64))
        torch.testing.assert_close(density[0, 0].sum(), expected)


def test_the_density_and_its_slope_vanish_at_the_cutoff():
    """As the cube of the distance to the cutoff, so the second derivative is continuous too."""
    for gap, tolerance in ((0.0, 0.0), (1e-4, 1e-9), (-1e-4, 0.0)):
        positions, pairs, species = pairs_of([[0, CUTOFF - gap, 0]])
        positions.requires_grad_()
        density = nodal_density(positions, pairs, species, torch.ones(2, 1).double(), grid(2))
        (slope,) = torch.autograd.grad(density.abs().sum(), positions)
        assert density.abs().max() <= tolerance**1.25
        assert slope.abs().max() <= 20 * tolerance


def test_neighbours_of_a_species_add_up_in_its_own_nodes():
    positions, pairs, species, features = system()
    density = nodal_density(positions, pairs, species, features, grid(1))
    for s in range(2):
        alone = nodal_density(
            positions, pairs, species, features * (species == s)[:, None], grid(1)
        )
        columns = slice(7 * s, 7 * s + 7)
        torch.testing.assert_close(alone[..., columns], density[..., columns])
        assert alone[..., 7 * (1 - s) : 7 * (1 - s) + 7].abs().max() == 0.0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("l_max", [0, 1, 2])
def test_compiled_equals_the_reference(compiled, l_max: int, features: int, dtype: torch.dtype):
    positions, pairs, species, h = system(40, features)
    found = nodal_density(positions, pairs, species, h.to(dtype), grid(l_max))
    expected = by_reference(positions, pairs, species, h, grid(l_max))
    assert found.dtype == dtype
    tolerance = 1e-12 if dtype == torch.float64 else 3e-6
    torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("l_max", [0, 1, 2])
def test_first_and_second_derivatives(compiled, l_max: int, features: int):
    positions, pairs, species, h = system(5, features)

    def density(x: Tensor, offsets: Tensor, h: Tensor) -> Tensor:
        return nodal_density(x, pairs._replace(offsets=offsets), species, h, grid(l_max, 2, 5))

    inputs = tuple(t.clone().requires_grad_() for t in (positions, pairs.offsets, h))
    assert torch.autograd.gradcheck(density, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(density, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ["positions", "offsets", "features"])
def test_slopes_are_finite_differences(name: str):
    positions, pairs, species, h = system(6, 3)
    given = {"positions": positions, "offsets": pairs.offsets, "features": h}
    weights = torch.randn(9, 6, 42, generator=torch.Generator().manual_seed(0)).double()

    def value(changed: Tensor) -> Tensor:
        x, offsets, features = {**given, name: changed}.values()
        density = nodal_density(x, pairs._replace(offsets=offsets), species, features, grid(2))
        return (weights * density).sum()

    variable = given[name].clone().requires_grad_()
    (slope,) = torch.autograd.grad(value(variable), variable)
    step = torch.zeros_like(slope)
    for place in ((0, 0), (2, 1), (5, 2)):
        step[place] = 1e-5
        found = (value(given[name] + step) - value(given[name] - step)) / 2e-5
        step[place] = 0.0
        assert float(slope[place]) == pytest.approx(float(found), rel=1e-6, abs=1e-7)


def test_derivatives_in_single_precision_are_close_to_those_in_double(compiled):
    positions, pairs, species, h = system(40, 2)
    results = []
    for dtype in (torch.float64, torch.float32):
        x, features = positions.clone().requires_grad_(), h.to(dtype).requires_grad_()
        value = nodal_density(x, pairs, species, features, grid(2)).square().sum()
        first = torch.autograd.grad(value, (x, features), create_graph=True)
        both = first[0].square().sum() + first[1].square().sum()
        results.append([*first, *torch.autograd.grad(both, (x, features))])
    for double, single in zip(*results, strict=True):
        assert (single.double() - double).norm() < 1e-5 * double.norm()


def test_tensors_need_not_be_contiguous():
    positions, pairs, species, h = system(9, 3)
    expected = nodal_density(positions, pairs, species, h, grid(1))
    turned = pairs._replace(offsets=pairs.offsets.t().contiguous().t())
    found = nodal_density(
        positions.t().contiguous().t(), turned, species, h.t().contiguous().t(), grid(1)
    )
    torch.testing.assert_close(found, expected)


DEGENERATE = {
    "at the cutoff": [[CUTOFF, 0, 0]],
    "just inside the cutoff": [[CUTOFF - 1e-9, 0, 0]],
    "beyond the cutoff": [[CUTOFF + 1e-9, 0, 0], [0, 50.0, 0]],
    "collinear": [[0, 0, 1.0], [0, 0, 2.0], [0, 0, -1.5]],
    "coincident": [[0.0, 0, 0]],
    "several coincident": [[0.0, 0, 0], [0.0, 0, 0], [1.0, 0, 0], [1.0, 0, 0]],
    "nearly coincident": [[1e-9, 0, 0]],
}


@pytest.mark.parametrize("places", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_degenerate_places_agree_with_the_reference_and_stay_finite(compiled, places: list):
    positions, pairs, species = pairs_of(places)
    h = torch.ones(len(positions), 1, dtype=torch.float64)
    results = []
    for density in (nodal_density, by_reference):
        x = positions.clone().requires_grad_()
        value = density(x, pairs, species, h, grid(2))
        (slope,) = torch.autograd.grad(value.square().sum(), x)
        assert torch.isfinite(value).all()
        assert torch.isfinite(slope).all()
        results.append((value.detach(), slope))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_atoms_without_pairs_have_no_density(compiled, count: int):
    positions = torch.zeros(count, 3, dtype=torch.float64, requires_grad=True)
    nothing = torch.zeros(0, dtype=torch.int64)
    starts = torch.zeros(count + 1, dtype=torch.int64)
    pairs = PairList(starts, nothing, torch.zeros(0, 3).double())
    species = torch.zeros(count, dtype=torch.int64)
    density = nodal_density(positions, pairs, species, torch.ones(count, 1).double(), grid(2))
    assert density.shape == (9, count, 14)
    assert density.abs().sum() == 0.0
    assert torch.autograd.grad(density.sum(), positions)[0].abs().sum() == 0.0


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("positions", lambda t: t.float()),
        ("positions", lambda t: t[:, :2]),
        ("offsets", lambda t: t[1:]),
        ("second", lambda t: t.int()),
        ("starts", lambda t: t[1:]),
        ("species", lambda t: t.int()),
        ("features", lambda t: t.half()),
        ("features", lambda t: t.long()),
        ("features", lambda t: t[:2]),
        ("species", lambda t: t + 1),
        ("species", lambda t: t - 1),
    ],
)
def test_wrong_arguments_are_named(compiled, name: str, change):
    positions, pairs, species, h = system()
    given = {"positions": positions, **pairs._asdict(), "species": species, "features": h}
    given[name] = change(given[name]).contiguous()
    call = partial(compiled_module.nodal_density, n_species=2, l_max=1, nodes=7)
    with pytest.raises(ValueError, match=f"{name}: wanted .* found"):
        call(**given, cutoff=CUTOFF, warp=WARP)


def test_a_degree_that_is_not_there_is_refused(compiled):
    positions, pairs, species, h = system()
    with pytest.raises(RuntimeError, match="refused density_forward"):
        nodal_density(positions, pairs, species, h, grid(3))
