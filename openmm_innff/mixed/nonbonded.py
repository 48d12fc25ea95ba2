r"""Non-bonded forces of a force field without, or only with, the pairs within some atoms.

The pairs that the mixed System leaves out are exceptions without energy. What they had is, with
r_c the cutoff and S OpenMM's switching function,

.. math:: q_i q_j \left(\frac{1}{r} + k r^2 - c\right) + 4 \epsilon S(r) (...)

where the reaction field's k and c belong to methods with a cutoff and without Ewald sums. Ewald
sums treat an exception as they treat any other pair: what the mesh adds is taken off again, so that
q_i q_j / r remains.
"""

from collections.abc import Sequence

import openmm
from openmm import unit

from openmm_innff.errors import SystemSetupError

ONE_4PI_EPS0 = 138.93545764438198
"""As in OpenMM, kJ nm / (mol e^2)."""

_LENNARD_JONES = "4*epsilon*((sigma/r)^12-(sigma/r)^6)"
_EWALD = (openmm.NonbondedForce.Ewald, openmm.NonbondedForce.PME)
_CUTOFF = (openmm.NonbondedForce.CutoffNonPeriodic, openmm.NonbondedForce.CutoffPeriodic)


def exclude(system: openmm.System, atoms: Sequence[int]) -> None:
    """Take the pairs within some atoms out of all non-bonded forces of a System, in place.

    Parameters
    ----------
    system
        Is changed.
    atoms
        Indices.
    """
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            for k, first in enumerate(atoms):
                for second in atoms[:k]:
                    force.addException(first, second, 0.0, 1.0, 0.0, True)
            # Pairs of different molecules may be closest across a face of the box.
            periodic = force.usesPeriodicBoundaryConditions()
            force.setExceptionsUsePeriodicBoundaryConditions(periodic)
        elif isinstance(force, openmm.CustomNonbondedForce):
            known = {
                frozenset(force.getExclusionParticles(i)) for i in range(force.getNumExclusions())
            }
            for k, first in enumerate(atoms):
                for second in atoms[:k]:
                    if frozenset((first, second)) not in known:
                        force.addExclusion(first, second)


def internal_forces(system: openmm.System, atoms: Sequence[int]) -> list[openmm.Force]:
    """Make forces with the energy that `exclude` takes away.

    Parameters
    ----------
    system
        The force field's, as it was before.
    atoms
        Indices.

    Raises
    ------
    SystemSetupError
        If it can't be told what their energy is.
    """
    forces: list[openmm.Force] = []
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            forces += _pairs(force, atoms)
        elif isinstance(force, openmm.CustomNonbondedForce):
            forces.append(_restricted(force, atoms))
    return forces


def _pairs(force: openmm.NonbondedForce, atoms: Sequence[int]) -> list[openmm.Force]:
    _refuse_unknown(force, set(atoms))
    exceptions = {}
    for i in range(force.getNumExceptions()):
        first, second, *parameters = force.getExceptionParameters(i)
        exceptions[frozenset((first, second))] = [value._value for value in parameters]
    particles = {i: [value._value for value in force.getParticleParameters(i)] for i in atoms}
    regular, excepted = _bond_force(_regular_energy(force)), _bond_force(_plain_energy())
    for k, first in enumerate(atoms):
        for second in atoms[:k]:
            known = exceptions.get(frozenset((first, second)))
            if known is not None:
                if known[0] != 0 or known[2] != 0:
                    excepted.addBond(first, second, known)
                continue
            (q1, s1, e1), (q2, s2, e2) = particles[first], particles[second]
            regular.addBond(first, second, [q1 * q2, 0.5 * (s1 + s2), (e1 * e2) ** 0.5])
    periodic = force.usesPeriodicBoundaryConditions()
    excepted.setUsesPeriodicBoundaryConditions(
        periodic and force.getExceptionsUsePeriodicBoundaryConditions()
    )
    regular.setUsesPeriodicBoundaryConditions(periodic)
    return [made for made in (regular, excepted) if made.getNumBonds() > 0]


def _refuse_unknown(force: openmm.NonbondedForce, atoms: set[int]) -> None:
    if force.getNonbondedMethod() == openmm.NonbondedForce.LJPME:
        raise SystemSetupError(
            "interpolate: wanted a NonbondedForce without LJPME, whose energy within the "
            "machine-learned atoms has no simple form; use PME"
        )
    for i in range(force.getNumParticleParameterOffsets()):
        name, particle = force.getParticleParameterOffset(i)[:2]
        if particle in atoms:
            raise SystemSetupError(
                f"interpolate: atom {particle} has a parameter {name!r} that changes its charge or "
                "size, which the interpolation would not follow"
            )


def _regular_energy(force: openmm.NonbondedForce) -> str:
    """Energy of a pair that is no exception."""
    method = force.getNonbondedMethod()
    cutoff = force.getCutoffDistance().value_in_unit(unit.nanometer)
    lennard_jones = _LENNARD_JONES
    if method in (*_CUTOFF, *_EWALD):
        lennard_jones = f"step({cutoff!r}-r)*{_switched(force, cutoff)}{lennard_jones}"
    coulomb = f"{ONE_4PI_EPS0}*charges/r"
    if method in _CUTOFF:
        dielectric = force.getReactionFieldDielectric()
        k = (dielectric - 1.0) / (2.0 * dielectric + 1.0) / cutoff**3
        c = 3.0 * dielectric / (2.0 * dielectric + 1.0) / cutoff
        coulomb = f"step({cutoff!r}-r)*{ONE_4PI_EPS0}*charges*(1/r+{k!r}*r^2-{c!r})"
    return f"{coulomb}+{lennard_jones}"


def _switched(force: openmm.NonbondedForce, cutoff: float) -> str:
    if not force.getUseSwitchingFunction():
        return ""
    start = force.getSwitchingDistance().value_in_unit(unit.nanometer)
    x = f"((r-{start!r})/{cutoff - start!r})"
    return f"select(step(r-{start!r}),1-{x}^3*(10-{x}*(15-6*{x})),1)*"


def _plain_energy() -> str:
    return f"{ONE_4PI_EPS0}*charges/r+{_LENNARD_JONES}"


def _bond_force(energy: str) -> openmm.CustomBondForce:
    force = openmm.CustomBondForce(energy)
    for name in ("charges", "sigma", "epsilon"):
        force.addPerBondParameter(name)
    return force


def _restricted(force: openmm.CustomNonbondedForce, atoms: Sequence[int]) -> openmm.Force:
    if force.getNumInteractionGroups() > 0:
        raise SystemSetupError(
            f"interpolate: the force {force.getName()!r} has interaction groups of its own, so its "
            "energy within the machine-learned atoms can't be told from the rest"
        )
    copy = openmm.XmlSerializer.clone(force)
    copy.addInteractionGroup(atoms, atoms)
    copy.setUseLongRangeCorrection(False)  # it does not depend on exclusions
    return copy
