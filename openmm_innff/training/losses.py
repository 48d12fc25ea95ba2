"""Energies, forces and the loss of a batch, differentiable with respect to the parameters."""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from openmm_innff.engine.parameters import Terms
from openmm_innff.neighbors import PairList
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.kinds import AnyComponent
from openmm_innff.potential.trainable import component_forces
from openmm_innff.training.batch import Batch
from openmm_innff.training.bonds import along_bonds, find_hydrogen_bonds
from openmm_innff.training.config import SmoothnessConfig
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, KB_EV_PER_K


@dataclass(frozen=True)
class LossTerms:
    """Parts of the loss; mean squares in (eV/angstrom)^2, eV^2 per atom and so on."""

    force: Tensor | None = None
    energy: Tensor | None = None
    change: Tensor | None = None
    slow: Tensor | None = None
    bonds: Tensor | None = None


def frame_energies(batch: Batch, energies: Tensor) -> Tensor:
    """Sum the energies of the atoms of each frame, shape (F,)."""
    zeros = torch.zeros(len(batch.sizes), dtype=energies.dtype)
    return zeros.index_add(0, batch.frame, energies)


def part_forces(
    potential: Potential,
    part: str,
    batch: Batch,
    positions: Tensor,
    differentiable: bool,
    engine: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Return the atomic energies (N,) and forces (N, 3) of the fast or the slow part."""
    component: AnyComponent = getattr(potential, part)
    neighbours: PairList | Terms = getattr(batch, part)
    if isinstance(component, Bonded):
        with torch.set_grad_enabled(differentiable):
            energies, forces = component(positions, cast(Terms, neighbours))
        return energies.to(batch.forces.dtype), forces.to(batch.forces.dtype)
    return component_forces(
        component,
        positions,
        cast(PairList, neighbours),
        batch.species,
        differentiable=differentiable,
        engine=engine,
    )


def evaluate_batch(
    potential: Potential,
    batch: Batch,
    parts: tuple[str, ...],
    differentiable: bool,
    engine: str = "auto",
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return energies (F,), forces (N, 3), and the forces of the slow part if it takes part."""
    energy = torch.zeros(len(batch.sizes), dtype=batch.forces.dtype)
    forces = torch.zeros_like(batch.forces)
    slow = None
    for part in parts:
        atomic, own = part_forces(potential, part, batch, batch.positions, differentiable, engine)
        energy = energy + frame_energies(batch, atomic)
        forces = forces + own
        if part == "slow":
            slow = own
    return energy, forces, slow


def slow_forces(
    potential: Potential,
    batch: Batch,
    positions: Tensor,
    differentiable: bool,
    engine: str = "auto",
) -> Tensor:
    """Return the forces of the slow part, shape (N, 3), in eV/angstrom.

    In a distilled potential gradients reach the fast component only.
    """
    where = batch, positions
    if not potential.config.distilled:
        return part_forces(potential, "slow", *where, differentiable, engine)[1]
    whole = part_forces(potential, "slow", *where, False, engine)[1].detach()
    return whole - part_forces(potential, "fast", *where, differentiable, engine)[1]


def thermal_shifts(
    batch: Batch, smoothness: SmoothnessConfig, generator: torch.Generator
) -> Tensor:
    """Return displacements v tau with v from Maxwell-Boltzmann, shape (N, 3), in angstrom."""
    kT = KB_EV_PER_K * smoothness.temperature
    speed = torch.sqrt(kT / (batch.masses * AMU_A2_PER_FS2_TO_EV))
    noise = torch.randn(len(speed), 3, generator=generator, dtype=batch.forces.dtype)
    return noise * speed.unsqueeze(1) * smoothness.tau_fs


def slow_change(
    potential: Potential,
    batch: Batch,
    slow: Tensor,
    smoothness: SmoothnessConfig,
    generator: torch.Generator,
    engine: str = "auto",
) -> Tensor:
    """Return the mean squared change of the slow force along v tau, in (eV/angstrom)^2.

    Divided by tau^2 it is a stochastic, mass-weighted norm of the slow Hessian.
    """
    moved_to = batch.positions + thermal_shifts(batch, smoothness, generator)
    moved = slow_forces(potential, batch, moved_to, True, engine)
    return (moved - slow).square().mean()


def batch_loss(
    potential: Potential,
    batch: Batch,
    parts: tuple[str, ...],
    smoothness: SmoothnessConfig | None,
    generator: torch.Generator,
    engine: str = "auto",
) -> LossTerms:
    """Return the terms of the loss; ``smoothness`` of None leaves the penalty out."""
    energy, forces, slow = evaluate_batch(potential, batch, parts, True, engine)
    residual = (energy - batch.energies.to(energy.dtype)) / torch.sqrt(batch.sizes)
    change = None
    if smoothness is not None and slow is not None:
        change = slow_change(potential, batch, slow, smoothness, generator, engine)
    return LossTerms(
        force=(forces - batch.forces).square().mean(),
        energy=residual.square().mean(),
        change=change,
        slow=None if slow is None else slow.square().mean(),
        bonds=None if slow is None else _along_bonds(potential.elements, batch, slow),
    )


def distilling_loss(
    potential: Potential,
    batch: Batch,
    smoothness: SmoothnessConfig,
    generator: torch.Generator,
    engine: str = "auto",
) -> LossTerms:
    """Return what the fast part leaves to the slow one: nothing else counts when distilling."""
    slow = slow_forces(potential, batch, batch.positions, True, engine)
    return LossTerms(
        change=slow_change(potential, batch, slow, smoothness, generator, engine),
        slow=slow.square().mean(),
        bonds=_along_bonds(potential.elements, batch, slow),
    )


def _along_bonds(elements: tuple[str, ...], batch: Batch, forces: Tensor) -> Tensor:
    """Return the mean squared force along bonds of hydrogen; zero without hydrogen."""
    found = along_bonds(find_hydrogen_bonds(elements, batch), forces)
    return found.square().mean() if len(found) else forces.new_zeros(())


def rms(values: Tensor) -> float:
    """Return the root mean square."""
    return math.sqrt(float(values.detach().double().square().mean()))
