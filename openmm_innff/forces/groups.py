"""Force groups, and what else an integrator must know of the forces of a System."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import openmm

from openmm_innff.errors import SystemSetupError

FAST: Final = 0
"""Default group of the fast part."""
SLOW: Final = 1
"""Default group of the slow part."""

FORCELESS = (
    openmm.AndersenThermostat,
    openmm.CMMotionRemover,
    openmm.MonteCarloAnisotropicBarostat,
    openmm.MonteCarloBarostat,
    openmm.MonteCarloFlexibleBarostat,
    openmm.MonteCarloMembraneBarostat,
)
MM_OUTER_FS: Final = 4.0
"""Longest outer step for a force field's non-bonded terms, with heavy hydrogens or rigid bonds."""
GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")
_SITES_LAG = (
    "the System has virtual sites, which OpenMM's CPU and Reference platforms move at the end of "
    "an integration step only, so that all forces within a multiple-time-step integrator would "
    "see old ones: use a GPU platform, a water model without virtual sites, or an integrator "
    "without multiple time steps"
)


@dataclass(frozen=True)
class ForceGroups:
    """Groups evaluated in each inner step, and once per outer step."""

    fast: tuple[int, ...]
    slow: tuple[int, ...]


def checked_groups(system: openmm.System, fast: Sequence[int], slow: Sequence[int]) -> ForceGroups:
    """Check that each force of the System is integrated, and once."""
    groups = [*fast, *slow]
    if len(set(groups)) < len(groups) or not all(0 <= group < 32 for group in groups):
        raise SystemSetupError(
            "fast_groups and slow_groups must hold different numbers from 0 to 31, "
            f"found {tuple(fast)} and {tuple(slow)}"
        )
    for force in system.getForces():
        if isinstance(force, FORCELESS):
            continue
        used = {force.getForceGroup()}
        if isinstance(force, openmm.NonbondedForce) and force.getReciprocalSpaceForceGroup() >= 0:
            used.add(force.getReciprocalSpaceForceGroup())
        if not used <= set(groups):
            raise SystemSetupError(
                f"the force {force.getName()!r} is in group {min(used - set(groups))}, which the "
                f"integrator would ignore: fast_groups is {tuple(fast)}, slow_groups is "
                f"{tuple(slow)}; add the group to one of them or call setForceGroup on the force"
            )
    return ForceGroups(tuple(fast), tuple(slow))


def force_parameters(system: openmm.System) -> list[str]:
    """Names of the Context parameters that forces of the System depend on."""
    names: set[str] = set()
    for force in system.getForces():
        if hasattr(force, "getNumGlobalParameters"):
            count = force.getNumGlobalParameters()
            names.update(force.getGlobalParameterName(i) for i in range(count))
        elif hasattr(force, "getGlobalParameters"):  # PythonForce
            names.update(force.getGlobalParameters())
    return sorted(names)


def has_force_field(system: openmm.System) -> bool:
    """Whether there are charges and Lennard-Jones forces of a force field."""
    return any(isinstance(force, openmm.NonbondedForce) for force in system.getForces())


def platforms() -> set[str]:
    """Names of the platforms that this OpenMM has."""
    count = openmm.Platform.getNumPlatforms()
    return {openmm.Platform.getPlatform(i).getName() for i in range(count)}


def has_constraints_or_sites(system: openmm.System) -> bool:
    """Whether positions need more than a drift; refuse virtual sites where they would lag."""
    sites = any(system.isVirtualSite(i) for i in range(system.getNumParticles()))
    if sites:
        if platforms().isdisjoint(GPU_PLATFORMS):
            raise SystemSetupError(_SITES_LAG)
        warnings.warn(_SITES_LAG, stacklevel=4)
    return sites or system.getNumConstraints() > 0
