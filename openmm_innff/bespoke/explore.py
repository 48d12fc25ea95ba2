"""Where a model has to learn: its own dynamics, and how uncertain it is there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmm_innff.bespoke.config import BespokeConfig
from openmm_innff.bespoke.view import View
from openmm_innff.model import Model
from openmm_innff.sampling import dynamics
from openmm_innff.sampling.forcefields import ModelForces, ModelUncertainty
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.sampling.selection import farthest, without_doubles

FloatArray = NDArray[np.float64]
CANDIDATES = 2
"""So many times the structures that are wanted are looked at."""
LEAST_CANDIDATES = 200
PER_RUN, INTERVAL = 40, 30.0  # frames; fs
DOUBT = 3.0
"""A run ends where a force is so many times as uncertain as the most uncertain validation data."""


@dataclass(frozen=True)
class Found:
    """What dynamics with a model has found.

    Attributes
    ----------
    structures : list of array, shape (N, 3)
        To be labelled, in angstrom.
    runs, broken, doubtful : int
        Runs, those in which bonds broke, and those that ended in doubt.
    uncertainty : float
        Root mean square uncertainty of the forces in all structures seen, in eV/angstrom.
    """

    structures: list[FloatArray]
    runs: int
    broken: int
    doubtful: int
    uncertainty: float


def explore(
    molecule: Molecule,
    model: Model,
    config: BespokeConfig,
    known: Sequence[FloatArray],
    number: int,
    count: int,
    view: View,
) -> Found:
    """Run dynamics with a model and choose what it is most uncertain of.

    Parameters
    ----------
    molecule : Molecule
    model : Model
        Calibrated.
    config : BespokeConfig
    known : sequence of array, shape (N, 3)
        Labelled structures: runs start from some of them.
    number : int
        Of the round.
    count : int
        Structures that are wanted.
    view : View
    """
    random = np.random.default_rng([config.seed, number])
    wanted = max(CANDIDATES * count, LEAST_CANDIDATES)
    runs = -(-wanted // PER_RUN)
    force_field, uncertain = ModelForces(model, molecule), ModelUncertainty(model, molecule)
    limit = DOUBT * model.known_uncertainty().largest
    doubts: list[float] = []

    def watch(positions: FloatArray) -> bool:
        found = uncertain(positions)
        doubts.append(float(np.sqrt(np.mean(found.forces**2))))
        return bool(found.forces.max() > limit)

    structures: list[FloatArray] = []
    broken = doubtful = 0
    view.begin(f"dynamics with the model of round {number}", runs)
    starts = random.permutation(len(known))
    for run in range(runs):
        # Between both temperatures, as many of each.
        heat = config.temperature + (config.hot - config.temperature) * (run % 3) / 2
        made = dynamics.run(
            molecule, known[starts[run % len(known)]], force_field, heat,
            frames=PER_RUN, interval_fs=INTERVAL, settle_fs=INTERVAL,
            seed=10_000 * number + run, watch=watch,
        )  # fmt: skip
        broken += bool(made.broken)
        doubtful += not made.broken and len(made.frames) < PER_RUN
        structures += made.frames
        view.advance(run + 1)
    chosen = _choose(structures, np.array(doubts), known, count)
    spread = float(np.sqrt(np.mean(np.square(doubts)))) if doubts else float("nan")
    return Found([structures[i] for i in chosen], runs, broken, doubtful, spread)


def _choose(
    structures: Sequence[FloatArray], doubts: FloatArray, known: Sequence[FloatArray], count: int
) -> list[int]:
    """Return uncertain structures that resemble neither what is known nor each other."""
    new = without_doubles(structures, known)
    picked = farthest([structures[i] for i in new], count, known, doubts[new])
    return [new[i] for i in picked]
