"""The uncertainty of a trained potential, from its training data; its scale, from validation data.

See `potential.uncertainty` for the formulas.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from openmm_innff.errors import DataError
from openmm_innff.neighbors import PairList
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.committee import Committee
from openmm_innff.potential.last_layer import count, last_layers
from openmm_innff.potential.projections import projections
from openmm_innff.potential.uncertainty import MEMBERS, Uncertainty, deviations
from openmm_innff.training.batch import Batch
from openmm_innff.training.losses import part_forces

PROBES = 16
"""Random directions in which the forces of each training frame are looked at."""
COMPONENTS = 32
"""Components of the forces of each validation frame that are compared."""
DRAWS = 32
NOTHING = 1e-9
"""Components whose variance is so much smaller than the mean are those that symmetry makes zero."""
PRIORS = tuple(10.0**k for k in range(-10, 0, 2))
"""Of the regulariser, in units of the mean of the matrix's diagonal; the likeliest is taken."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Derivatives of labels by the last layer's weights, and errors of the labels.

    Attributes
    ----------
    energy : Tensor, shape (D,)
        Of the energy of a frame.
    energy_error : float
        In eV.
    forces : Tensor, shape (M, D)
        Of projections of the forces on directions.
    force_errors : Tensor, shape (M,)
        In eV/angstrom.
    force_variance : float
        Mean squared error of all components, in (eV/angstrom)^2.
    """

    energy: Tensor
    energy_error: float
    forces: Tensor
    force_errors: Tensor
    force_variance: float


def calibrate_uncertainty(
    potential: Potential,
    training: Sequence[Batch],
    validation: Sequence[Batch],
    *,
    seed: int = 0,
    most: int = 0,
    on_frame: Callable[[], None] = lambda: None,
) -> Uncertainty:
    """Find the covariance of the last layer's weights, and the scale of what follows from it.

    The information matrix sums over energies and over forces in `PROBES` random directions per
    frame, each divided by its mean squared training error. Its regulariser is the one of `PRIORS`
    under which errors on validation data are likeliest; so are the two factors alpha.

    Parameters
    ----------
    potential : Potential
    training, validation : sequence of Batch
        Single frames; those that the potential was trained on, and others.
    seed : int
        Of directions and draws.
    most : int
        Training frames at most, chosen at random, that the information matrix sums over; what it
        would be of all is proportional. 0: all.
    on_frame : callable
        Called after each frame.

    Returns
    -------
    Uncertainty

    Raises
    ------
    DataError
        If there are no frames.
    """
    if not training or not validation:
        raise DataError(
            f"frames: wanted some for training and for validation, found {len(training)} and "
            f"{len(validation)}"
        )
    potential = copy.deepcopy(potential).eval().requires_grad_(False)
    for parameter in last_layers(potential):
        parameter.requires_grad_(True)
    generator = torch.Generator().manual_seed(seed)
    looked_at = training
    if 0 < most < len(training):
        order = torch.randperm(len(training), generator=generator)[:most]
        looked_at = [training[i] for i in order.sort().values.tolist()]
    information = _information(potential, looked_at, generator, on_frame)
    information *= len(training) / len(looked_at)
    held_out = []
    for batch in validation:
        held_out.append(_rows(potential, batch, _components(batch, generator)))
        on_frame()
    prior, factor = _choose_prior(information, held_out)
    normal = torch.randn(len(factor), DRAWS, generator=generator, dtype=torch.float64)
    draws = torch.linalg.solve_triangular(factor.T, normal, upper=True).T
    energy_scale, force_scale = _scales(factor, held_out)
    low, high = _ranges(potential, training)
    draws = draws.float().contiguous()
    committee = Committee(potential, draws[:MEMBERS])
    return Uncertainty(
        draws=draws,
        energy_scale=energy_scale,
        force_scale=force_scale,
        low=low,
        high=high,
        largest=force_scale * max(_largest(potential, committee, batch) for batch in validation),
        origin={
            "training_frames": len(looked_at),
            "validation_frames": len(validation),
            "prior": prior,
        },
    )


def _largest(potential: Potential, committee: Committee, batch: Batch) -> float:
    """Return the largest deviation of the force on an atom, without alpha."""
    near = [getattr(batch, part) for part in _parts(potential)]
    _, forces = committee.evaluate(batch.positions, batch.species, near)
    return float(deviations(forces).max())


def _information(
    potential: Potential,
    training: Sequence[Batch],
    generator: torch.Generator,
    on_frame: Callable[[], None],
) -> Tensor:
    """Return the information matrix without regulariser, shape (D, D), float64."""
    size = count(last_layers(potential))
    by_energy, by_force = (torch.zeros(size, size, dtype=torch.float64) for _ in range(2))
    energy_error = force_error = 0.0
    for batch in training:
        signs = torch.randint(0, 2, (PROBES, *batch.forces.shape), generator=generator)
        rows = _rows(potential, batch, (2.0 * signs - 1.0).to(batch.forces.dtype))
        by_energy.addr_(rows.energy, rows.energy)
        by_force.addmm_(rows.forces.T, rows.forces, alpha=1.0 / PROBES)
        energy_error += rows.energy_error**2 / len(training)
        force_error += rows.force_variance / len(training)
        on_frame()
    return by_energy / energy_error + by_force / force_error


def _components(batch: Batch, generator: torch.Generator) -> Tensor:
    """Return directions that are single components of the forces, shape (M, N, 3)."""
    size = batch.forces.numel()
    chosen = torch.randperm(size, generator=generator)[:COMPONENTS]
    directions = torch.zeros(len(chosen), size, dtype=batch.forces.dtype)
    directions[torch.arange(len(chosen)), chosen] = 1.0
    return directions.reshape(-1, *batch.forces.shape)


def _rows(potential: Potential, batch: Batch, directions: Tensor) -> Rows:
    weights = last_layers(potential)
    parts = [
        part_forces(potential, part, batch, batch.positions, True) for part in _parts(potential)
    ]
    energies = sum((energies for energies, _ in parts), torch.zeros([]))
    forces = sum((forces for _, forces in parts), torch.zeros([]))

    def derivative(value: Tensor) -> Tensor:
        found = torch.autograd.grad(value, weights, retain_graph=True)
        return torch.cat([part.reshape(-1) for part in found]).double()

    error = (forces - batch.forces).detach().double()
    return Rows(
        energy=derivative(energies.sum()),
        energy_error=float(energies.detach().double().sum() - batch.energies.sum()),
        forces=torch.stack([derivative((forces * along).sum()) for along in directions]),
        force_errors=torch.stack([(error * along).sum() for along in directions.double()]),
        force_variance=float(error.square().mean()),
    )


def _parts(potential: Potential) -> list[str]:
    """Return the parts whose components the whole energy is the sum of."""
    return ["slow"] if potential.config.distilled else ["fast", "slow"]


def _choose_prior(information: Tensor, held_out: Sequence[Rows]) -> tuple[float, Tensor]:
    """Return the likeliest regulariser and the Cholesky factor with it."""
    best: tuple[float, float, Tensor] | None = None
    scale = float(information.diagonal().mean())
    identity = torch.eye(len(information), dtype=torch.float64)
    for prior in PRIORS:
        factor, info = torch.linalg.cholesky_ex(information + prior * scale * identity)
        if info:
            continue
        squares, variances = _compared(factor, held_out)
        ratio = squares / variances
        loss = float(torch.log(ratio.mean()) + torch.log(variances).mean())
        if best is None or loss < best[0]:
            best = loss, prior, factor
    if best is None:
        raise DataError("the information matrix of the training data is not finite")
    return best[1], best[2]


def _compared(factor: Tensor, held_out: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Return squared errors of force components and their variances without alpha.

    Components that symmetry makes zero, as across a planar molecule, say nothing and are left out.
    """
    squares = torch.cat([rows.force_errors for rows in held_out]).square()
    variances = _variances(factor, torch.cat([rows.forces for rows in held_out]))
    free = variances > NOTHING * variances.mean()
    return squares[free], variances[free]


def _variances(factor: Tensor, rows: Tensor) -> Tensor:
    """Return phi^T Sigma phi of each row, shape (M,)."""
    return torch.linalg.solve_triangular(factor, rows.T, upper=False).square().sum(0)


def _scales(factor: Tensor, held_out: Sequence[Rows]) -> tuple[float, float]:
    """Return the factors alpha of energies and forces of maximum likelihood."""
    squares, variances = _compared(factor, held_out)
    energies = torch.tensor([rows.energy_error for rows in held_out], dtype=torch.float64)
    of_energies = _variances(factor, torch.stack([rows.energy for rows in held_out]))
    return (
        float((energies.square() / of_energies).mean().sqrt()),
        float((squares / variances).mean().sqrt()),
    )


def _ranges(potential: Potential, training: Sequence[Batch]) -> tuple[Tensor, Tensor]:
    """Return the smallest and largest argument of every interpolant, each of shape (R,)."""
    low: list[Tensor] = []
    high: list[Tensor] = []
    for part in _parts(potential):
        component = getattr(potential, part)
        if isinstance(component, Bonded):
            continue
        ends: list[list[Tensor]] = []
        for batch in training:
            pairs = getattr(batch, part)
            if not isinstance(pairs, PairList):
                continue
            seen = projections(component, batch.positions, pairs, batch.species)
            ends.append([
                torch.stack([_ends(values) for values in layer]) for layer in seen
            ])  # fmt: skip
        for layer in zip(*ends, strict=True):
            both = torch.stack(layer)
            low.append(both[:, :, 0].amin(0).reshape(-1))
            high.append(both[:, :, 1].amax(0).reshape(-1))
    return torch.cat(low), torch.cat(high)


def _ends(values: Tensor) -> Tensor:
    """Return the smallest and largest of each column, shape (2, P); nothing is (inf, -inf)."""
    if len(values):
        return torch.stack([values.amin(0), values.amax(0)])
    nothing = values.new_full((values.shape[1],), torch.inf)
    return torch.stack([nothing, -nothing])
