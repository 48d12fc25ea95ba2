r"""Langevin dynamics with multiple time steps, whose inner steps are OpenMM's own compiled ones.

OpenMM's CPU platform takes longer for a single computation of a CustomIntegrator than its
VerletIntegrator takes for a whole step. Here most inner steps
are those of a VerletIntegrator, and a CompoundIntegrator passes them on. One outer step of n inner
ones, each over h:

.. code-block:: text

    kick by the slow force, over n h
    n times: kick by the fast force, over h
             drift, over h; in a few of these steps with friction and noise at its half

This is the impulse method in its leapfrog form: as with OpenMM's LangevinMiddleIntegrator
(doi:10.1021/acs.jpca.9b02771), velocities are those of the drift, half an inner step behind the
positions; their kinetic energy is that of the temperature. Nothing is remembered from step to step,
so any change of positions, box or parameters is seen. The noises lie symmetrically between the
kicks of the slow force.
"""

import math
from collections.abc import Sequence

import openmm
from openmm import unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.forces.groups import ForceGroups, checked_groups, has_constraints_or_sites
from openmm_innff.integrators import (
    BOLTZMANN_KJ_PER_MOL_K,
    PER_PICOSECOND,
    inner_steps,
    not_negative,
    positive,
    set_seed,
)
from openmm_innff.noise import both_noises

NOISE_PS = 0.004
"""Longest time between two noises."""


class MTSMiddleIntegrator(openmm.CompoundIntegrator):
    """Multiple time steps, of which a step is an inner one.

    Made by :func:`mts_middle_integrator`. What is read from its XML is a plain CompoundIntegrator,
    whose step is an outer one of the same dynamics.

    Parameters
    ----------
    whole, kick, noise
        Custom integrators: an outer step; an inner one with the slow force; one with noise.
    inner
        An inner step.
    noisy
        Numbers of the inner steps that have noise.
    n
        Inner steps of an outer one.
    """

    WHOLE, KICK, NOISE, INNER = range(4)

    def __init__(
        self,
        whole: openmm.CustomIntegrator,
        kick: openmm.CustomIntegrator,
        noise: openmm.CustomIntegrator,
        inner: openmm.VerletIntegrator,
        noisy: Sequence[int],
        n: int,
    ) -> None:
        super().__init__()
        for integrator in (whole, kick, noise, inner):
            self.addIntegrator(integrator)
        kinds = [self.NOISE if i in noisy else self.INNER for i in range(n)]
        self._kinds = [self.KICK, *kinds[1:]]
        self._inner_ps = inner.getStepSize()
        self._done = 0

    @property
    def inner_steps(self) -> int:
        """Number of inner steps in an outer one."""
        return len(self._kinds)

    def getStepSize(self) -> unit.Quantity:
        """Return the inner step."""
        return self._inner_ps

    def setTemperature(self, temperature: unit.Quantity | float) -> None:
        """Set the temperature (K, or with a unit)."""
        kT = BOLTZMANN_KJ_PER_MOL_K * positive("temperature", temperature, unit.kelvin)
        self._set("kT", kT)

    def setFriction(self, friction: unit.Quantity | float) -> None:
        """Set the friction (1/ps, or with a unit)."""
        self._set("friction", positive("friction", friction, PER_PICOSECOND))

    def _set(self, name: str, value: float) -> None:
        for kind in (self.WHOLE, self.KICK, self.NOISE):
            self.getIntegrator(kind).setGlobalVariableByName(name, value)

    def step(self, steps: int) -> None:
        """Advance by a number of inner steps.

        Parameters
        ----------
        steps
            Outer steps stay whole if this is a multiple of ``inner_steps``, but need not.
        """
        try:
            while steps > 0:
                kind = self._kinds[self._done]
                end = self._done + 1
                while kind == self.INNER and end < len(self._kinds) and self._kinds[end] == kind:
                    end += 1
                count = min(end - self._done, steps)
                self.setCurrentIntegrator(kind)
                super().step(count)
                steps -= count
                self._done = (self._done + count) % len(self._kinds)
        finally:
            # What is read from XML makes whole outer steps; and kinetic energies are right.
            self.setCurrentIntegrator(self.WHOLE)


def steps_per_outer(integrator: openmm.Integrator) -> int:
    """Return how many steps of any integrator of this package make up an outer one."""
    return integrator.inner_steps if isinstance(integrator, MTSMiddleIntegrator) else 1


def mts_middle_integrator(
    system: openmm.System,
    temperature: unit.Quantity | float,
    friction: unit.Quantity | float,
    outer_step: unit.Quantity | float,
    inner_step: unit.Quantity | float,
    *,
    fast_groups: Sequence[int] = (0,),
    slow_groups: Sequence[int] = (1,),
    vibrational_friction: unit.Quantity | float = 0.0,
    seed: int | None = None,
) -> MTSMiddleIntegrator:
    """Langevin dynamics with multiple time steps and little work besides the forces.

    ``Simulation`` and barostats count inner steps. Neither constraints nor virtual sites are
    possible; `integrators.mts_langevin_integrator` takes them.

    Parameters
    ----------
    system
        The System to integrate, complete.
    temperature
        A temperature with units, or a float in K.
    friction, vibrational_friction
        As for `integrators.mts_langevin_integrator`.
    outer_step, inner_step
        Times with units, or floats in ps.
    fast_groups, slow_groups
        Force groups evaluated once per inner step and once per outer step.
    seed
        Of the random numbers, >= 0; None takes a new one each time.

    Raises
    ------
    SystemSetupError
        If a force of the System would not be integrated, or an argument is impossible.
    """
    groups = checked_groups(system, fast_groups, slow_groups)
    if has_constraints_or_sites(system):
        raise SystemSetupError(
            "system: wanted neither constraints nor virtual sites, found some; use "
            "mts_langevin_integrator"
        )
    inner, n = inner_steps(outer_step, inner_step)
    kT = BOLTZMANN_KJ_PER_MOL_K * positive("temperature", temperature, unit.kelvin)
    white = positive("friction", friction, PER_PICOSECOND)
    coloured = not_negative("vibrational_friction", vibrational_friction, PER_PICOSECOND)
    noisy = noise_places(n, inner)

    def custom(step: float, places: Sequence[int]) -> openmm.CustomIntegrator:
        integrator = openmm.CustomIntegrator(step)
        set_seed(integrator, seed)
        integrator.addGlobalVariable("kT", kT)
        integrator.addGlobalVariable("friction", white)
        for name in ("decay", "spread", "follow", "rest"):
            integrator.addGlobalVariable(name, 0)
        for name in ("past", "rubbed"):
            integrator.addPerDofVariable(name, 0)
        for place in places:
            between = n * inner / len(noisy) if place in noisy else 0.0
            _add_inner_step(integrator, groups, inner, n if place == 0 else 0, between, coloured)
        return integrator

    verlet = openmm.VerletIntegrator(inner)
    verlet.setIntegrationForceGroups(set(groups.fast))
    return MTSMiddleIntegrator(
        custom(n * inner, range(n)),
        custom(inner, [0]),
        custom(inner, noisy[:1]),
        verlet,
        noisy,
        n,
    )


def noise_places(n: int, inner: float) -> list[int]:
    """Return the inner steps that have noise, in symmetric places.

    Parameters
    ----------
    n
        Inner steps in an outer one.
    inner
        Their length in ps.
    """
    if n == 1:
        return [0]
    count = max(1, min(n - 1, math.ceil(n * inner / NOISE_PS - 1e-6)))
    first = [max(1, int((k + 0.5) * n / count)) for k in range((count + 1) // 2)]
    return sorted({*first, *(n - 1 - k for k in first[: count // 2])} - {0})


def _add_inner_step(
    integrator: openmm.CustomIntegrator,
    groups: ForceGroups,
    inner: float,
    slow_steps: int,
    between: float,
    coloured: float,
) -> None:
    """Add kicks, drift, and the friction and noise of the time ``between`` noises.

    With noise, the last kick is part of the noise, and the drift is that before the noise and that
    after it together: the fewer computations, the better, see `noise.both_noises`.
    """
    integrator.addUpdateContextState()
    kicks = [(group, slow_steps * inner) for group in (groups.slow if slow_steps else ())]
    kicks += [(group, inner) for group in groups.fast]
    kicked = [f"v+{time}*f{group}/m" for group, time in kicks] or ["v"]
    for expression in kicked[:-1]:
        integrator.addComputePerDof("v", expression)
    if not between:
        integrator.addComputePerDof("v", kicked[-1])
        integrator.addComputePerDof("x", f"x+{inner}*v")
        return
    constants, noises = both_noises(coloured, between, kicked[-1])
    for variable, expression in constants:
        integrator.addComputeGlobal(variable, expression)
    for variable, expression in noises:
        integrator.addComputePerDof(variable, expression)
    integrator.addComputePerDof("v", f"{kicked[-1]}+rubbed")
    integrator.addComputePerDof("x", f"x+{inner}*v-{0.5 * inner}*rubbed")
