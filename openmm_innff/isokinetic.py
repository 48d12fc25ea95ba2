r"""Stochastic isokinetic integrator SIN(R): kicks cannot heat, but velocities are not physical.

Each degree of freedom has a velocity v and L pairs of thermostat variables (a, b), here in 1/time,
with masses :math:`kT \tau^2` for both. They move on the ellipsoid

.. math:: m v^2 / kT + \tau^2 L / (L + 1) \sum_k a_k^2 = L

by dv = (F/m - l v) dt, da = (-l a - b a) dt, db = (a^2 - 1/tau^2 - g b) dt + noise, with the
multiplier l that the constraint asks for. Positions sample the canonical ensemble, velocities do
**not**: v is bounded by :math:`\sqrt{L kT / m}`, and the mean of m v^2 is L/(L+1) kT. Kinetic
energies, pressures from momenta and any dynamics mean nothing here.

The equations are those of Leimkuhler, Margulis and Tuckerman (doi:10.1080/00268976.2013.844369)
and Margul and Tuckerman (doi:10.1021/acs.jctc.6b00188). Each part of the splitting is exact:

- force F over t, with s = F t / sqrt(m L kT): v + sqrt(L kT/m) tanh(s) and a / cosh(s), then all
  scaled onto the ellipsoid. It is the hyperbolic addition v/v_max = tanh(atanh(v/v_max) + s),
  written without the denominators that vanish; impulses of several forces add up in s.
- thermostat: a exp(-b t) with all scaled onto the ellipsoid; b + (a^2 - 1/tau^2) t.
- friction and noise: an Ornstein-Uhlenbeck process of b alone.

The thermostat acts once per outer step (XO) or in each inner step (XI), in the middle of a drift
and not at the ends of the step as in the papers: there the error of the inner step is a third (a
harmonic oscillator with 21 inner steps in its period, 0.8 % instead of 3 % in the mean of x^2).

**What it cannot do.** It tames the resonance of long outer steps, not their aliasing: a force
given as kicks at intervals T displaces what it acts on by the response at all multiples of 2 pi/T,
not at zero frequency alone. In water with 6 fs the configurational temperature is 2 % high. See
docs/mts.md.
"""

import math
from collections.abc import Sequence
from typing import Literal

import openmm
from openmm import unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.forces.groups import ForceGroups, checked_groups
from openmm_innff.integrators import (
    BOLTZMANN_KJ_PER_MOL_K,
    PER_PICOSECOND,
    add_refresh_if_stale,
    add_store,
    empty_integrator,
    positive,
    set_seed,
)

MAX_PAIRS = 4
LARGEST_KICK = 15.0
"""Of s: beyond it tanh is 1 and nothing changes, but the thermostat variables would vanish."""
SUBSTEP = 0.5
"""Largest step of the thermostat, in its own time scale tau."""


def mts_isokinetic_integrator(
    system: openmm.System,
    temperature: unit.Quantity | float,
    friction: unit.Quantity | float,
    outer_step: unit.Quantity | float,
    inner_step: unit.Quantity | float,
    *,
    fast_groups: Sequence[int] = (0,),
    slow_groups: Sequence[int] = (1,),
    pairs: int = 1,
    thermostat_time: unit.Quantity | float = 0.01,
    respa: Literal["XO", "XI"] = "XO",
    seed: int | None = None,
) -> openmm.CustomIntegrator:
    """Stochastic isokinetic dynamics with multiple time steps: canonical positions only.

    Velocities that do not lie on the constraint (at the first step, after ``setVelocities``) are
    drawn anew; a small change of ``kT`` only scales them. What a CMMotionRemover does to
    velocities is undone.

    Parameters
    ----------
    system, outer_step, inner_step, fast_groups, slow_groups
        As for :func:`openmm_innff.integrators.mts_nve_integrator`.
    temperature
        A temperature with units, or a float in K. It can be changed later:
        ``integrator.setGlobalVariableByName("kT", kT in kJ/mol)``.
    friction
        Of the thermostat variables, not of the atoms: an inverse time with units, or a float in
        1/ps. It can be changed by the global variable ``friction``.
    pairs
        L, thermostat pairs per degree of freedom, 1 to 4.
    thermostat_time
        tau, a time with units, or a float in ps.
    respa
        "XO": the thermostat acts once per outer step; "XI": in each inner step.
    seed
        Of the random numbers, >= 0; None takes a new one each time. OpenMM keeps 0 for that
        purpose, so it is given ``seed + 1``.

    Returns
    -------
    openmm.CustomIntegrator
        A plain integrator: it can be copied, serialised and checkpointed.

    Raises
    ------
    SystemSetupError
        If the System has constraints, virtual sites, an AndersenThermostat or a force that would
        not be integrated, or an argument is impossible.
    """
    groups = checked_groups(system, fast_groups, slow_groups)
    _check_system(system)
    if pairs not in range(1, MAX_PAIRS + 1):
        raise SystemSetupError(f"pairs must be from 1 to {MAX_PAIRS}, found {pairs}")
    if respa not in ("XO", "XI"):
        raise SystemSetupError(f"respa must be 'XO' or 'XI', found {respa!r}")
    kelvins = positive("temperature", temperature, unit.kelvin)
    tau = positive("thermostat_time", thermostat_time, unit.picosecond)
    gamma = positive("friction", friction, PER_PICOSECOND)
    integrator, n = empty_integrator(outer_step, inner_step, 1e-5)  # no constraints: unused
    integrator.addGlobalVariable("kT", BOLTZMANN_KJ_PER_MOL_K * kelvins)
    integrator.addGlobalVariable("friction", gamma)
    set_seed(integrator, seed)
    _Isokinetic(integrator, groups, n, pairs, tau).add_step(system, respa)
    return integrator


def _check_system(system: openmm.System) -> None:
    if system.getNumConstraints() > 0:
        raise SystemSetupError(
            "the isokinetic integrator couples each degree of freedom to a thermostat of its own "
            f"and can't keep constraints, found {system.getNumConstraints()}: create the System "
            "without constraints or use mts_langevin_integrator"
        )
    sites = sum(system.isVirtualSite(i) for i in range(system.getNumParticles()))
    if sites:
        raise SystemSetupError(
            f"the isokinetic integrator needs a System without virtual sites, found {sites}"
        )
    if any(isinstance(force, openmm.AndersenThermostat) for force in system.getForces()):
        raise SystemSetupError(
            "the isokinetic integrator is a thermostat: remove the AndersenThermostat"
        )


class _Isokinetic:
    """Adds the computations of a step; ``a0, b0, a1, ...`` are the thermostat variables."""

    def __init__(
        self,
        integrator: openmm.CustomIntegrator,
        groups: ForceGroups,
        n: int,
        pairs: int,
        tau: float,
    ) -> None:
        self.integrator = integrator
        self.groups = groups
        self.n, self.pairs, self.tau = n, pairs, tau
        self.step_ps = integrator.getStepSize().value_in_unit(unit.picosecond)
        for k in range(pairs):
            integrator.addPerDofVariable(f"a{k}", 0)
            integrator.addPerDofVariable(f"b{k}", 0)
        for name in ("pull", "scale", "kept"):
            integrator.addPerDofVariable(name, 0)
        integrator.addGlobalVariable("lost", 0)
        # Of the thermostat variables in the ellipsoid.
        self.weight = tau**2 * pairs / (pairs + 1)
        squares = "+".join(f"a{k}*a{k}" for k in range(pairs))
        self.ellipsoid = f"(m*v*v/kT+{self.weight}*({squares}))"

    def add_step(self, system: openmm.System, respa: str) -> None:
        """Add an outer step."""
        n, add = self.n, self.integrator.addComputePerDof
        add_refresh_if_stale(self.integrator, system, self.groups)
        self._add_draw_if_lost()
        whole = f"0.5*dt*(slow+fast/{n})"
        self._add_kick(whole)
        for i in range(n):
            if respa == "XI" or i == n // 2:
                add("x", f"x+dt/{2 * n}*v")
                self._add_thermostat(n if respa == "XI" else 1)
                add("x", f"x+dt/{2 * n}*v")
            else:
                add("x", f"x+dt/{n}*v")
            if i < n - 1:
                self._add_kick(f"dt/{n}*fast", refresh=True)
        # A CMMotionRemover would push velocities off the constraint.
        add("kept", "v")
        self.integrator.addUpdateContextState()
        add("v", "kept")
        add_store(self.integrator, self.groups)
        self._add_kick(whole)
        add("x_last", "x")

    def _add_kick(self, impulse: str, *, refresh: bool = False) -> None:
        add = self.integrator.addComputePerDof
        if refresh:
            for i, group in enumerate(self.groups.fast):
                add("fast", f"fast+f{group}" if i else f"f{group}")
        s = f"{impulse}/sqrt(m*{self.pairs}*kT)"
        add("pull", f"max(-{LARGEST_KICK},min({LARGEST_KICK},{s}))")
        add("v", f"v+sqrt({self.pairs}*kT/m)*tanh(pull)")
        for k in range(self.pairs):
            add(f"a{k}", f"a{k}/cosh(pull)")
        self._add_scaling()

    def _add_scaling(self) -> None:
        add = self.integrator.addComputePerDof
        add("scale", f"sqrt({self.pairs}/{self.ellipsoid})")
        for name in ("v", *(f"a{k}" for k in range(self.pairs))):
            add(name, f"{name}*scale")

    def _add_thermostat(self, parts: int) -> None:
        """Half of the thermostat, noise, and the other half, for 1/parts of the outer step."""
        add = self.integrator.addComputePerDof
        half = self.step_ps / (2 * parts)
        count = math.ceil(half / (SUBSTEP * self.tau) - 1e-9)
        t = f"(dt/{2 * parts * count})"
        for side in range(2):
            for _ in range(count):
                for k in range(self.pairs):
                    add(f"b{k}", f"b{k}+0.5*{t}*(a{k}*a{k}-{self.tau**-2})")
                    add(f"a{k}", f"a{k}*exp(-{t}*b{k})")
                self._add_scaling()
                for k in range(self.pairs):
                    add(f"b{k}", f"b{k}+0.5*{t}*(a{k}*a{k}-{self.tau**-2})")
            if side == 0:
                for k in range(self.pairs):
                    noise = f"sqrt(1-exp(-2*friction*dt/{parts}))*gaussian/{self.tau}"
                    add(f"b{k}", f"b{k}*exp(-friction*dt/{parts})+{noise}")

    def _add_draw_if_lost(self) -> None:
        """Draw what is not on the ellipsoid; a point on it is uniform, a direction of Gaussians."""
        add = self.integrator.addComputePerDof
        lost = f"step(abs({self.ellipsoid}/{self.pairs}-1)-0.001)"
        self.integrator.addComputeSum("lost", lost)
        self.integrator.beginIfBlock("lost > 0")
        add("pull", lost)
        add("v", "select(pull,gaussian*sqrt(kT/m),v)")
        for k in range(self.pairs):
            add(f"a{k}", f"select(pull,gaussian/sqrt({self.weight}),a{k})")
            add(f"b{k}", f"select(pull,gaussian/{self.tau},b{k})")
        self.integrator.endBlock()
        self._add_scaling()
