"""Energies and forces of other last layers than a potential's own, at one place."""

from collections.abc import Sequence

import torch
from torch import Tensor

from openmm_innff.engine.component import CompiledAtoms
from openmm_innff.engine.library import resolve_engine
from openmm_innff.engine.parameters import Terms
from openmm_innff.neighbors import PairList
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.component import Component
from openmm_innff.potential.equivariant import Equivariant
from openmm_innff.potential.folded import compiled_counterpart, fold_all
from openmm_innff.potential.kinds import AnyComponent
from openmm_innff.potential.last_layer import (
    count,
    last_layer,
    last_layers,
    with_last_layer,
)
from openmm_innff.potential.potential import Potential
from openmm_innff.potential.trainable import component_forces


class Committee:
    """Members that have the features of a potential, and weights of their own.

    Parameters
    ----------
    potential : Potential
    weights : Tensor, shape (K, D)
        In the order of `last_layers`.
    engine : str
        "auto", "compiled" or "torch".
    """

    def __init__(self, potential: Potential, weights: Tensor, engine: str = "auto") -> None:
        wanted = count(last_layers(potential))
        if weights.dim() != 2 or weights.shape[1] != wanted:
            raise ValueError(f"weights: wanted shape (K, {wanted}), found {tuple(weights.shape)}")
        self.components = potential.components("total")
        parts = weights.split([count(last_layer(c)) for c in self.components], 1)
        compiled = resolve_engine(engine) == "compiled"
        self.members = [
            [_ready(with_last_layer(component, member), compiled) for member in part]
            for component, part in zip(self.components, parts, strict=True)
        ]

    def evaluate(
        self, positions: Tensor, species: Tensor, neighbours: Sequence[PairList | Terms]
    ) -> tuple[Tensor, Tensor]:
        """Return atomic energies (K, N) in eV and forces (K, N, 3) in eV/angstrom, float64.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom, atoms sorted by species.
        species : Tensor, shape (N,), int64
            Ascending.
        neighbours : sequence of PairList or Terms
            Those of each component.
        """
        found = [
            [_evaluate(member, positions, species, near) for member in members]
            for members, near in zip(self.members, neighbours, strict=True)
        ]
        energies = [torch.stack([energy.detach().double() for energy, _ in part]) for part in found]
        forces = [torch.stack([force.detach().double() for _, force in part]) for part in found]
        return torch.stack(energies).sum(0), torch.stack(forces).sum(0)


@torch.no_grad()
def _ready(member: AnyComponent, compiled: bool) -> AnyComponent | CompiledAtoms:
    """Return what evaluates a member; compiled, its parameters are folded once and for all."""
    if isinstance(member, Bonded) or not compiled:
        return member
    made = compiled_counterpart(member)
    made.take(fold_all(member))
    return made


def _evaluate(
    member: AnyComponent | CompiledAtoms,
    positions: Tensor,
    species: Tensor,
    near: PairList | Terms,
) -> tuple[Tensor, Tensor]:
    if isinstance(near, Terms):
        if isinstance(member, Bonded):
            return member(positions, near)
    elif isinstance(member, CompiledAtoms):
        return member.forward(positions, near, species)
    elif isinstance(member, Component | Equivariant):
        return component_forces(
            member, positions, near, species, differentiable=False, engine="torch"
        )
    raise TypeError(f"neighbours: wanted those of a {type(member).__name__}")
