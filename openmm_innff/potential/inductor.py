"""Training steps of an equivariant component, compiled by torch for batches of one size."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp

from openmm_innff.neighbors import PairList
from openmm_innff.potential.equivariant import Equivariant, pad_pairs


class _Network(nn.Module):
    """The component without its core repulsion, which has no parameters."""

    def __init__(self, component: Equivariant) -> None:
        super().__init__()
        self.component = component

    def forward(self, *arguments: Any) -> Tensor:
        energies: Tensor = self.component.energies(*arguments)
        return energies


class CompiledTraining:
    """Energies, forces and the gradients of a loss by the parameters.

    Compiling takes minutes; a step is quicker afterwards.

    Parameters
    ----------
    component : Equivariant
    counts : list of int
        Atoms of each species in a batch.
    longest : int
        Places for neighbours of each atom.
    """

    def __init__(self, component: Equivariant, counts: list[int], longest: int) -> None:
        self.network = _Network(component)
        self.counts, self.longest = counts, longest
        self.names = [name for name, _ in self.network.named_parameters()]
        self._forward = torch.compile(self._evaluate, dynamic=False, fullgraph=True)
        self._backward = torch.compile(grad(self._weighed), dynamic=False, fullgraph=True)

    def _energies(self, parameters: dict[str, Tensor], positions: Tensor, *rest: Tensor) -> Tensor:
        return functional_call(self.network, parameters, (positions, *rest, self.counts))

    def _evaluate(
        self, parameters: dict[str, Tensor], positions: Tensor, *rest: Tensor
    ) -> tuple[Tensor, Tensor]:
        energies, pull = vjp(lambda x: self._energies(parameters, x, *rest), positions)
        return energies, -pull(torch.ones_like(energies))[0]

    def _weighed(
        self,
        parameters: dict[str, Tensor],
        by_energies: Tensor,
        by_forces: Tensor,
        positions: Tensor,
        *rest: Tensor,
    ) -> Tensor:
        energies, forces = self._evaluate(parameters, positions, *rest)
        return (energies * by_energies).sum() + (forces * by_forces).sum()

    def fits(self, pairs: PairList, species: Tensor) -> bool:
        """Whether this was compiled for a batch of that size."""
        longest = int((pairs.starts[1:] - pairs.starts[:-1]).max())
        found = torch.bincount(species, minlength=len(self.counts)).tolist()
        return longest <= self.longest and found == self.counts

    def forces(self, positions: Tensor, pairs: PairList, species: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies (N,) in eV and forces (N, 3) in eV/angstrom, differentiable once.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom, atoms sorted by species.
        pairs : PairList
        species : Tensor, shape (N,), int64
            Ascending.
        """
        near, offsets = pad_pairs(pairs, self.longest)
        where = positions, near, offsets, species
        energies, forces = _Trained.apply(self, *where, *self.network.parameters())
        dtype = self.network.component.scale.dtype
        core_energies, core_forces = self._core(positions, pairs, species)
        return (energies + core_energies).to(dtype), (forces + core_forces).to(dtype)

    def _core(self, positions: Tensor, pairs: PairList, species: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies and forces of the core repulsion, as a rule zero."""
        component = self.network.component
        if component.repulsive:
            here = positions.detach().requires_grad_(True)
            with torch.enable_grad():
                energies = component.repulsion(here, pairs, species, component.tiny)
                if energies.requires_grad:
                    (gradient,) = torch.autograd.grad(energies.sum(), here)
                    return energies.detach(), -gradient
        return torch.zeros_like(positions[:, 0]), torch.zeros_like(positions)


class _Trained(torch.autograd.Function):
    """Energies and forces as functions of the parameters; positions are constants."""

    @staticmethod
    def forward(ctx: Any, made: CompiledTraining, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        where, parameters = arguments[:4], arguments[4:]
        ctx.made, ctx.where = made, where
        ctx.save_for_backward(*parameters)
        named = dict(zip(made.names, parameters, strict=True))
        found: tuple[Tensor, Tensor] = made._forward(named, *where)
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_energies: Tensor, by_forces: Tensor) -> tuple[Tensor | None, ...]:
        named = dict(zip(ctx.made.names, ctx.saved_tensors, strict=True))
        gradients = ctx.made._backward(named, by_energies, by_forces, *ctx.where)
        return (None,) * 5 + tuple(gradients[name] for name in ctx.made.names)
