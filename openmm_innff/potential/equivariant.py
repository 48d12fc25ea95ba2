"""A rich component: two layers of equivariant tensors, read out by interpolants.

It costs more than the one of nodal densities and learns from less: meant for the whole energy of a
molecule, of which the slow part is what a fast one leaves.
"""

import math

import torch
from torch import Tensor, nn

from openmm_innff.engine.reference import TINY
from openmm_innff.neighbors import PairList
from openmm_innff.nn.bsplines import bspline_values
from openmm_innff.nn.density import smooth_cutoff
from openmm_innff.nn.equivariant import (
    L_DENSITY,
    L_FEATURES,
    DegreeMixing,
    RadialFunctions,
    TensorMessages,
    TensorProducts,
)
from openmm_innff.nn.harmonics import spherical_harmonics
from openmm_innff.nn.interpolant import bending
from openmm_innff.nn.readout import Readout
from openmm_innff.potential.equivariant_config import EquivariantConfig
from openmm_innff.potential.repulsion import CoreRepulsion

FAR = 1e3
"""Where the neighbours are that fill up a table, in angstrom."""


def pad_pairs(pairs: PairList, longest: int, far: float = FAR) -> tuple[Tensor, Tensor]:
    """Return a table of neighbours, shape (N, K), and their offsets, shape (N, K, 3).

    Parameters
    ----------
    pairs : PairList
    longest : int
        K, at least the length of the longest list; 0: that length.
    far : float
        Places that are left over hold the atom itself, that far away along each axis, in angstrom.
    """
    starts = pairs.starts[:-1].unsqueeze(1)
    sizes = (pairs.starts[1:] - pairs.starts[:-1]).unsqueeze(1)
    n = sizes.shape[0]
    if longest == 0 and n > 0:
        longest = int(sizes.max())
    slot = torch.arange(longest, device=starts.device).unsqueeze(0)
    there = slot < sizes
    beyond = pairs.offsets.new_full([1, 3], far)
    place = torch.where(there, starts + slot, pairs.second.shape[0])
    second = torch.cat([pairs.second, pairs.second.new_zeros(1)])
    own = torch.arange(n, device=starts.device).unsqueeze(1)
    near = torch.where(there, second[place], own)
    return near, torch.cat([pairs.offsets, beyond])[place]


class Equivariant(nn.Module):
    """Atomic energies from two layers of tensors.

    Parameters
    ----------
    config : EquivariantConfig
    numbers : list of int
        Atomic numbers of the species.
    repulsive : bool
        Whether the component holds the core repulsion.
    generator : torch.Generator
        Source of the initial parameters.
    """

    scale: Tensor

    def __init__(
        self,
        config: EquivariantConfig,
        numbers: list[int],
        repulsive: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        species = self.n_species = len(numbers)
        self.config = config
        self.cutoff, self.warp, self.nodes = config.cutoff, config.warp, config.nodes
        self.message_cutoff = config.cutoff
        self.repulsive, self.tiny = repulsive, TINY
        k, f = config.channels, config.features
        grid = config.nodes, config.radials
        self.radial = RadialFunctions(L_DENSITY + 1, *grid, 3 * k, (species, species), generator)
        self.products = TensorProducts(k, L_DENSITY, f, generator)
        self.messages = TensorMessages(species, *grid, f, k, generator)
        self.deeper_products = TensorProducts(k, L_FEATURES, 0, generator)
        shape = config.projections, config.intervals, generator
        self.readout = Readout(species, self.products.n_invariants, *shape)
        self.deeper_readout = Readout(species, self.deeper_products.n_invariants, *shape)
        self.repulsion = CoreRepulsion(numbers if repulsive else [])
        self.register_buffer("scale", torch.ones(()))

    def forward(
        self, positions: Tensor, pairs: PairList, species: Tensor, counts: list[int]
    ) -> Tensor:
        """Return the energies of the atoms; see `Component.forward`."""
        near, offsets = pad_pairs(pairs, 0)
        energies = self.energies(positions, near, offsets, species, counts)
        if self.repulsive:
            energies = energies + self.repulsion(positions, pairs, species, self.tiny)
        return energies

    def energies(
        self,
        positions: Tensor,
        near: Tensor,
        offsets: Tensor,
        species: Tensor,
        counts: list[int],
    ) -> Tensor:
        """Return the energies of the atoms without the core repulsion.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom, atoms sorted by species.
        near, offsets : Tensor, shape (N, K) and (N, K, 3)
            Of `pad_pairs`.
        species : Tensor, shape (N,), int64
            Ascending.
        counts : list of int
            Atoms of each species.

        Returns
        -------
        Tensor, shape (N,), float64
            In eV.
        """
        invariants = self.invariants(positions, near, offsets, species, counts)
        energies, _ = self.readout(invariants[0], counts)
        deeper, _ = self.deeper_readout(invariants[1], counts)
        return ((energies + deeper) * self.scale).to(positions.dtype)

    def invariants(
        self,
        positions: Tensor,
        near: Tensor,
        offsets: Tensor,
        species: Tensor,
        counts: list[int],
    ) -> tuple[Tensor, Tensor]:
        """Return what the readouts of both layers get, each of shape (N, inputs)."""
        harmonics, basis = self.surroundings(positions, near, offsets, species)
        density = self.density(harmonics, basis, counts)
        first, features = self.products(density, counts)
        outer = self.messages.outer(basis, harmonics, features, near)
        second, _ = self.deeper_products(self.messages(outer, features, counts), counts)
        return first, second

    def surroundings(
        self, positions: Tensor, near: Tensor, offsets: Tensor, species: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return harmonics (N, K, lm) and interpolation basis (N, K, s * g) of the neighbours."""
        there = positions.index_select(0, near.reshape(-1)).reshape(offsets.shape)
        between = (there - positions.unsqueeze(1) + offsets).to(self.scale.dtype)
        x, y, z = between.unbind(2)
        squared = x * x + y * y + z * z + self.tiny
        inverse = torch.rsqrt(squared)
        harmonics = spherical_harmonics(x * inverse, y * inverse, z * inverse, 3)
        density = (self.nodes - 3) / math.log1p((self.cutoff / self.warp) ** 2)
        grid = torch.log1p(squared * self.warp**-2) * density
        envelope = smooth_cutoff(squared * self.cutoff**-2)
        radial = bspline_values(grid, self.nodes) * envelope.unsqueeze(2)
        kinds = torch.arange(self.n_species, device=near.device)
        kind = species.index_select(0, near.reshape(-1)).reshape(near.shape)
        chosen = (kind.unsqueeze(2) == kinds).to(radial.dtype)
        basis = (chosen.unsqueeze(3) * radial.unsqueeze(2)).flatten(2)
        return harmonics.permute(1, 2, 0), basis

    def density(self, harmonics: Tensor, basis: Tensor, counts: list[int]) -> Tensor:
        """Return A of the first layer, shape (N, 16, 3 * channels)."""
        nodal = torch.matmul(harmonics.transpose(1, 2), basis)
        values = self.radial()  # (l, z, s * g, k)
        parts: list[Tensor] = []
        for z, own in enumerate(nodal.split(counts)):
            degrees = own.split([1, 3, 5, 7], 1)
            mixed = [torch.matmul(degrees[d], values[d, z]) for d in range(4)]
            parts.append(torch.cat(mixed, 1))
        return torch.cat(parts)

    @torch.jit.unused
    def all_readouts(self) -> list[Readout]:
        """Return the readouts of both layers."""
        return [self.readout, self.deeper_readout]

    @torch.jit.unused
    def orders(self) -> list[list[tuple[int, int]]]:
        """Return for each readout the orders and widths of its blocks of invariants."""
        return [self.products.orders, self.deeper_products.orders]

    @torch.jit.unused
    def pair_values(self) -> Tensor:
        """Return the nodal values of the functions of distance alone, shape (z, s * g, k)."""
        values: Tensor = self.radial()[0]
        return values

    @torch.jit.unused
    def roughness(self) -> Tensor:
        """Return the mean squared second difference of nodal values: a prior for smoothness."""
        curves = [self.radial.radial, self.messages.radial.radial]
        curves += [readout.nodal_values for readout in self.all_readouts()]
        return bending(curves)

    @torch.jit.unused
    def calibrate(
        self, positions: Tensor, pairs: PairList, species: Tensor, counts: list[int]
    ) -> None:
        """Give all tensors unit size and the invariants zero mean on a sample of atoms."""
        near, offsets = pad_pairs(pairs, 0)
        harmonics, basis = self.surroundings(positions, near, offsets, species)
        sizes = degree_sizes(self.density(harmonics, basis, counts))
        self.radial.norms.div_(sizes)
        density = self.density(harmonics, basis, counts)
        first, features = _calibrated(self.products, density, counts)
        self.messages.scale.div_(self.messages.outer(basis, harmonics, features, near).std())
        outer = self.messages.outer(basis, harmonics, features, near)
        _unit(self.messages.mixing, self.messages(outer, features, counts))
        second, _ = _calibrated(
            self.deeper_products, self.messages(outer, features, counts), counts
        )
        self.readout.normalise(first, counts)
        self.deeper_readout.normalise(second, counts)


def degree_sizes(tensors: Tensor) -> Tensor:
    """Return the root mean square of the components of each degree of (n, lm, k)."""
    degrees = math.isqrt(tensors.shape[1])
    parts = tensors.split([2 * d + 1 for d in range(degrees)], 1)
    return torch.stack([part.square().mean().sqrt() for part in parts])


def _unit(mixing: DegreeMixing, tensors: Tensor) -> None:
    mixing.norms.div_(degree_sizes(tensors))


def _calibrated(
    products: TensorProducts, density: Tensor, counts: list[int]
) -> tuple[Tensor, Tensor]:
    """Return invariants and features after the mixings have been given unit size."""
    k = products.channels
    pairs = products.pair(density[:, :9, :k], density[:, :, k : 2 * k])
    _unit(products.mixing, products.mixing(pairs, counts))
    if products.handing_on is not None:
        _unit(products.handing_on, products(density, counts)[1])
    found: tuple[Tensor, Tensor] = products(density, counts)
    return found
