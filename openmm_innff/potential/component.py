"""One component of the potential: an INN of the nodal density within a cutoff."""

from typing import cast

import torch
from torch import Tensor, nn

from openmm_innff.engine import reference
from openmm_innff.engine.density import Grid, nodal_density
from openmm_innff.neighbors import PairList
from openmm_innff.nn.density import ChannelMixing
from openmm_innff.nn.interpolant import bending
from openmm_innff.nn.invariants import Invariants, invariant_count, invariant_orders
from openmm_innff.nn.messages import MessageLayer
from openmm_innff.nn.readout import Readout
from openmm_innff.potential.config import ComponentConfig
from openmm_innff.potential.repulsion import CoreRepulsion


class Component(nn.Module):
    """Atomic energies from the neighbourhood of each atom.

    Parameters
    ----------
    config : ComponentConfig
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
        config: ComponentConfig,
        numbers: list[int],
        repulsive: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        species = len(numbers)
        inputs = invariant_count(config.l_max, config.channels)
        self.config = config
        self.cutoff = config.cutoff
        self.tiny = reference.TINY
        self.repulsive = repulsive
        self.n_species, self.l_max, self.nodes = species, config.l_max, config.nodes
        self.warp = config.warp
        self.mixing = ChannelMixing(
            species, config.l_max, config.nodes, config.radials, config.channels, generator
        )
        self.products = Invariants(config.l_max)
        self.readout = Readout(species, inputs, config.projections, config.intervals, generator)
        # A second layer and its readout, or nothing.
        self.layers, self.readouts = nn.ModuleList(), nn.ModuleList()
        self.message_cutoff = config.message_cutoff or config.cutoff
        if config.messages:
            sizes = config.nodes, config.radials, config.channels, inputs, config.projections
            messages = config.messages, config.vectors
            self.layers.append(MessageLayer(species, *sizes, *messages, generator))
            self.readouts.append(
                Readout(species, inputs, config.projections, config.intervals, generator)
            )
        self.repulsion = CoreRepulsion(numbers if repulsive else [])
        self.register_buffer("scale", torch.ones(()))

    def forward(
        self, positions: Tensor, pairs: PairList, species: Tensor, counts: list[int]
    ) -> Tensor:
        """Return the energies of the atoms.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom, atoms sorted by species.
        pairs : PairList
        species : Tensor, shape (N,), int64
            Ascending.
        counts : list of int
            Atoms of each species.

        Returns
        -------
        Tensor, shape (N,), float64
            In eV.
        """
        ones = torch.ones_like(species, dtype=self.scale.dtype).unsqueeze(1)
        a = self.mixing(self.density(positions, pairs, species, ones, self.cutoff), counts)
        invariants = self.products(a)
        energies, functions = self.readout(invariants, counts)
        for layer, readout in zip(self.layers, self.readouts):  # noqa: B905 - TorchScript
            inputs = self.readout.normalised(invariants, counts)
            messages = layer.make_messages(inputs, functions, a, counts)  # type: ignore[operator]
            density = self.density(positions, pairs, species, messages, self.message_cutoff)
            a = layer.mix(layer.couple(density), a, counts)  # type: ignore[operator]
            deeper, _ = readout(self.products(a), counts)
            energies = energies + deeper
        energies = (energies * self.scale).to(positions.dtype)
        if self.repulsive:
            energies = energies + self.repulsion(positions, pairs, species, self.tiny)
        return energies

    @torch.jit.unused
    def roughness(self) -> Tensor:
        """Return the mean squared second difference of nodal values: a prior for smoothness."""
        curves: list[Tensor] = [self.mixing.radial, self.readout.nodal_values]
        for layer, readout in self.deeper():
            curves += [layer.radial, readout.nodal_values]
        return bending(curves)

    @torch.jit.unused
    def all_readouts(self) -> list[Readout]:
        """Return the readouts of both layers, or of the only one."""
        return [self.readout, *(readout for _, readout in self.deeper())]

    @torch.jit.unused
    def orders(self) -> list[list[tuple[int, int]]]:
        """Return for each readout the orders and widths of its blocks of invariants."""
        blocks = invariant_orders(self.l_max, self.config.channels)
        return [blocks for _ in self.all_readouts()]

    @torch.jit.unused
    def pair_values(self) -> Tensor:
        """Return the nodal values of the functions of distance alone, shape (z, s * g, k)."""
        return self.mixing.nodal_values()[:, 0]

    @torch.jit.unused
    def deeper(self) -> list[tuple[MessageLayer, Readout]]:
        """Return the second layer and its readout, or nothing."""
        pairs = zip(self.layers, self.readouts, strict=True)
        return [(cast(MessageLayer, layer), cast(Readout, readout)) for layer, readout in pairs]

    def density(
        self, positions: Tensor, pairs: PairList, species: Tensor, features: Tensor, cutoff: float
    ) -> Tensor:
        """Return the nodal density, shape (lm, N, s * g * features)."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return reference.nodal_density(
                positions,
                pairs.offsets,
                pairs.starts,
                pairs.second,
                species,
                features,
                self.n_species,
                self.l_max,
                self.nodes,
                cutoff,
                self.warp,
            )
        grid = Grid(self.n_species, self.l_max, self.nodes, cutoff, self.warp)
        return nodal_density(positions, pairs, species, features, grid)
