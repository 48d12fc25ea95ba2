"""Force groups of a mixed System: what is evaluated in each inner step, and what rarely."""

import openmm

from openmm_innff.errors import SystemSetupError
from openmm_innff.forces.groups import FAST, FORCELESS, SLOW
from openmm_innff.mixed.bonded import SPLIT
from openmm_innff.mixed.interpolation import is_interpolation, separated

QUICK = (
    *SPLIT,
    openmm.CustomCompoundBondForce,
    openmm.CustomCentroidBondForce,
    openmm.CustomExternalForce,
)
"""Forces of the force field that belong into the inner step: stiff, and cheap on every platform."""


def group_forces(
    system: openmm.System,
    *,
    fast_group: int = FAST,
    slow_group: int = SLOW,
    reciprocal_group: int | None = None,
) -> None:
    """Sort the forces of a mixed System into force groups, in place.

    Bonded terms of the force field join the fast part of the potential, everything else its slow
    part. An interpolation that OpenMM-ML put into one force becomes one for each group. Forces of
    the potential itself stay where they are.

    Parameters
    ----------
    system
        Of this package, or of OpenMM-ML with the potential "innff".
    fast_group, slow_group
        Where its fast and slow parts are; 0 to 31.
    reciprocal_group
        Of the reciprocal space of Ewald sums, if it shall have its own; None: ``slow_group``.

    Raises
    ------
    SystemSetupError
        If the groups are not different.
    """
    groups = [fast_group, slow_group, *([] if reciprocal_group is None else [reciprocal_group])]
    if len(set(groups)) < len(groups) or not all(0 <= group < 32 for group in groups):
        raise SystemSetupError(
            "fast_group, slow_group, reciprocal_group: wanted different numbers from 0 to 31, "
            f"found {', '.join(map(str, groups))}"
        )
    joined = [i for i, force in enumerate(system.getForces()) if is_interpolation(force)]
    for i in reversed(joined):
        parts = separated(system.getForce(i), lambda force: isinstance(force, QUICK), groups[:2])
        if parts is not None:
            system.removeForce(i)
            for part in parts:
                system.addForce(part)
    for force in system.getForces():
        if isinstance(force, (*FORCELESS, openmm.CustomCVForce)) or is_learned(force):
            continue
        force.setForceGroup(fast_group if isinstance(force, QUICK) else slow_group)
        if isinstance(force, openmm.NonbondedForce):
            force.setReciprocalSpaceForceGroup(-1 if reciprocal_group is None else reciprocal_group)


def is_learned(force: openmm.Force) -> bool:
    """Whether a force is called from Python or torch: a force field has none of these."""
    return type(force).__name__ in ("PythonForce", "TorchForce", "Force")
