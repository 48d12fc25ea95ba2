"""How often the nodes of which an INN-FF interpolates are used: the map of what it has seen."""

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from openmm_innff.audit.structure import Array, Indices, Structure
from openmm_innff.audit.subjects.base import NodeUse
from openmm_innff.audit.subjects.learned import layer_names, projections_of
from openmm_innff.neighbors import find_pairs, first_atoms
from openmm_innff.nn.interpolant import soft_clip
from openmm_innff.nn.readout import Readout
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.kinds import EnvironmentComponent

_ACTING = 4
"""Nodes that a cubic B-spline uses at any point."""


def node_use_of(potential: Potential, structures: Sequence[Structure]) -> list[NodeUse]:
    """Count for each node of radial functions and readouts how often structures use it.

    Parameters
    ----------
    potential
        Its bonded fast part, if it has one, is left out.
    structures
        At least one.
    """
    found: list[NodeUse] = []
    whole = "whole" if potential.config.distilled else "slow"
    for part, component in {"fast": potential.fast, whole: potential.slow}.items():
        if not isinstance(component, Bonded):
            component = copy.deepcopy(component).double().eval().requires_grad_(False)
            each = [_of_component(component, potential, s, part) for s in structures]
            found += [_together(uses) for uses in zip(*each, strict=True)]
    return found


def _together(uses: Sequence[NodeUse]) -> NodeUse:
    first = uses[0]
    counts = np.sum([use.counts for use in uses], axis=0)
    return NodeUse(first.title, first.x_label, first.functions, first.nodes, counts)


def _of_component(
    component: EnvironmentComponent, potential: Potential, structure: Structure, part: str
) -> list[NodeUse]:
    names, elements = layer_names(component, part), potential.elements
    found = [_radial(component, potential, structure, part)]
    for name, (readout, projections) in zip(
        names, projections_of(component, potential, structure), strict=True
    ):
        for species, symbol in enumerate(elements):
            found.append(_readout(readout, projections[species], f"{symbol}, {name}"))
    return found


def _readout(readout: Readout, projections: Tensor, title: str) -> NodeUse:
    intervals = round(2 * readout.bound * readout.grid_density)
    grid = (soft_clip(projections, readout.bound) + readout.bound) * readout.grid_density
    rows = np.broadcast_to(np.arange(grid.shape[1]), tuple(grid.shape))
    counts = _count(rows, grid.numpy(), grid.shape[1], intervals)
    nodes = (np.arange(intervals + 3) - 1) / readout.grid_density - readout.bound
    names = tuple(f"interpolant {p + 1}" for p in range(grid.shape[1]))
    return NodeUse(title, "projection", names, nodes, counts)


def _radial(
    component: EnvironmentComponent, potential: Potential, structure: Structure, part: str
) -> NodeUse:
    positions = torch.tensor(structure.positions)
    box = torch.tensor(np.zeros((3, 3)) if structure.cell is None else structure.cell)
    pairs = find_pairs(positions, box, structure.periodic, component.cutoff)
    first, second = first_atoms(pairs), pairs.second
    squares = (positions[second] - positions[first] + pairs.offsets).square().sum(1)
    cutoff, warp, intervals = component.cutoff, component.warp, component.nodes - 3
    whole = math.log1p((cutoff / warp) ** 2)
    grid = torch.log1p(squares / warp**2) * (intervals / whole)
    species, elements = potential.species_index(structure.numbers), potential.elements
    rows = species[first] * len(elements) + species[second]
    names = tuple(f"{b} seen by {a}" for a in elements for b in elements)
    counts = _count(rows.numpy(), grid.numpy(), len(names), intervals)
    places = np.arange(intervals + 3) - 1
    nodes = warp * np.sqrt(np.maximum(np.expm1(places * whole / intervals), 0.0))
    return NodeUse(f"Radial functions, {part}", "distance (Å)", names, nodes, counts)


def _count(rows: Indices, grid: Array, functions: int, intervals: int) -> Array:
    """Count for each function and node the points in whose interval it acts."""
    cells = np.clip(np.floor(grid), 0, intervals - 1).astype(np.int64)
    counts = np.zeros((functions, intervals + 3))
    for node in range(_ACTING):
        np.add.at(counts, (rows.reshape(-1), cells.reshape(-1) + node), 1.0)
    return counts
