"""The curves of which an INN-FF is made: radial functions and the interpolants of its readouts."""

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects.base import Learned, LearnedFunction
from openmm_innff.neighbors import find_pairs
from openmm_innff.nn.bsplines import bspline_weights
from openmm_innff.nn.density import smooth_cutoff
from openmm_innff.nn.interpolant import interpolate, soft_clip
from openmm_innff.nn.readout import Readout
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.kinds import EnvironmentComponent
from openmm_innff.potential.projections import projections

_SHOWN = 6
"""Interpolants of each readout and element."""
_POINTS = 200
_NEAREST = 0.6
_MOST_USED = 100
"""Inputs shown for each function."""


def learned_of(potential: Potential, structures: Sequence[Structure]) -> Learned | None:
    """Return the functions of all components with nodal densities, and where they are used.

    Parameters
    ----------
    potential
        Its bonded fast part, if it has one, is left out.
    structures
        Where it is evaluated.
    """
    functions: list[LearnedFunction] = []
    outside = {structure.name: [0, 0] for structure in structures}
    visited: list[Array] = []
    terms: dict[str, Array] = {}
    whole = "whole" if potential.config.distilled else "slow"
    components = {"fast": potential.fast, whole: potential.slow}
    for part, component in components.items():
        if isinstance(component, Bonded):
            continue
        component = copy.deepcopy(component).double().eval().requires_grad_(False)
        functions += _radial(component, potential.elements, part)
        names = layer_names(component, part)
        inputs: list[list[list[Tensor]]] = [[[] for _ in potential.elements] for _ in names]
        for structure in structures:
            for layer, (readout, found) in enumerate(
                projections_of(component, potential, structure)
            ):
                for species, values in enumerate(found):
                    inputs[layer][species].append(values)
                    outside[structure.name][0] += int((values.abs() > readout.bound).sum())
                    outside[structure.name][1] += values.numel()
        readouts = component.all_readouts()
        for layer, (name, readout) in enumerate(zip(names, readouts, strict=True)):
            for species, symbol in enumerate(potential.elements):
                used = torch.cat(inputs[layer][species])
                if len(used):
                    scale = float(component.scale)
                    title = f"{symbol}, {name}"
                    shown, terms[title], touched = _interpolants(
                        readout, species, used, scale, title
                    )
                    functions += shown
                    visited.append(touched)
    if not functions:
        return None
    beyond = {name: out / max(total, 1) for name, (out, total) in outside.items()}
    return Learned(functions, beyond, float(np.concatenate(visited).mean()), terms)


def _radial(
    component: EnvironmentComponent, elements: Sequence[str], part: str
) -> list[LearnedFunction]:
    """Return for each pair of elements the function that channels of degree 0 have most of.

    The nodal values of all channels are a matrix; its first singular vector is that function, its
    singular value the size.
    """
    nodes, cutoff, warp = component.nodes, component.cutoff, component.warp
    r = torch.linspace(_NEAREST, cutoff, _POINTS, dtype=torch.float64)
    grid = torch.log1p(r**2 / warp**2) * ((nodes - 3) / math.log1p((cutoff / warp) ** 2))
    cell = grid.floor().clamp(0.0, nodes - 4.0)
    basis = torch.zeros(len(r), nodes, dtype=torch.float64)
    for node, weight in enumerate(bspline_weights(grid - cell)):
        basis[torch.arange(len(r)), cell.long() + node] = weight
    basis = basis * smooth_cutoff(r**2 / cutoff**2)[:, None]
    values = component.pair_values()  # (z, s * nodes, channels)
    found = []
    for z, centre in enumerate(elements):
        for s, neighbour in enumerate(elements):
            block = values[z, s * nodes : (s + 1) * nodes]
            vectors, sizes, _ = torch.linalg.svd(block)
            y = (basis @ vectors[:, 0] * sizes[0]).numpy()
            y = y * np.sign(y[np.argmax(np.abs(y))])
            found.append(
                LearnedFunction(
                    f"Radial functions, {part}",
                    f"{neighbour} seen by {centre}",
                    "distance (Å)",
                    "density (arbitrary)",
                    r.numpy(),
                    y,
                    np.empty(0),
                )
            )
    return found


def layer_names(component: EnvironmentComponent, part: str) -> list[str]:
    """Return what the readouts of a component are called."""
    layers = len(component.all_readouts())
    return [part] if layers == 1 else [f"{part}, layer {layer + 1}" for layer in range(layers)]


def projections_of(
    component: EnvironmentComponent, potential: Potential, structure: Structure
) -> list[tuple[Readout, list[Tensor]]]:
    """Return each readout and what its interpolants get: of each species, shape (n, P)."""
    species = potential.species_index(structure.numbers)
    order = torch.argsort(species, stable=True)
    positions = torch.tensor(structure.positions)[order]
    box = torch.zeros(3, 3, dtype=torch.float64)
    if structure.cell is not None:
        box = torch.tensor(structure.cell)
    pairs = find_pairs(positions, box, structure.periodic, component.cutoff)
    found = projections(component, positions, pairs, species[order])
    return list(zip(component.all_readouts(), found, strict=True))


def _interpolants(
    readout: Readout, species: int, used: Tensor, scale: float, title: str
) -> tuple[list[LearnedFunction], Array, Array]:
    """Return the interpolants that vary the energy most, sizes of terms, intervals in use."""
    bound, factor = readout.bound, 1000.0 * scale * readout.output_factor
    rows = readout.functions[species]
    weights = factor * readout.single[species]

    def evaluate(clipped: Tensor) -> Tensor:
        grid = (clipped + bound) * readout.grid_density
        return interpolate(readout.nodal_values, rows.expand(grid.shape), grid)

    clipped = soft_clip(used, bound)
    values = evaluate(clipped)
    left, right = values.split(readout.pairs, 1)
    energies, products = values * weights, factor * left * right * readout.paired[species]
    spread = energies.std(0, correction=0)
    terms = torch.cat([spread, products.std(0, correction=0)]).sort(descending=True).values
    x = torch.linspace(-bound, bound, _POINTS, dtype=torch.float64)
    curves = evaluate(x[:, None].expand(-1, len(rows))) * weights
    middle = energies.mean(0)
    found = []
    for rank, p in enumerate(torch.argsort(spread, descending=True)[:_SHOWN].tolist()):
        step = -(-len(used) // _MOST_USED)
        found.append(
            LearnedFunction(
                title,
                f"{rank + 1}.",
                "projection",
                "energy (meV)",
                x.numpy(),
                (curves[:, p] - middle[p]).numpy(),
                clipped[::step, p].numpy(),
            )
        )
    intervals = round(2 * bound * readout.grid_density)
    cells = ((clipped + bound) * readout.grid_density).floor().clamp(0, intervals - 1).long()
    touched = torch.zeros(len(rows), intervals, dtype=torch.bool)
    touched[torch.arange(len(rows)).expand(cells.shape), cells] = True
    return found, terms.numpy(), touched.numpy().reshape(-1).astype(float)
