"""Scales of a component, set from data before its training starts."""

from typing import cast

import torch
from torch import Tensor

from openmm_innff.engine.parameters import Terms
from openmm_innff.neighbors import first_atoms
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.component import Component
from openmm_innff.training.batch import Batch

SMOOTH, RIDGE = 1e-3, 1e-7
"""Penalties of the least squares of a bonded part, relative to the mean square of a column."""


@torch.no_grad()
def calibrate(potential: Potential, part: str, sample: list[Batch], scale: float) -> None:
    """Give features unit size, invariants zero mean, and energies the scale of the data.

    Parameters
    ----------
    potential : Potential
    part : str
        "fast" or "slow".
    sample : list of Batch
        Some frames of the training data.
    scale : float
        Typical force of what the component has to describe, in eV/angstrom.
    """
    component: Component | Bonded = getattr(potential, part)
    if isinstance(component, Bonded):
        fit_linear(component, sample)
        return
    component.scale.fill_(scale)
    degrees = component.mixing.degree_of_row
    squares = torch.zeros_like(component.mixing.norms)
    for batch in sample:
        a = _features(component, part, batch)
        squares.index_add_(0, degrees, a.square().mean((1, 2)) / (2 * degrees + 1))
    component.mixing.norms.div_(torch.sqrt(squares / len(sample)))
    _normalise_readout(component, part, sample)


def _counts(component: Component, batch: Batch) -> list[int]:
    counts: list[int] = torch.bincount(batch.species, minlength=component.readout.species).tolist()
    return counts


def _features(component: Component, part: str, batch: Batch) -> Tensor:
    density = component.density(batch.positions, getattr(batch, part), batch.species)
    return component.mixing(density, _counts(component, batch))


def _normalise_readout(component: Component, part: str, sample: list[Batch]) -> None:
    grouped: list[list[Tensor]] = []
    for batch in sample:
        invariants = component.products(_features(component, part, batch))
        grouped.append(list(invariants.split(_counts(component, batch))))
    species = [torch.cat(parts) for parts in zip(*grouped, strict=True)]
    component.readout.normalise(torch.cat(species), [len(part) for part in species])


@torch.no_grad()
def set_cores(potential: Potential, sample: list[Batch]) -> None:
    """Set the core radii to the shortest distance of each pair of species.

    Parameters
    ----------
    potential : Potential
        Pairs that never meet within the fast cutoff keep their radius.
    sample : list of Batch
        All training frames.
    """
    if isinstance(potential.fast, Bonded):  # walls of its own stand there
        return
    core = potential.fast.repulsion.core
    shortest = shortest_distances(potential, sample).to(core.dtype)
    reached = shortest < potential.cutoff("fast")
    core[reached] = shortest[reached]


def shortest_distances(potential: Potential, sample: list[Batch]) -> Tensor:
    """Return the shortest distance of each pair of species, shape (species, species).

    Parameters
    ----------
    potential : Potential
    sample : list of Batch

    Returns
    -------
    Tensor, float64
        In angstrom; infinite where two species never meet within the slow cutoff.
    """
    species = len(potential.elements)
    shortest = torch.full((species * species,), torch.inf, dtype=torch.float64)
    for batch in sample:
        first, second = first_atoms(batch.slow), batch.slow.second
        vectors = batch.positions[second] - batch.positions[first] + batch.slow.offsets
        kind = batch.species[first] * species + batch.species[second]
        shortest.scatter_reduce_(0, kind, vectors.norm(dim=1), "amin")
    return shortest.reshape(species, species)


@torch.no_grad()
def fit_linear(component: Bonded, sample: list[Batch], energy_weight: float = 0.2) -> None:
    """Set the functions that the energy is linear in by least squares of forces and energies.

    Parameters
    ----------
    component : Bonded
        Its products are left as they are.
    sample : list of Batch
        Some frames of the training data.
    energy_weight : float
        Of (E - E_ref)^2 / N against the mean squared force component.
    """
    columns = []
    linear = [component.bonds, component.angles, component.pairs]
    for parameter in linear:
        parameter.zero_()
    rest = _labels(component, sample, energy_weight)
    for parameter in linear:
        flat = parameter.view(-1)
        for k in range(len(flat)):
            flat[k] = 1.0
            columns.append(_labels(component, sample, energy_weight) - rest)
            flat[k] = 0.0
    if not columns:
        return
    design, wanted = torch.stack(columns, 1), _labels(None, sample, energy_weight) - rest
    normal = design.T @ design
    # Where data are missing, a function goes on as a parabola.
    rough = torch.block_diag(*(third_differences(p.shape[1]) for p in linear for _ in p))
    penalty = SMOOTH * rough.T @ rough + RIDGE * torch.eye(len(normal), dtype=normal.dtype)
    scale = normal.diagonal().mean()
    solution = torch.linalg.solve(normal + scale * penalty, design.T @ wanted)
    for parameter in linear:
        values, solution = solution[: parameter.numel()], solution[parameter.numel() :]
        parameter.copy_(values.reshape(parameter.shape))


def third_differences(n: int) -> Tensor:
    """Return the matrix of third differences, shape (n - 3, n), float64."""
    return torch.diff(torch.eye(n, dtype=torch.float64), n=3, dim=0)


def _labels(component: Bonded | None, sample: list[Batch], energy_weight: float) -> Tensor:
    """Return weighted forces and energies of a component, or the reference's."""
    found = []
    for batch in sample:
        energy, forces = batch.energies, batch.forces.double()
        if component is not None:
            energies, forces = component(batch.positions, cast(Terms, batch.fast))
            energy = energies.sum(0, keepdim=True)
        size = float(batch.sizes)
        found += [forces.reshape(-1) / (3.0 * size) ** 0.5, (energy_weight / size) ** 0.5 * energy]
    return torch.cat(found)
