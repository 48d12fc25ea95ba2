"""Tests of the Triton kernels in Triton's interpreter, on the CPU.

Run by test_triton_density.py and test_cuda_evaluator.py in a process of its own, since Triton asks
for the interpreter once, when it is imported, which other tests may have done already.
"""

import math
import os

import numpy as np
import pytest
import torch
from torch import Tensor

os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton")

from triton.runtime import interpreter

from openmm_innff.engine import triton_density as kernels
from openmm_innff.engine.cuda_evaluator import CudaEvaluator
from openmm_innff.engine.network import atomic_energies, core_energies
from openmm_innff.engine.parameters import CoreTables, FoldedParameters, Shape
from openmm_innff.engine.triton_network import TritonNetwork, add_core
from openmm_innff.nn.harmonics import spherical_harmonics

CUTOFF, WARP, NODES = 3.0, 1.2, 7
System = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


@pytest.fixture(scope="module", autouse=True)
def loops_over_tensors():
    """Let the interpreter of Triton 3.5 work with numpy 2.4, where int() wants 0-d arrays."""
    patch = interpreter._patch_lang_tensor

    def patched(tensor):
        patch(tensor)
        tensor.__index__ = lambda self: int(self.handle.data.item())

    interpreter._patch_lang_tensor = patched
    yield
    interpreter._patch_lang_tensor = patch


def all_pairs(positions: Tensor, box: Tensor | None, reach: float) -> tuple[Tensor, ...]:
    """Return starts, second, offsets of all ordered pairs within reach, by brute force."""
    images = torch.cartesian_prod(*[torch.arange(-1.0, 2.0)] * 3).double()
    images = images @ box if box is not None else images[13:14] * 0
    vectors = positions[None, :, None] - positions[:, None, None] + images
    distance = vectors.norm(dim=-1)
    own = (distance < 1e-9) & torch.eye(len(positions), dtype=torch.bool)[..., None]
    first, second, image = torch.where((distance <= reach) & ~own)
    sizes = torch.bincount(first, minlength=len(positions))
    starts = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return starts, second.contiguous(), images[image].contiguous()


def make_system(kind: str, n_species: int, width: int, dtype: torch.dtype) -> System:
    random = torch.Generator().manual_seed(3)
    n_atoms = 4 if width == 1 else 3
    box = None
    if kind == "triclinic":
        box = torch.tensor([[5.0, 0.0, 0.0], [0.8, 4.8, 0.0], [-0.6, 0.5, 5.2]]).double()
        positions = torch.rand(n_atoms, 3, generator=random, dtype=torch.float64) @ box
    elif kind == "line":
        # Atoms 0 and 3 are a cutoff apart, 0 and 4 more than that, 5 is alone.
        heights = torch.tensor([0.0, 0.9, 2.1, CUTOFF, 3.2, 50.0]).double()
        positions = heights[:, None] * torch.tensor([0.0, 0.0, 1.0]).double()
    else:
        positions = 100.0 * torch.arange(9, dtype=torch.float64).reshape(3, 3)
    starts, second, offsets = all_pairs(positions, box, CUTOFF + 0.3)
    species = torch.arange(len(positions)).sort(stable=True)[0] % n_species
    features = torch.randn(len(positions), width, generator=random).to(dtype)
    return positions, offsets, starts, second, species, features


def cardinal(x: Tensor) -> Tensor:
    """Cubic B-spline as the third difference of truncated powers: not as in the kernels."""
    powers = [math.comb(4, k) * (-1) ** k * (x + 2 - k).clamp(min=0) ** 3 for k in range(5)]
    return torch.stack(powers).sum(0) / 6


def plain_density(system: System, n_species: int, l_max: int) -> Tensor:
    positions, offsets, starts, second, species, features = system
    n, width = features.shape
    first = torch.repeat_interleave(starts[1:] - starts[:-1])
    vector = positions[second] - positions[first] + offsets
    r2 = vector.square().sum(1) + 1e-12
    harmonics = spherical_harmonics(*(vector * r2.rsqrt()[:, None]).unbind(1), l_max)
    g = torch.log1p(r2 / WARP**2) * (NODES - 3) / math.log1p((CUTOFF / WARP) ** 2)
    basis = cardinal(g[:, None] + 1 - torch.arange(NODES))
    envelope = (1 - r2 / CUTOFF**2).clamp(min=0) ** 3
    terms = torch.einsum("p,ap,pn,pf->pnfa", envelope, harmonics, basis, features[second])
    row = first * n_species + species[second]
    total = terms.new_zeros(n * n_species, NODES, width, len(harmonics)).index_add(0, row, terms)
    return total.reshape(n, -1, len(harmonics)).permute(2, 0, 1)


def close(found: Tensor, expected: Tensor, relative: float) -> None:
    expected = expected.detach()
    assert found.shape == expected.shape
    scale = float(expected.abs().max()) if expected.numel() else 0.0
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=relative * (scale + 1e-6))


CASES = [
    ("triclinic", 1, 1, 0, torch.float64),
    ("triclinic", 3, 1, 2, torch.float64),
    ("triclinic", 2, 3, 1, torch.float64),
    ("line", 1, 1, 2, torch.float64),
    ("line", 1, 1, 1, torch.float32),
    ("triclinic", 2, 1, 2, torch.float32),
    ("empty", 2, 3, 2, torch.float32),
]


@pytest.mark.parametrize(("kind", "n_species", "width", "l_max", "dtype"), CASES)
def test_density_and_two_derivatives(kind, n_species, width, l_max, dtype):
    system = make_system(kind, n_species, width, dtype)
    random = torch.Generator().manual_seed(4)
    variables = [t.double().requires_grad_() for t in (system[0], system[1], system[5])]
    expected = plain_density((*variables[:2], *system[2:5], variables[2]), n_species, l_max)
    grad = torch.randn(expected.shape, generator=random).to(dtype)
    v = [torch.randn(t.shape, generator=random).to(t.dtype) for t in (*system[:2], system[5])]
    upstream = grad.double().requires_grad_()
    first = torch.autograd.grad(expected, variables, upstream, create_graph=True)
    along = sum((a * b).sum() for a, b in zip(first, v, strict=True))
    second = torch.autograd.grad(along, [upstream, *variables])

    sizes = (n_species, l_max, NODES, CUTOFF, WARP)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    close(kernels.nodal_density(*system, *sizes), expected, tolerance)
    found = kernels.nodal_density_backward(grad, *system, *sizes)
    again = kernels.nodal_density_double_backward(*v, grad, *system, *sizes)
    for a, b in zip((*found, *again), (*first, *second), strict=True):
        close(a, b, tolerance)
    assert torch.equal(kernels.nodal_density_pull(grad, *system, *sizes), found[0])
    assert [t.dtype for t in found] == [torch.float64, torch.float64, dtype]


def test_padding_of_the_list_changes_nothing():
    system = make_system("triclinic", 2, 1, torch.float64)
    padded = list(system)
    padded[1] = torch.cat([system[1], torch.zeros(7, 3)])
    padded[3] = torch.cat([system[3], torch.zeros(7, dtype=torch.int64)])
    sizes = (2, 1, NODES, CUTOFF, WARP)
    density = kernels.nodal_density(*system, *sizes)
    assert torch.equal(kernels.nodal_density(*padded, *sizes), density)
    gradients = kernels.nodal_density_backward(density, *padded, *sizes)
    assert gradients[1].shape == padded[1].shape
    assert not gradients[1][-7:].any()


def parameters(shape: Shape, dtype: torch.dtype) -> FoldedParameters:
    random = torch.Generator().manual_seed(5)
    z, inputs = shape.species, shape.channels * (1, 2, 6)[shape.l_max]
    p = shape.projections
    sizes = {
        "nodal_values": (0.4, z, shape.l_max + 1, z * shape.nodes, shape.channels),
        "mean": (0.5, z, inputs),
        "weights": (0.2, z, inputs, p),
        "bias": (0.5, z, p),
        "linear": (0.1, z, inputs),
        "table": (1.0, z, p, shape.intervals + 3),
        "single": (0.3, z, p),
        "paired": (0.3, z, p // 2),
    }
    made = {
        name: (scale * torch.randn(size, generator=random, dtype=torch.float64)).to(dtype)
        for name, (scale, *size) in sizes.items()
    }
    return FoldedParameters(**made)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("l_max", [0, 1, 2])
def test_network(l_max, dtype):
    shape = Shape(3, l_max, NODES, 5, 6, 8, 0, CUTOFF, WARP, 4.0, 0.0)
    given = parameters(shape, dtype)
    counts = [4, 0, 3]
    random = torch.Generator().manual_seed(6)
    density = torch.randn((l_max + 1) ** 2, 7, 21, generator=random).double().requires_grad_()
    exact = FoldedParameters(*(p.double() for p in given))
    expected = atomic_energies(density, counts, exact, shape)
    (gradient,) = torch.autograd.grad(expected.sum(), density)
    found = TritonNetwork(shape, given, counts)(density.detach().to(dtype))
    tolerance = 1e-10 if dtype == torch.float64 else 2e-5
    close(found[0], expected, tolerance)
    close(found[1], gradient, tolerance)


CORE = CoreTables(
    torch.tensor([[2.3, 2.0], [2.0, 2.6]]),
    torch.tensor([[14.4, 115.2], [115.2, 921.6]]),
    torch.tensor([[4.3, 5.5], [5.5, 6.9]]),
)


def test_core_repulsion():
    positions, offsets, starts, second, _, _ = make_system("triclinic", 1, 1, torch.float64)
    species = torch.tensor([0, 0, 1, 1])
    table = torch.stack([t.double() for t in CORE])
    here = positions.requires_grad_()
    first = torch.repeat_interleave(starts[1:] - starts[:-1])
    squared = (here[second] - here[first] + offsets).square().sum(1) + 1e-12
    pair = core_energies(squared, species[first] * 2 + species[second], CoreTables(*table))
    expected = torch.zeros(4, dtype=torch.float64).index_add(0, first, pair)
    (gradient,) = torch.autograd.grad(expected.sum(), here)
    assert float(expected.detach().max()) > 0.01
    energies, found = torch.ones(4, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)
    add_core(positions.detach(), offsets, starts, second, species, table, energies, found)
    close(energies - 1, expected, 1e-10)
    close(found - 1, gradient, 1e-10)


def test_evaluator_by_kernels():
    """The same numbers as by autograd, along a path on which the list is renewed."""
    random = np.random.default_rng(1)
    box = 6.2 * torch.eye(3, dtype=torch.float64)
    positions = torch.tensor(random.uniform(0.0, 6.2, size=(6, 3)))
    species = torch.tensor([1, 0, 0, 1, 0, 0])
    shape = Shape(2, 2, NODES, 4, 6, 8, 0, CUTOFF, WARP, 4.0, 0.0)
    given = (shape, parameters(shape, torch.float64), CORE, species, True, 0.1)
    by_kernels, by_autograd = (
        CudaEvaluator(*given, torch.device("cpu"), method) for method in ("triton", "torch")
    )
    for step in range(3):
        here = positions + 0.03 * step * torch.tensor(random.normal(size=(6, 3)))
        found, expected = by_kernels(here, box), by_autograd(here, box)
        close(found[0], expected[0], 1e-10)
        close(found[1], expected[1], 1e-9)
    assert by_kernels.pairs.rebuilds > 1
