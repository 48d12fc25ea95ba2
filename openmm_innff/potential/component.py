"""One component of the potential: an INN of the nodal density within a cutoff."""

import torch
from torch import Tensor, nn

from openmm_innff.nn.density import ChannelMixing, RadialBasis, nodal_density
from openmm_innff.nn.harmonics import spherical_harmonics
from openmm_innff.nn.invariants import Invariants, invariant_count
from openmm_innff.nn.readout import Readout
from openmm_innff.potential.config import ComponentConfig
from openmm_innff.potential.repulsion import CoreRepulsion

TINY = 1e-12  # square angstrom: keeps the direction of coincident atoms finite


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
        self.cutoff = config.cutoff
        self.tiny = TINY
        self.repulsive = repulsive
        self.l_max = config.l_max
        self.radial = RadialBasis(config.cutoff, config.nodes, config.warp)
        self.mixing = ChannelMixing(
            species, config.l_max, config.nodes, config.radials, config.channels, generator
        )
        self.products = Invariants(config.l_max)
        self.readout = Readout(species, inputs, config.projections, config.intervals, generator)
        self.repulsion = CoreRepulsion(numbers if repulsive else [])
        self.register_buffer("scale", torch.ones(()))

    def forward(self, vectors: Tensor, widths: list[int], counts: list[int]) -> Tensor:
        """Return the energies of the atoms.

        Parameters
        ----------
        vectors : Tensor, shape (3, n, m)
            Vectors to the neighbour slots in angstrom, in the order of a `NeighborTable`.
        widths, counts : list of int
            Slots and rows per species.

        Returns
        -------
        Tensor, shape (n,)
            In eV, atoms sorted by species.
        """
        x, y, z = vectors.unbind(0)
        squared = x * x + y * y + z * z + self.tiny
        density = self._density(x, y, z, squared, widths)
        invariants = self.products(self.mixing(density, counts))
        energies = self.readout(invariants, counts) * self.scale
        if self.repulsive:
            energies = energies + self.repulsion(squared, widths, counts)
        return energies

    def density(self, vectors: Tensor, widths: list[int]) -> Tensor:
        """Return the nodal density, shape (lm, n, s * g), of vectors of shape (3, n, m)."""
        x, y, z = vectors.unbind(0)
        return self._density(x, y, z, x * x + y * y + z * z + self.tiny, widths)

    def _density(
        self, x: Tensor, y: Tensor, z: Tensor, squared: Tensor, widths: list[int]
    ) -> Tensor:
        inverse = torch.rsqrt(squared)
        harmonics = spherical_harmonics(x * inverse, y * inverse, z * inverse, self.l_max)
        return nodal_density(harmonics, self.radial(squared), widths)
