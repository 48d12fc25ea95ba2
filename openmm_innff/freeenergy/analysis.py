"""From the energies of all replicas to a free energy with its error, by MBAR."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import SimulationError
from openmm_innff.freeenergy.config import BINDING, FreeEnergyConfig
from openmm_innff.freeenergy.library import library, quiet
from openmm_innff.integrators import BOLTZMANN_KJ_PER_MOL_K

Array = NDArray[np.float64]
_PARTS = 8
LEAST_OVERLAP = 0.03
"""Neighbouring states should share this."""


@dataclass(frozen=True, eq=False)
class LegResult:
    """The free energy of a leg, from its first to its last state.

    Parameters
    ----------
    name
        "complex" or "solvent".
    value, error
        And its standard error, kJ/mol.
    states, state_errors
        Of all states against the first, shape (n_states,), kJ/mol.
    overlap
        Probability that a sample of one state (row) could be of another, shape (n_states,
        n_states).
    course
        Number of exchanges, value and error (kJ/mol) with more and more of them, shape (n, 3).
    discarded, independent
        Exchanges left out as equilibration, and independent samples of each state in the rest.
    """

    name: str
    value: float
    error: float
    states: Array
    state_errors: Array
    overlap: Array
    course: Array
    discarded: int
    independent: float

    @property
    def least_overlap(self) -> float:
        """Of neighbouring states."""
        return float(np.diagonal(self.overlap, 1).min())


@dataclass(frozen=True, eq=False)
class Result:
    """A free energy, and of what it is made.

    Parameters
    ----------
    title, what
        Heading, and what the value is.
    value, error
        And its standard error, kJ/mol.
    terms
        Name, value and error of what adds up to it, kJ/mol.
    legs
        As analysed.
    facts
        Names and values of what was run.
    """

    title: str
    what: str
    value: float
    error: float
    terms: Sequence[tuple[str, float, float]]
    legs: Sequence[LegResult]
    facts: Sequence[tuple[str, str]] = ()

    @property
    def warnings(self) -> list[str]:
        """What speaks against the value."""
        return [
            f"{leg.name}: neighbouring states overlap by {leg.least_overlap:.3f} only, wanted "
            f"{LEAST_OVERLAP} or more: add states between them, or sample longer"
            for leg in self.legs
            if leg.least_overlap < LEAST_OVERLAP
        ]


def analyse(name: str, reporter: Any, temperature: float) -> LegResult:
    """Estimate the free energy of a leg.

    openmmtools tells what is equilibration and how long samples are correlated (Chodera 2016,
    doi:10.1021/acs.jctc.5b00784); MBAR (doi:10.1063/1.2978177) takes the rest of all states.

    Parameters
    ----------
    name
        Of the leg.
    reporter
        Its file.
    temperature
        K.

    Raises
    ------
    SimulationError
        If there are too few samples.
    """
    kT = BOLTZMANN_KJ_PER_MOL_K * temperature
    done = _analyser(reporter)
    total = int(done.n_iterations)
    try:
        with quiet():
            differences, errors = done.get_free_energy()
            overlap = np.asarray(done.mbar.compute_overlap()["matrix"])
    except Exception as error:  # whatever MBAR and linear algebra make of too few
        raise SimulationError(
            f"{name}: wanted more samples than the {total} there are ({error}); give more length_ps"
        ) from error
    course = [_part(reporter, count, kT) for count in _counts(total)]
    discarded, _, independent = done._equilibration_data
    return LegResult(
        name,
        kT * float(differences[0, -1]),
        kT * float(errors[0, -1]),
        kT * np.asarray(differences[0]),
        kT * np.asarray(errors[0]),
        overlap,
        np.array([row for row in course if row is not None]).reshape(-1, 3),
        int(discarded),
        float(independent),
    )


def _analyser(reporter: Any, count: int | None = None) -> Any:
    with quiet():
        return library("multistate").MultiStateSamplerAnalyzer(
            reporter, max_n_iterations=count, unbias_restraint=False, use_online_data=False
        )


def _counts(total: int) -> list[int]:
    return sorted({round(total * (i + 1) / _PARTS) for i in range(_PARTS)} - set(range(4)))


def _part(reporter: Any, count: int, kT: float) -> tuple[float, float, float] | None:
    """Return the free energy of the first samples; None if they are too few."""
    try:
        with quiet():
            differences, errors = _analyser(reporter, count).get_free_energy()
    except Exception:  # see above; then the curve begins later
        return None
    return count, kT * float(differences[0, -1]), kT * float(errors[0, -1])


def conclude(config: FreeEnergyConfig, legs: Sequence[LegResult], standard: float) -> Result:
    """Add up the legs.

    Parameters
    ----------
    config
        Which free energy.
    legs
        As analysed.
    standard
        Free energy of releasing the restraint into the standard volume, kJ/mol.
    """
    by_name = {leg.name: leg for leg in legs}
    inside, alone = by_name["complex"], by_name.get("solvent")
    error = math.hypot(inside.error, alone.error if alone else 0.0)
    outside = (alone.value, alone.error) if alone else (0.0, 0.0)
    if config.kind == BINDING:
        terms = [
            ("the ligand's interactions taken away, solvent", *outside),
            ("less the same in the complex, with restraint", -inside.value, inside.error),
            ("less the restraint's release to 1 mol/l", -standard, 0.0),
        ]
        what = "standard free energy of binding"
    else:
        terms = [
            ("force field to model, complex", inside.value, inside.error),
            ("less the same in solvent", -outside[0], outside[1]),
        ]
        what = "what the model adds to the free energy of binding"
    return Result(config.title, what, sum(term[1] for term in terms), error, terms, legs)
