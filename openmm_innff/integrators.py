r"""Multiple-time-step integrators: the slow forces once per outer step, the fast ones n times.

Both rest on the reversible splitting of one outer step of length :math:`n h` by r-RESPA
(doi:10.1063/1.463137; with noise: BAOAB, doi:10.1093/amrx/abs010, and BAOAB-RESPA,
doi:10.1021/acs.jpclett.9b00901):

.. code-block:: text

    half kick by the slow force, over n h
    n times: half kick by the fast force, over h
             drift, over h
             half kick by the fast force, over h
    half kick by the slow force, over n h

Langevin dynamics interrupts one drift in each outer step, that of the middle inner step, at its
half for exact friction and noise over n h. There, and not elsewhere in the step, velocity Verlet's
velocities belong to positions that are distributed as they should be (it is what makes BAOAB
accurate), and once is enough: the number of noises does not matter for the ensemble.

Every step ends with positions and velocities of the same time. Adjacent half kicks by the same
force are merged. Kinetic energies of Langevin dynamics are those of the velocities with which the
atoms drifted, before the last half kick (remembered where constraints would
hinder taking it back): their average is that of the temperature, while the
velocities at the end of a step are too small, by a quarter of (step x frequency)^2 for each
vibration. At constant energy it is the latter that conserve the total energy.

**Each force is evaluated exactly once per kick, on every platform.** OpenMM remembers the forces
of one group only, and on some platforms forgets them when a step begins, so the last forces are
kept in per-DOF variables. They are evaluated anew when the positions are not those that the last
step left (first step, new positions, minimisation, a loaded checkpoint) or when a Context
parameter of a force has changed. Barostats and thermostats (``updateContextState``) act between
the last drift of a step and the forces that follow it, where they cost nothing more; each part of
the splitting leaves the ensemble invariant by itself, so their place does not matter for it.

Not seen are new box vectors with the old positions, and ``updateParametersInContext``: after
those call :func:`forget_forces`. Where a MM force with a cutoff makes a GPU platform sort its
atoms (each 250 steps at most), a molecule that is wrapped into the box counts as moved.

Virtual sites need a GPU platform: those of OpenMM's CPU and Reference platforms stay behind until
the end of a step, also with OpenMM's own MTSIntegrator, so there they are refused.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import openmm
from openmm import unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.forces.groups import (
    ForceGroups,
    checked_groups,
    force_parameters,
    has_constraints_or_sites,
)
from openmm_innff.noise import Computation, coloured_noise

BOLTZMANN_KJ_PER_MOL_K = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(
    unit.kilojoule_per_mole / unit.kelvin
)
PER_PICOSECOND = unit.picosecond**-1
NOWHERE = 1e30
"""Initial value of the stored positions (nm): no atom is there."""


def mts_nve_integrator(
    system: openmm.System,
    outer_step: unit.Quantity | float,
    inner_step: unit.Quantity | float,
    *,
    fast_groups: Sequence[int] = (0,),
    slow_groups: Sequence[int] = (1,),
    constraint_tolerance: float = 1e-5,
) -> openmm.CustomIntegrator:
    """Velocity Verlet with multiple time steps (r-RESPA), at constant energy.

    Parameters
    ----------
    system
        The System to integrate, complete: its constraints, force groups and Context parameters
        are looked up here, once.
    outer_step, inner_step
        Times with units, or floats in ps as everywhere in OpenMM. The outer step must be a
        whole multiple of the inner one; it is the step that ``Simulation`` counts.
    fast_groups, slow_groups
        Force groups evaluated once per inner step and once per outer step.
    constraint_tolerance
        Relative tolerance of distance constraints.

    Returns
    -------
    openmm.CustomIntegrator
        A plain integrator: it can be copied, serialised and checkpointed.

    Raises
    ------
    SystemSetupError
        If a force of the System would not be integrated, or the steps don't fit.
    """
    groups = checked_groups(system, fast_groups, slow_groups)
    integrator, n = empty_integrator(outer_step, inner_step, constraint_tolerance)
    _add_outer_step(integrator, system, n, groups)
    return integrator


def mts_langevin_integrator(
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
    constraint_tolerance: float = 1e-5,
) -> openmm.CustomIntegrator:
    """Langevin dynamics with multiple time steps, at constant temperature.

    Parameters
    ----------
    system, outer_step, inner_step, fast_groups, slow_groups, constraint_tolerance
        As for :func:`mts_nve_integrator`.
    temperature
        A temperature with units, or a float in K. It can be changed later:
        ``integrator.setGlobalVariableByName("kT", kT in kJ/mol)``.
    friction
        An inverse time with units, or a float in 1/ps. It can be changed later:
        ``integrator.setGlobalVariableByName("friction", value in 1/ps)``.
    vibrational_friction
        An inverse time with units, or a float in 1/ps: further friction, by coloured noise, on
        motion faster than about CROSSOVER_PER_CM. It takes away the heat that long outer steps
        pump into vibrations, where some tens per ps are needed, and hardly slows diffusion
        (Morrone et al., doi:10.1063/1.3518369). 0 switches it off.
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
        If a force of the System would not be integrated, or an argument is impossible.
    """
    groups = checked_groups(system, fast_groups, slow_groups)
    integrator, n = empty_integrator(outer_step, inner_step, constraint_tolerance)
    kelvins = positive("temperature", temperature, unit.kelvin)
    integrator.addGlobalVariable("kT", BOLTZMANN_KJ_PER_MOL_K * kelvins)
    integrator.addGlobalVariable("friction", positive("friction", friction, PER_PICOSECOND))
    set_seed(integrator, seed)

    integrator.addGlobalVariable("a", 0)
    integrator.addGlobalVariable("b", 0)
    integrator.addComputeGlobal("a", "exp(-friction*dt)")
    integrator.addComputeGlobal("b", "sqrt(kT*(1-a*a))")
    noises: dict[int, list[Computation]] = {n // 2: [("v", "a*v+b*gaussian/sqrt(m)")]}
    vibrational = not_negative("vibrational_friction", vibrational_friction, PER_PICOSECOND)
    if vibrational > 0:
        for i, coloured in coloured_noise(integrator, vibrational, n).items():
            noises.setdefault(i, []).extend(coloured)
    constrained = has_constraints_or_sites(system)
    _add_outer_step(integrator, system, n, groups, noises, keep_drift=constrained)
    # Where nothing is constrained, the last kick can be taken back instead of being remembered.
    drifted = "select(v-v_last,v,v_drift)" if constrained else f"v-0.5*dt*(slow+fast/{n})/m"
    integrator.setKineticEnergyExpression(f"m*u*u/2;u={drifted}")
    return integrator


def forget_forces(integrator: openmm.CustomIntegrator) -> None:
    """Let the next step evaluate all forces anew.

    Needed only after a change that leaves positions and Context parameters as they are: new box
    vectors alone, or ``updateParametersInContext``.

    Parameters
    ----------
    integrator
        An integrator made in this module, whether it has a Context or not.
    """
    integrator.setGlobalVariableByName("stale", 1)


def _add_outer_step(
    integrator: openmm.CustomIntegrator,
    system: openmm.System,
    n: int,
    groups: ForceGroups,
    noises: Mapping[int, Sequence[Computation]] = MappingProxyType({}),
    keep_drift: bool = False,
) -> None:
    """Add the computations of one outer step of ``n`` inner ones.

    ``noises`` holds those that stand in the middle of the drift of an inner step, by its number.
    With ``keep_drift`` the velocities of the last drift are kept, for the kinetic energy.
    """
    # Without constraints and virtual sites (which addConstrainPositions updates), the four
    # passes over all atoms that they need per inner step are left out.
    constrained = has_constraints_or_sites(system)
    kick = f"v+0.5*dt*(slow+fast/{n})/m"

    add_refresh_if_stale(integrator, system, groups)
    integrator.addComputePerDof("v", kick)
    for i in range(n):
        _add_drift(integrator, noises.get(i, ()), n, constrained)
        if i < n - 1:
            for group in groups.fast:
                integrator.addComputePerDof("v", f"v+dt/{n}*f{group}/m")
    integrator.addUpdateContextState()
    add_store(integrator, groups)
    if keep_drift:
        integrator.addPerDofVariable("v_drift", 0)
        integrator.addPerDofVariable("v_last", NOWHERE)
        integrator.addComputePerDof("v_drift", "v")
    integrator.addComputePerDof("v", kick)
    if constrained:
        integrator.addConstrainVelocities()
    if keep_drift:
        integrator.addComputePerDof("v_last", "v")
    integrator.addComputePerDof("x_last", "x")


def _add_drift(
    integrator: openmm.CustomIntegrator, noise: Sequence[Computation], n: int, constrained: bool
) -> None:
    if constrained:
        integrator.addConstrainVelocities()
    half = ("x", f"x+dt/{2 * n}*v")
    for variable, expression in [half, *noise, half] if noise else [("x", f"x+dt/{n}*v")]:
        integrator.addComputePerDof(variable, expression)
    if constrained:
        integrator.addComputePerDof("x_free", "x")
        integrator.addConstrainPositions()
        integrator.addComputePerDof("v", f"v+(x-x_free)*{n}/dt")


def add_refresh_if_stale(
    integrator: openmm.CustomIntegrator, system: openmm.System, groups: ForceGroups
) -> None:
    """Evaluate the stored forces where they do not belong to the present state."""
    integrator.addComputeSum("moved", "abs(x-x_last)")
    integrator.addComputeGlobal("stale", "stale+moved")
    parameters = force_parameters(system)
    for name in parameters:
        integrator.addGlobalVariable(f"last_{name}", 0)
        integrator.addComputeGlobal("stale", f"stale+abs({name}-last_{name})")
        integrator.addComputeGlobal(f"last_{name}", name)
    integrator.beginIfBlock("stale != 0")
    add_store(integrator, groups)
    integrator.addComputeGlobal("stale", "0")
    integrator.endBlock()


def add_store(integrator: openmm.CustomIntegrator, groups: ForceGroups) -> None:
    """Keep the forces of all groups in per-DOF variables."""
    # One group per expression: OpenMM allows no more.
    for variable, members in (("fast", groups.fast), ("slow", groups.slow)):
        for i, group in enumerate(members):
            integrator.addComputePerDof(variable, f"{variable}+f{group}" if i else f"f{group}")


def empty_integrator(
    outer_step: unit.Quantity | float,
    inner_step: unit.Quantity | float,
    constraint_tolerance: float,
) -> tuple[openmm.CustomIntegrator, int]:
    """Return an integrator without computations, and the number of inner steps."""
    inner, n = inner_steps(outer_step, inner_step)
    integrator = openmm.CustomIntegrator(n * inner)
    integrator.setConstraintTolerance(constraint_tolerance)
    for name in ("fast", "slow", "x_free"):
        integrator.addPerDofVariable(name, 0)
    integrator.addPerDofVariable("x_last", NOWHERE)
    integrator.addGlobalVariable("moved", 0)
    integrator.addGlobalVariable("stale", 1)
    return integrator, n


def inner_steps(
    outer_step: unit.Quantity | float, inner_step: unit.Quantity | float
) -> tuple[float, int]:
    """Return the inner step in ps, and how many of them make up the outer one."""
    outer = positive("outer_step", outer_step, unit.picosecond)
    inner = positive("inner_step", inner_step, unit.picosecond)
    n = round(outer / inner)
    if n < 1 or abs(n * inner - outer) > 1e-6 * outer:
        raise SystemSetupError(
            "outer_step must be a whole multiple of inner_step, "
            f"found {1000 * outer:g} fs and {1000 * inner:g} fs"
        )
    return outer / n, n


def set_seed(integrator: openmm.CustomIntegrator, seed: int | None) -> None:
    """Seed the random numbers; OpenMM takes 0 for a new seed each time."""
    if seed is not None and not 0 <= seed < 2**31 - 1:
        raise SystemSetupError(f"seed must be None or from 0 to 2^31 - 2, found {seed}")
    integrator.setRandomNumberSeed(0 if seed is None else seed + 1)


def positive(name: str, value: unit.Quantity | float, to: unit.Unit) -> float:
    """Return an argument as a number, and refuse what is not positive."""
    number = not_negative(name, value, to)
    if number == 0:
        raise SystemSetupError(f"{name} must be positive and finite, found 0 {to}")
    return number


def not_negative(name: str, value: unit.Quantity | float, to: unit.Unit) -> float:
    """Return an argument as a number, and refuse what is negative or not finite."""
    if isinstance(value, unit.Quantity):
        if not value.unit.is_compatible(to):
            raise SystemSetupError(f"{name} must have a unit like {to}, found {value}")
        value = value.value_in_unit(to)
    number = float(value)
    if not (number >= 0 and math.isfinite(number)):
        raise SystemSetupError(f"{name} must be finite and not negative, found {number:g} {to}")
    return number
