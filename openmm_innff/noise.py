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
"""A per-DOF variable and the expression that it becomes."""


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
    crossover = 2 * math.pi * LIGHT_CM_PER_PS * CROSSOVER_PER_CM
    rate = friction + crossover
    past, own = math.sqrt(crossover / rate), math.sqrt(friction / rate)
    decay = math.exp(-rate * time)
    noise = f"{math.sqrt(1 - decay * decay)}*sqrt(kT/m)*gaussian"
    return [
        ("rubbed", f"{decay - 1}*({own}*v-{past}*past)+{noise}"),
        ("v", f"v+{own}*rubbed"),
        ("past", f"past-{past}*rubbed"),
    ]


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
