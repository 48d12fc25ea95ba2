"""Coloured noise: friction on fast motion that leaves slow motion alone."""

import math

import openmm
from openmm import unit

LIGHT_CM_PER_PS = unit.constants.SPEED_OF_LIGHT_C.value_in_unit(unit.centimeter / unit.picosecond)
CROSSOVER_PER_CM = 2000.0
"""Wavenumber (1/cm) at which the friction is half of what it is for fast motion."""
LONGEST_PS = 0.002
"""It must act a few times in each period of a vibration."""

Computation = tuple[str, str]
"""A variable and the expression that it becomes."""


def both_noises(
    friction: float, time: float, velocity: str
) -> tuple[list[Computation], list[Computation]]:
    r"""Return friction and noise for all motion, then those of `coloured_step`, as one change.

    OpenMM's CPU platform draws a random number for each per-DOF computation, whether it is used or
    not, so that their number is what costs time. Here the change of the velocity and the past are
    drawn from their joint normal distribution: first the change, then the past given the change.

    Parameters
    ----------
    friction
        Of `coloured_step`, 1/ps; 0 if there is no such friction.
    time
        In ps.
    velocity
        An expression for the velocity before.

    Returns
    -------
    tuple of list
        Computations of global variables decay, spread, follow and rest, from kT in kJ/mol and
        friction in 1/ps; and of the per-DOF variables rubbed, the change of the velocity, and past.
    """
    constants = [("decay", f"exp(-{time}*friction)")]
    if not friction:
        constants.append(("spread", "sqrt((1-decay^2)*kT)"))
        return constants, [("rubbed", f"(decay-1)*({velocity})+spread*gaussian/sqrt(m)")]
    own, past, left = _coloured(friction, time)
    keep, mix = 1 + (left - 1) * own * own, (1 - left) * own * past
    white, coloured = "(1-decay^2)", 1 - left * left
    constants += [
        ("spread", f"sqrt({keep * keep}*{white}+{own * own * coloured})"),
        ("follow", f"({mix * keep}*{white}-{own * past * coloured})/spread^2"),
        ("rest", f"{past}*sqrt({coloured}*{white})/spread"),
    ]
    return constants, [
        ("rubbed", f"({keep}*decay-1)*({velocity})+{mix}*past+spread*sqrt(kT/m)*gaussian"),
        (
            "past",
            f"({1 + (left - 1) * past * past}-{mix}*follow)*past"
            f"+({mix}*decay+follow*(1-{keep}*decay))*({velocity})"
            "+follow*rubbed+rest*sqrt(kT/m)*gaussian",
        ),
    ]


def coloured_step(friction: float, time: float) -> list[Computation]:
    r"""Return friction and noise for fast motion over some time.

    With friction g and crossover w, a velocity v rubs against its own past, a low-pass filtered
    velocity s: :math:`u = (\sqrt g\, v - \sqrt w\, s) / \sqrt{g + w}` decays with rate g + w
    while the orthogonal combination stays. Seen by v alone, this is friction with the spectrum
    :math:`g \omega^2 / (\omega^2 + w^2)`: a generalised Langevin equation with one auxiliary
    momentum (Ceriotti, Bussi and Parrinello, doi:10.1021/ct900563s), of which the steps are exact.
    The ensemble stays canonical; slow motion becomes heavier, by the factor 1 + g/w.

    Parameters
    ----------
    friction
        g in 1/ps.
    time
        In ps.

    Returns
    -------
    list
        Computations for a CustomIntegrator with per-DOF variables past and rubbed, and the global
        variable kT, in kJ/mol.
    """
    own, past, decay = _coloured(friction, time)
    noise = f"{math.sqrt(1 - decay * decay)}*sqrt(kT/m)*gaussian"
    return [
        ("rubbed", f"{decay - 1}*({own}*v-{past}*past)+{noise}"),
        ("v", f"v+{own}*rubbed"),
        ("past", f"past-{past}*rubbed"),
    ]


def _coloured(friction: float, time: float) -> tuple[float, float, float]:
    """Return the weights of v and of its past in what decays, and what is left of that."""
    crossover = 2 * math.pi * LIGHT_CM_PER_PS * CROSSOVER_PER_CM
    rate = friction + crossover
    return math.sqrt(friction / rate), math.sqrt(crossover / rate), math.exp(-rate * time)


def coloured_noise(
    integrator: openmm.CustomIntegrator, friction: float, n: int
) -> dict[int, list[Computation]]:
    """Return friction and noise for fast motion, a few times in a step of an integrator.

    Parameters
    ----------
    integrator
        Gets the variables; its global variable kT is the temperature in kJ/mol.
    friction
        Of `coloured_step`, 1/ps.
    n
        Inner steps in a step of the integrator.

    Returns
    -------
    dict
        Computations by the number of the inner step in which they belong.
    """
    inner = integrator.getStepSize().value_in_unit(unit.picosecond) / n
    stride = max(1, min(n, math.floor(LONGEST_PS / inner + 1e-6)))
    for name in ("past", "rubbed"):
        integrator.addPerDofVariable(name, 0)
    computations: dict[int, list[Computation]] = {}
    for begin in range(0, n, stride):
        count = min(stride, n - begin)
        computations[begin + count // 2] = coloured_step(friction, count * inner)
    return computations
