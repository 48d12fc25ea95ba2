"""Scales of a component, set from data before its training starts."""

from typing import cast

import torch
from torch import Tensor

from openmm_innff.engine.parameters import Terms
from openmm_innff.neighbors import first_atoms
from openmm_innff.nn.messages import MessageLayer
from openmm_innff.nn.readout import Readout
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.component import Component
from openmm_innff.potential.equivariant import Equivariant
from openmm_innff.potential.kinds import AnyComponent
from openmm_innff.training.batch import Batch, collate
from openmm_innff.training.losses import rms

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
    component: AnyComponent = getattr(potential, part)
    if isinstance(component, Bonded):
        fit_linear(component, sample)
        return
    component.scale.fill_(scale)
    if isinstance(component, Equivariant):
        together = collate(sample)
        pairs = getattr(together, part)
        counts = torch.bincount(together.species, minlength=component.n_species).tolist()
        component.calibrate(together.positions, pairs, together.species, counts)
        return
    inputs = [_Sample(component, part, batch) for batch in sample]
    degrees = component.mixing.degree_of_row
    squares = torch.zeros_like(component.mixing.norms)
    for a in inputs:
        squares.index_add_(0, degrees, a.features.square().mean((1, 2)) / (2 * degrees + 1))
    component.mixing.norms.div_(torch.sqrt(squares / len(sample)))
    _normalise(component.readout, [(a.invariants, a.counts) for a in inputs])
    for layer, readout in component.deeper():
        _calibrate_layer(layer, inputs)
        _normalise(readout, [(component.products(a.deeper(layer)), a.counts) for a in inputs])


class _Sample:
    """What the first layer makes of some frames, with the component's present norms."""

    def __init__(self, component: Component, part: str, batch: Batch) -> None:
        species = component.readout.species
        self.component, self.batch, self.pairs = component, batch, getattr(batch, part)
        self.counts: list[int] = torch.bincount(batch.species, minlength=species).tolist()
        ones = torch.ones(len(batch.species), 1, dtype=component.scale.dtype)
        self.density = self._density(ones, component.cutoff)

    def _density(self, features: Tensor, cutoff: float) -> Tensor:
        where = self.batch.positions, self.pairs, self.batch.species
        return self.component.density(*where, features, cutoff)

    @property
    def features(self) -> Tensor:
        return self.component.mixing(self.density, self.counts)

    @property
    def invariants(self) -> Tensor:
        return self.component.products(self.features)

    def messages(self, layer: MessageLayer) -> Tensor:
        readout, invariants = self.component.readout, self.invariants
        _, functions = readout(invariants, self.counts)
        inputs = readout.normalised(invariants, self.counts)
        return layer.make_messages(inputs, functions, self.features, self.counts)

    def coupled(self, layer: MessageLayer) -> list[Tensor]:
        return layer.couple(self._density(self.messages(layer), self.component.message_cutoff))

    def deeper(self, layer: MessageLayer) -> Tensor:
        return layer.mix(self.coupled(layer), self.features, self.counts)


def _calibrate_layer(layer: MessageLayer, sample: list[_Sample]) -> None:
    """Give messages, and what each path makes of them, unit size."""
    width = layer.messages
    found = torch.cat([a.messages(layer) for a in sample])
    layer.message_norms[0] /= rms(found[:, :width])
    if layer.vectors:
        layer.message_norms[1] /= rms(found[:, width:])
    coupled = [
        torch.cat(parts, 1) for parts in zip(*(a.coupled(layer) for a in sample), strict=True)
    ]
    for path, (degree, place) in enumerate(layer.places):
        layer.path_norms[path] /= rms(coupled[degree][..., place * width : (place + 1) * width])


def _normalise(readout: Readout, sample: list[tuple[Tensor, list[int]]]) -> None:
    grouped = [invariants.split(counts) for invariants, counts in sample]
    species = [torch.cat(parts) for parts in zip(*grouped, strict=True)]
    readout.normalise(torch.cat(species), [len(part) for part in species])


@torch.no_grad()
def set_cores(potential: Potential, sample: list[Batch], shrink_only: bool = False) -> None:
    """Set the core radii to the shortest distance of each pair of species.

    Parameters
    ----------
    potential : Potential
        Pairs that never meet within the fast cutoff keep their radius.
    sample : list of Batch
        All training frames.
    shrink_only : bool
        Radii that are shorter already stay: other data have set them.
    """
    shortest = shortest_distances(potential, sample)
    for component in (potential.fast, potential.slow):
        # A bonded part has walls of its own.
        if not isinstance(component, Bonded) and component.repulsive:
            core = component.repulsion.core
            reached = shortest < component.cutoff
            found = shortest[reached].to(core.dtype)
            core[reached] = torch.minimum(core[reached], found) if shrink_only else found


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
