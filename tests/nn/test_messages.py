"""The second layer: what couples to what."""

import math

import torch

from openmm_innff.nn.harmonics import spherical_harmonics
from openmm_innff.nn.invariants import quadrupole_matrix
from openmm_innff.nn.messages import MessageLayer, quadrupole_components

SIZES = {"species": 2, "nodes": 6, "radials": 3, "channels": 4, "inputs": 5, "projections": 6}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_quadrupoles_and_matrices_are_transposes_of_each_other():
    t, matrix = random(5, 7), random(3, 3, 7, seed=1)
    there = (quadrupole_matrix(t) * matrix).sum()
    torch.testing.assert_close(there, (t * quadrupole_components(matrix)).sum())
    torch.testing.assert_close(quadrupole_components(quadrupole_matrix(t)), t)


def one_neighbour(layer: MessageLayer, direction: torch.Tensor, vector: torch.Tensor) -> list:
    """Couple one atom with one neighbour, whose scalar messages are zero."""
    y = spherical_harmonics(*direction, l_max=2)
    features = torch.cat([torch.zeros(1, 3).double(), vector.reshape(3, 1).expand(3, 3)]).flatten()
    nodal = torch.arange(12.0).double()
    return layer.couple((y[:, None, None] * nodal[:, None] * features).reshape(9, 1, -1))


def test_vectors_couple_with_the_direction():
    layer = MessageLayer(**SIZES, messages=3, vectors=True, generator=torch.Generator()).double()
    direction = torch.nn.functional.normalize(random(3), dim=0)
    scalar, vector, quadrupole = one_neighbour(layer, direction, direction)
    radial = (torch.arange(12.0).double()[:, None] * layer.nodal_values()).sum(1)
    along = [radial[3], radial[4], radial[5], radial[6]]
    torch.testing.assert_close(vector[:, 0, 3:6], direction[:, None] * along[0])
    torch.testing.assert_close(scalar[0, 0, 3:], along[1])
    # u u^T - 1/3 has the norm sqrt(2/3) and, applied to u, gives 2/3 u.
    norm = math.sqrt(2 / 3) * along[2].abs()
    torch.testing.assert_close(quadrupole[:, 0, 3:].norm(dim=0), norm)
    turned = math.sqrt(1.5) * 2 / 3 * direction[:, None] * along[3]
    torch.testing.assert_close(vector[:, 0, 6:], turned)


def test_a_vector_across_the_direction_has_no_scalar():
    layer = MessageLayer(**SIZES, messages=3, vectors=True, generator=torch.Generator()).double()
    direction = torch.tensor([1.0, 0.0, 0.0]).double()
    scalar, *_ = one_neighbour(layer, direction, torch.tensor([0.0, 2.0, -1.0]).double())
    assert scalar.abs().max() == 0.0
