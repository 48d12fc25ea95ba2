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

from openmm_innff.engine.parameters import TermIndex
from openmm_innff.errors import ConfigError
from openmm_innff.neighbors import find_pairs, geometry_fault
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.component import Component
from openmm_innff.potential.last_layer import count, last_layer, last_layers, with_last_layer
from openmm_innff.potential.potential import Potential
from openmm_innff.potential.projections import projections, readouts_of
from openmm_innff.potential.terms import find_terms
from openmm_innff.potential.topology import Bonds
from openmm_innff.potential.trainable import component_forces

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
    """Uncertainties for fixed atoms at any positions.

    Parameters
    ----------
    potential : Potential
    uncertainty : Uncertainty
        Of this potential.
    atomic_numbers : sequence of int, length N
    periodic : bool
        Whether the box repeats in all three directions.
    members : int
        Draws that are evaluated: the cost is that of so many evaluations of the potential.
    bonds : iterable of (int, int)
        Bonded atoms, if the whole energy has terms of bonds.
    engine : str
        "auto", "compiled" or "torch".

    Raises
    ------
    ConfigError
        If the draws do not belong to this potential, or there are fewer than asked for.
    """

    def __init__(
        self,
        potential: Potential,
        uncertainty: Uncertainty,
        atomic_numbers: Sequence[int] | np.ndarray,
        *,
        periodic: bool,
        members: int,
        bonds: Bonds | None = None,
        engine: str = "auto",
    ) -> None:
        draws = uncertainty.draws
        wanted = count(last_layers(potential))
        if draws.shape[1] != wanted:
            raise ConfigError(
                f"uncertainty: wanted that of this potential, with {wanted} weights, "
                f"found {draws.shape[1]}"
            )
        if not 1 <= members <= len(draws):
            raise ConfigError(f"members: wanted 1 to {len(draws)}, found {members}")
        self.uncertainty = uncertainty
        self.species = potential.species_index(atomic_numbers)
        self.order = torch.argsort(self.species, stable=True)
        self.periodic, self.engine = periodic, engine
        self.cutoff = potential.cutoff("total")
        self.index: TermIndex | None = None
        if potential.needs_bonds("total"):
            self.index = potential.term_index(self.species[self.order], self._renumbered(bonds))
        self.components = potential.components("total")
        self.low, self.high = (
            self._rows(limits) for limits in (uncertainty.low, uncertainty.high)
        )
        parts = draws[:members].split([count(last_layer(c)) for c in self.components], 1)
        self.members = [
            [with_last_layer(component, draw) for draw in part]
            for component, part in zip(self.components, parts, strict=True)
        ]

    def _rows(self, limits: Tensor) -> list[Tensor]:
        """Return for each readout the limits of every atom's interpolants, shape (N, P)."""
        found, species = [], self.species[self.order]
        for component in self.components:
            for readout in [] if isinstance(component, Bonded) else readouts_of(component):
                size = readout.functions.numel()
                table, limits = limits[:size].reshape(readout.functions.shape), limits[size:]
                found.append(table[species])
        return found

    def _renumbered(self, bonds: Bonds | None) -> Bonds | None:
        if bonds is None:
            return None
        place = torch.argsort(self.order).tolist()
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
        here, species = here[self.order], self.species[self.order]
        energies = forces = torch.zeros([])
        outside: list[Tensor] = []
        for component, members in zip(self.components, self.members, strict=True):
            if isinstance(component, Bonded):
                found = self._of_bonds(component, members, here, cell)
            else:
                pairs = find_pairs(here, cell, self.periodic, component.cutoff)
                found = [
                    component_forces(
                        member, here, pairs, species, differentiable=False, engine=self.engine
                    )
                    for member in members
                    if isinstance(member, Component)
                ]
                seen = projections(component, here, pairs, species)
                outside += [torch.cat(per_species) for per_species in seen]
            energies = energies + torch.stack([e.double() for e, _ in found])
            forces = forces + torch.stack([f.double() for _, f in found])
        return self._summary(energies, forces, outside)

    def _of_bonds(
        self,
        component: Bonded,
        members: Sequence[Component | Bonded],
        positions: Tensor,
        box: Tensor,
    ) -> list[tuple[Tensor, Tensor]]:
        if self.index is None:
            raise ConfigError("bonds: wanted those of the atoms, found none")
        terms = find_terms(positions, box, self.periodic, component.cutoff, self.index)
        return [member(positions, terms) for member in members if isinstance(member, Bonded)]

    def _summary(
        self, energies: Tensor, forces: Tensor, arguments: Sequence[Tensor]
    ) -> FrameUncertainty:
        """Sum up what the members say, of shapes (K, N) and (K, N, 3), in the atoms' own order."""
        known, n = self.uncertainty, len(self.species)
        whole = known.energy_scale * energies.sum(1).square().mean().sqrt()
        back = torch.argsort(self.order)
        by_atom = known.energy_scale * energies.square().mean(0).sqrt()
        by_force = known.force_scale * forces.square().mean((0, 2)).sqrt()
        outside = torch.zeros(n, dtype=torch.int64)
        for atoms, low, high in zip(arguments, self.low, self.high, strict=True):
            outside += ((atoms < low) | (atoms > high)).sum(1)
        return FrameUncertainty(
            float(whole), by_atom[back].numpy(), by_force[back].numpy(), outside[back].numpy()
        )
