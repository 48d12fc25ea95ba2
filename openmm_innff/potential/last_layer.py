"""The parameters that the energy is linear in: the last layer of every component of the whole.

With all else fixed E = w . phi(positions) + rest, so energies and forces have the same derivatives
by w, whatever w is, and a component with other numbers in its place is an energy of its own.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.kinds import AnyComponent
from openmm_innff.potential.potential import Potential


def last_layer(component: AnyComponent) -> list[nn.Parameter]:
    """Return the parameters that the energy of a component is linear in, always in one order.

    Of nodal densities, the weights of the readouts: of invariants, interpolants and products of
    two. Of bonds, angles and contacts, the nodal values outside of products.
    """
    if isinstance(component, Bonded):
        return [component.bonds, component.angles, component.pairs]
    return [
        p
        for readout in component.all_readouts()
        for p in (readout.linear, readout.single, readout.paired)
    ]


def last_layers(potential: Potential) -> list[nn.Parameter]:
    """Return the parameters that the whole energy is linear in."""
    return [p for component in potential.components("total") for p in last_layer(component)]


def count(parameters: Sequence[nn.Parameter]) -> int:
    """Return the number of numbers in parameters."""
    return sum(parameter.numel() for parameter in parameters)


@torch.no_grad()
def with_last_layer(component: AnyComponent, values: Tensor) -> AnyComponent:
    """Return a copy whose energy is values . phi and nothing else: no repulsion, walls, products.

    Parameters
    ----------
    component : Component or Bonded
    values : Tensor, shape (D,)
        In the order of `last_layer`.
    """
    made = copy.deepcopy(component).eval().requires_grad_(False)
    if isinstance(made, Bonded):
        made.cosines.zero_()
        made.without_walls()
    else:
        made.repulsive = False
    parameters = last_layer(made)
    for parameter, part in zip(
        parameters, values.split([p.numel() for p in parameters]), strict=True
    ):
        parameter.copy_(part.reshape(parameter.shape))
    return made
