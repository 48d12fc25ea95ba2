r"""How uncertain energies and forces are: a committee of last layers.

The weights w of the last layer (`last_layer`) are fitted to data, so they have a covariance,

.. math::

    \Sigma = \Big( \sum_a \phi_a \phi_a^T / s_a^2 + \lambda \Big)^{-1}, \qquad
    \sigma^2(E) = \alpha^2 \phi^T \Sigma \phi,

where phi_a are the derivatives of the energies and forces in the data by w: the prediction rigidity
(Bigi et al., arXiv:2403.02251), of an atom's energy the local one (Chong et al., J. Chem. Theory
Comput. 19, 8020 (2023), doi:10.1021/acs.jctc.3c00704). Instead of the matrix a few draws
dw_k ~ N(0, Sigma) are kept. Each is an energy dw_k . phi of the same form as the potential, so
uncertainties of forces come from the forces of the draws (as in shallow ensembles, Kellner &
Ceriotti, arXiv:2402.16621), by the code that evaluates the potential.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_innff.engine.parameters import TermIndex, Terms
from openmm_innff.errors import ConfigError
from openmm_innff.neighbors import PairList, find_pairs, geometry_fault
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.committee import Committee
from openmm_innff.potential.kinds import AnyComponent
from openmm_innff.potential.last_layer import count, last_layers
from openmm_innff.potential.potential import Potential
from openmm_innff.potential.projections import projections
from openmm_innff.potential.terms import find_terms
from openmm_innff.potential.topology import Bonds

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MEMBERS = 8
"""Draws that are evaluated unless more or fewer are asked for."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What a model knows of its own uncertainty.

    Attributes
    ----------
    draws : Tensor, shape (K, D)
        Of the last layers' weights, from a normal distribution about zero.
    energy_scale, force_scale : float
        alpha: factors that make standard deviations those of the errors on validation data.
    low, high : Tensor, shape (R,)
        Smallest and largest argument of each interpolant of the readouts in the training data.
    largest : float
        Largest uncertainty of the force on an atom in the validation data, eV/angstrom.
    origin : dict
        How it was made.
    """

    draws: Tensor
    energy_scale: float
    force_scale: float
    low: Tensor
    high: Tensor
    largest: float
    origin: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FrameUncertainty:
    """Uncertainties in one frame.

    Attributes
    ----------
    energy : float
        Standard deviation of the energy in eV.
    energies : array, shape (N,)
        Of the energies of the atoms, in eV.
    forces : array, shape (N,)
        Of a component of the force on each atom, in eV/angstrom.
    outside : array, shape (N,)
        Interpolants of each atom whose argument lies outside of what the training data hold.
    """

    energy: float
    energies: FloatArray
    forces: FloatArray
    outside: IntArray


class UncertaintyEvaluator:
    """Uncertainties for fixed atoms at any positions, always on the CPU.

    Parameters
    ----------
    potential : Potential
    uncertainty : Uncertainty
        Of this potential.
    atomic_numbers : sequence of int, length N
    periodic : bool
        Whether the box repeats in all three directions.
    members : int
        Draws that are evaluated: the cost is that of so many evaluations of the potential, the
        relative error of what is found about 1 / sqrt(2 members).
    bonds : iterable of (int, int)
        Bonded atoms, if the whole energy has terms of bonds.
    engine : str
        "auto", "compiled" or "torch".

    Raises
    ------
    ConfigError
        If the draws do not belong to this potential, or there are fewer than asked for.
    UnsupportedElementError
        If the potential does not know an element.
    """

    def __init__(
        self,
        potential: Potential,
        uncertainty: Uncertainty,
        atomic_numbers: Sequence[int] | np.ndarray,
        *,
        periodic: bool,
        members: int = MEMBERS,
        bonds: Bonds | None = None,
        engine: str = "auto",
    ) -> None:
        draws, wanted = uncertainty.draws, count(last_layers(potential))
        if draws.shape[1] != wanted:
            raise ConfigError(
                f"uncertainty: wanted that of this potential, with {wanted} weights, "
                f"found {draws.shape[1]}"
            )
        if not 1 <= members <= len(draws):
            raise ConfigError(f"members: wanted 1 to {len(draws)}, found {members}")
        species = potential.species_index(atomic_numbers)
        self.order = torch.argsort(species, stable=True)
        self.place = torch.argsort(self.order)
        self.species = species[self.order]
        self.scales = uncertainty.energy_scale, uncertainty.force_scale
        self.periodic, self.cutoff = periodic, potential.cutoff("total")
        self.index: TermIndex | None = None
        if potential.needs_bonds("total"):
            self.index = potential.term_index(self.species, self._renumbered(bonds))
        self.committee = Committee(potential, draws[:members], engine)
        self.low, self.high = (self._rows(t) for t in (uncertainty.low, uncertainty.high))

    def _rows(self, limits: Tensor) -> list[Tensor]:
        """Return for each readout the limits of every atom's interpolants, shape (N, P)."""
        found = []
        for component in self.committee.components:
            for readout in [] if isinstance(component, Bonded) else component.all_readouts():
                size = readout.functions.numel()
                table, limits = limits[:size].reshape(readout.functions.shape), limits[size:]
                found.append(table[self.species])
        return found

    def _renumbered(self, bonds: Bonds | None) -> Bonds | None:
        if bonds is None:
            return None
        place = self.place.tolist()
        return [(place[first], place[second]) for first, second in bonds]

    def __call__(self, positions: FloatArray, box: FloatArray | None = None) -> FrameUncertainty:
        """Return the uncertainties of a frame.

        Parameters
        ----------
        positions : array, shape (N, 3)
            In angstrom, anywhere in space.
        box : array, shape (3, 3)
            Box vectors as rows, in angstrom; needed if periodic.

        Raises
        ------
        RuntimeError
            If a position is not finite or the box is narrower than twice the cutoff.
        """
        here = torch.as_tensor(positions, dtype=torch.float64)
        cell = torch.zeros(3, 3, dtype=torch.float64)
        if self.periodic and box is not None:
            cell = torch.as_tensor(box, dtype=torch.float64)
        fault = geometry_fault(here, cell, self.periodic, self.cutoff)
        if fault:
            raise RuntimeError(fault)
        here = here[self.order]
        near = [self._near(component, here, cell) for component in self.committee.components]
        energies, forces = self.committee.evaluate(here, self.species, near)
        alpha, beta = self.scales
        return FrameUncertainty(
            energy=alpha * float(energies.sum(1).square().mean().sqrt()),
            energies=alpha * energies.square().mean(0).sqrt()[self.place].numpy(),
            forces=beta * deviations(forces)[self.place].numpy(),
            outside=self._outside(here, near)[self.place].numpy(),
        )

    def _near(self, component: AnyComponent, here: Tensor, cell: Tensor) -> PairList | Terms:
        if self.index is not None and isinstance(component, Bonded):
            return find_terms(here, cell, self.periodic, component.cutoff, self.index)
        return find_pairs(here, cell, self.periodic, component.cutoff)

    def _outside(self, here: Tensor, near: Sequence[PairList | Terms]) -> Tensor:
        limits = zip(self.low, self.high, strict=True)
        outside = torch.zeros(len(here), dtype=torch.int64)
        for component, pairs in zip(self.committee.components, near, strict=True):
            if not isinstance(component, Bonded) and isinstance(pairs, PairList):
                for layer in projections(component, here, pairs, self.species):
                    atoms, (low, high) = torch.cat(layer), next(limits)
                    outside += ((atoms < low) | (atoms > high)).sum(1)
        return outside


def deviations(forces: Tensor) -> Tensor:
    """Return the standard deviation of a component of the force on each atom, shape (N,).

    Parameters
    ----------
    forces : Tensor, shape (K, N, 3)
        Of members about the mean.
    """
    return forces.square().mean((0, 2)).sqrt()
