"""The terms of which the energy of an INN-FF is the sum, each with its forces."""

import copy
from typing import Any

import torch
from torch import Tensor

from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects.base import Term
from openmm_innff.neighbors import find_pairs
from openmm_innff.nn.readout import Readout
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.kinds import EnvironmentComponent


def terms_of(potential: Potential, structure: Structure) -> dict[str, Term]:
    """Return the terms of all components with nodal densities.

    Terms of a readout are the linear ones by the order of the density in them, and the
    interpolants by their CP order: single ones, and products of two.

    Parameters
    ----------
    potential
        Its bonded fast part, if it has one, is left out.
    structure
        Where it is evaluated.
    """
    whole = "whole" if potential.config.distilled else "slow"
    found: dict[str, Term] = {}
    for part, component in {"fast": potential.fast, whole: potential.slow}.items():
        if not isinstance(component, Bonded):
            component = copy.deepcopy(component).double().eval().requires_grad_(False)
            found |= _of_component(component, potential, structure, part)
    return found


def inputs_of(
    component: EnvironmentComponent, potential: Potential, structure: Structure, positions: Tensor
) -> tuple[Tensor, list[tuple[Readout, Tensor, list[int], Tensor]]]:
    """Evaluate a component and keep what its readouts were given and what they made of it.

    Parameters
    ----------
    component
        In double precision.
    potential, structure
        That it is of, and the atoms.
    positions
        Angstrom, shape (N, 3), atoms sorted by species.

    Returns
    -------
    energies : Tensor, shape (N,)
        eV, atoms sorted by species.
    kept : list
        Of each readout: itself, invariants, atoms of each species, values of the interpolants.
    """
    species = potential.species_index(structure.numbers).sort(stable=True).values
    box = torch.zeros(3, 3, dtype=torch.float64)
    if structure.cell is not None:
        box = torch.tensor(structure.cell)
    reach = max(component.cutoff, component.message_cutoff)
    pairs = find_pairs(positions.detach(), box, structure.periodic, reach)
    counts = torch.bincount(species, minlength=len(potential.elements)).tolist()
    kept: list[tuple[Readout, Tensor, list[int], Tensor]] = []

    def keep(readout: Any, given: tuple[Tensor, list[int]], made: tuple[Tensor, Tensor]) -> None:
        kept.append((readout, *given, made[1]))

    hooks = [readout.register_forward_hook(keep) for readout in component.all_readouts()]
    try:
        energies = component(positions, pairs, species, counts)
        return energies, kept
    finally:
        for hook in hooks:
            hook.remove()


def _of_component(
    component: EnvironmentComponent, potential: Potential, structure: Structure, part: str
) -> dict[str, Term]:
    order = torch.argsort(potential.species_index(structure.numbers), stable=True)
    positions = torch.tensor(structure.positions)[order].requires_grad_()
    energies, kept = inputs_of(component, potential, structure, positions)
    scale, terms, left = component.scale, {}, energies
    for layer, (readout, invariants, counts, functions) in enumerate(kept, start=1):
        name = part if len(kept) == 1 else f"{part}, layer {layer}"
        blocks = component.orders()[layer - 1]
        for label, term in _of_readout(readout, invariants, counts, functions, blocks).items():
            terms[f"{name}: {label}"] = scale * term
            left = left - scale * term
    if component.repulsive:
        first = part if len(kept) == 1 else f"{part}, layer 1"
        terms[f"{first}: core repulsion"] = left
    place = torch.argsort(order)
    found = {}
    for name, term in terms.items():
        (gradient,) = torch.autograd.grad(term.sum(), positions, retain_graph=True)
        found[name] = Term(term.detach()[place].numpy(), -gradient[place].numpy())
    return found


def _of_readout(
    readout: Readout,
    invariants: Tensor,
    counts: list[int],
    functions: Tensor,
    orders: list[tuple[int, int]],
) -> dict[str, Tensor]:
    species = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    weights = readout.input_factor * readout.linear[species]
    linear = readout.normalised(invariants, counts) * weights
    blocks = linear.split([width for _, width in orders], 1)
    found: dict[str, Tensor] = {}
    for (order, _), block in zip(orders, blocks, strict=True):
        label = f"linear, {order} {'density' if order == 1 else 'densities'}"
        found[label] = found.get(label, torch.zeros(())) + block.sum(1)
    left, right = functions.split(readout.pairs, 1)
    found["interpolants"] = readout.output_factor * (functions * readout.single[species]).sum(1)
    products = (left * right * readout.paired[species]).sum(1)
    found["products of two"] = readout.output_factor * products
    return found
