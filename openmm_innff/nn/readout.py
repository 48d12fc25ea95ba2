"""The INN readout: atomic energy from invariants by interpolants and CP products of them."""

import math

import torch
from torch import Tensor, nn

from openmm_innff.nn.bsplines import node_count
from openmm_innff.nn.interpolant import interpolate, smooth_nodal_values, soft_clip

CLIP = 4.0
"""Bound of the soft-clipped projections, in standard deviations."""


class Readout(nn.Module):
    """Atomic energies, with parameters of their own for each species.

    With normalised invariants x, e = w.x + sum_p c_p f_p + sum_p d_p f_p f_{p + P/2}, where
    f_p are 1-D interpolants of P learned, soft-clipped projections of x.

    Parameters
    ----------
    species, inputs : int
        Number of species and of invariants.
    projections : int
        P, even.
    intervals : int
        Grid intervals of each interpolant.
    generator : torch.Generator
        Source of the initial values.
    """

    functions: Tensor
    mean: Tensor
    inverse_deviation: Tensor

    def __init__(
        self,
        species: int,
        inputs: int,
        projections: int,
        intervals: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.species = species
        self.pairs = projections // 2
        self.bound = CLIP
        self.grid_density = intervals / (2.0 * CLIP)
        self.input_factor = 1.0 / math.sqrt(inputs)
        self.output_factor = 1.0 / math.sqrt(projections)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)

        functions = species * projections
        nodal = smooth_nodal_values(functions, node_count(intervals), generator, roughness=1.0)
        self.nodal_values = nn.Parameter(0.5 * nodal)
        self.projection = nn.Parameter(normal(species, inputs, projections))
        self.bias = nn.Parameter(0.5 * normal(species, projections))
        self.linear = nn.Parameter(torch.zeros(species, inputs))
        self.single = nn.Parameter(0.3 * normal(species, projections))
        self.paired = nn.Parameter(0.3 * normal(species, self.pairs))
        self.register_buffer("mean", torch.zeros(species, inputs))
        self.register_buffer("inverse_deviation", torch.ones(species, inputs))
        numbers = torch.arange(functions).reshape(species, projections)
        self.register_buffer("functions", numbers, persistent=False)

    def forward(self, invariants: Tensor, counts: list[int]) -> tuple[Tensor, Tensor]:
        """Return energies, shape (n,), of atoms sorted by species, and the interpolants' values.

        Parameters
        ----------
        invariants : Tensor, shape (n, inputs)
        counts : list of int
            Atoms of each species.

        Returns
        -------
        energies : Tensor, shape (n,)
        functions : Tensor, shape (n, projections)
        """
        scale = self.inverse_deviation * self.input_factor
        weights = torch.cat([self.projection, self.linear.unsqueeze(-1)], -1) * scale.unsqueeze(-1)
        shift = torch.matmul(self.mean.unsqueeze(1), weights)
        projected: list[Tensor] = []
        for z, part in enumerate(invariants.split(counts)):
            projected.append(torch.matmul(part, weights[z]) - shift[z])
        columns = torch.cat(projected)
        repeats = torch.tensor(counts, device=invariants.device)
        species = torch.repeat_interleave(repeats, output_size=invariants.shape[0])
        inner, linear = columns.split([2 * self.pairs, 1], 1)
        inner = inner + self.bias.index_select(0, species)
        f = self._functions(inner, species)
        return linear.squeeze(1) + self._learned(f, species) * self.output_factor, f

    def normalised(self, invariants: Tensor, counts: list[int]) -> Tensor:
        """Return the invariants with zero mean and unit size, shape (n, inputs)."""
        parts: list[Tensor] = []
        for z, part in enumerate(invariants.split(counts)):
            parts.append((part - self.mean[z]) * self.inverse_deviation[z])
        return torch.cat(parts)

    def _functions(self, inner: Tensor, species: Tensor) -> Tensor:
        grid = (soft_clip(inner, self.bound) + self.bound) * self.grid_density
        functions = self.functions.index_select(0, species)
        return interpolate(self.nodal_values, functions, grid)

    def _learned(self, f: Tensor, species: Tensor) -> Tensor:
        left, right = f.split(self.pairs, 1)
        products = left * right
        single = self.single.index_select(0, species)
        paired = self.paired.index_select(0, species)
        return (f * single).sum(1) + (products * paired).sum(1)

    def normalise(self, invariants: Tensor, counts: list[int]) -> None:
        """Set means and deviations from a sample of invariants, shape (n, inputs).

        The rms is mixed into the deviation: a nearly constant invariant is not blown up.
        """
        for z, sample in enumerate(invariants.split(counts)):
            rms = sample.square().mean(0).sqrt()
            deviation = sample.std(0) + 0.5 * rms + 0.01 * rms.mean()
            self.mean[z] = sample.mean(0)
            self.inverse_deviation[z] = 1.0 / deviation
