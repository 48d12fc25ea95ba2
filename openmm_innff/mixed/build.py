"""Make a System of which a potential describes some atoms."""

import copy
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from openmm_innff.forces import FAST, SLOW, Backend, Precision, make_force  # torch before openmm

# isort: split
import openmm
from openmm import app, unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.forces.bond_springs import make_bond_springs
from openmm_innff.forces.mollified import mollify
from openmm_innff.mixed.bonded import SPLIT, split_terms
from openmm_innff.mixed.grouping import QUICK, group_forces
from openmm_innff.mixed.interpolation import interpolation
from openmm_innff.mixed.masses import repartition
from openmm_innff.mixed.molecule import check_molecule
from openmm_innff.mixed.nonbonded import exclude, internal_forces
from openmm_innff.mixed.subset import Subset, check_elements, rigid_without_term, select
from openmm_innff.potential import Potential
from openmm_innff.system import check_box


def create_mixed_system(
    potential: Potential,
    topology: app.Topology,
    system: openmm.System,
    atoms: Iterable[int] | str,
    *,
    interpolate: bool = False,
    remove_constraints: bool = True,
    group_mm: bool = True,
    fast_group: int = FAST,
    slow_group: int = SLOW,
    reciprocal_group: int | None = None,
    hydrogen_mass: unit.Quantity | float | None = None,
    split: bool = True,
    mollified: Mapping[str, float] | None = None,
    bond_forces: Mapping[str, tuple[float, float]] | None = None,
    periodic: bool | None = None,
    backend: Backend = "auto",
    precision: Precision = "single",
    engine: str = "auto",
    skin: float = 0.5,
    reference_energies: bool = False,
    molecule: Mapping[str, Any] | None = None,
) -> openmm.System:
    """Create a System of which a potential describes some atoms and a force field the rest.

    Mechanical embedding, with the same energies as OpenMM-ML's ``createMixedSystem``: the bonded
    and non-bonded terms of the force field within the chosen atoms are replaced by the potential;
    those between them and the other atoms stay.

    Parameters
    ----------
    potential
        The potential of the chosen atoms.
    topology
        Of all atoms.
    system
        The same atoms in a force field; it is copied.
    atoms
        Indices of the atoms that the potential describes, in the order in which it gets them; or
        the name of their residue, such as "TMP" or "TMP:163".
    interpolate
        Whether the Context shall have a parameter ``lambda_interpolate``: at 0 the energy is
        that of ``system``, at 1 (the default) that of the mixed System. Constraints within the
        atoms need bonded terms beside them, as with ``flexibleConstraints=True``.
    remove_constraints
        Whether constraints within the chosen atoms are removed. Those elsewhere are kept.
    group_mm
        Whether the force field's forces are sorted for multiple time steps: bonded ones into
        ``fast_group``, all others into ``slow_group``. If not, they stay in the groups that they
        have in ``system``.
    fast_group, slow_group
        Force groups of the fast and the slow part, 0 to 31.
    reciprocal_group
        Group for the reciprocal space of Ewald sums; None: ``slow_group``.
    hydrogen_mass
        Mass (with a unit, or a float in amu) of each hydrogen bonded to a heavy atom, which loses
        what it gains; not in waters of the force field. It changes no equilibrium average but of
        velocities.
    split
        Whether the potential is two forces, a fast and a slow one. If not, it is one in
        ``fast_group``.
    mollified, bond_forces, backend, precision, engine, skin, reference_energies
        As for :func:`openmm_innff.system.create_system`.
    periodic
        Whether the potential sees periodic images. None: whether ``system`` has a periodic box.
    molecule
        That the atoms must be, as in a model's card; None: any.

    Returns
    -------
    openmm.System
        A new System.

    Raises
    ------
    SystemSetupError
        If the atoms are not there, are bonded to others, are another molecule, or the box is too
        small.
    UnsupportedElementError
        If the potential does not know an element.
    BackendError
        If the backend can't be used with the installed versions.
    """
    subset = select(topology, system, atoms)
    check_elements(subset, potential.elements)
    check_molecule(subset.numbers, subset.bonds, molecule)
    if interpolate and remove_constraints and (problem := rigid_without_term(system, subset)):
        raise SystemSetupError(problem)
    if periodic is None:
        periodic = system.usesPeriodicBoundaryConditions()
    learned = learned_forces(
        potential, subset, system, periodic=periodic, split=split,
        fast_group=fast_group, slow_group=slow_group, mollified=mollified,
        bond_forces=bond_forces, backend=backend, precision=precision, engine=engine, skin=skin,
        reference_energies=reference_energies,
    )  # fmt: skip
    mixed = copy.deepcopy(system)
    replaced = _take_out(mixed, subset, interpolate)
    for force in (
        _interpolated(learned, replaced, fast_group, slow_group) if interpolate else learned
    ):
        mixed.addForce(force)
    if remove_constraints:
        _remove_constraints(mixed, subset)
    if group_mm:
        group_forces(
            mixed,
            fast_group=fast_group,
            slow_group=slow_group,
            reciprocal_group=reciprocal_group,
        )
    elif reciprocal_group is not None:
        raise SystemSetupError("reciprocal_group: wanted with group_mm=True only")
    mixed.addForce(molecules_force(subset, slow_group if split else fast_group))
    if hydrogen_mass is not None:
        repartition(mixed, topology, hydrogen_mass, subset.members)
    return mixed


def learned_forces(
    potential: Potential,
    subset: Subset,
    system: openmm.System,
    *,
    periodic: bool,
    split: bool = True,
    fast_group: int = FAST,
    slow_group: int = SLOW,
    mollified: Mapping[str, float] | None = None,
    bond_forces: Mapping[str, tuple[float, float]] | None = None,
    reference_energies: bool = False,
    **options: Any,
) -> list[openmm.Force]:
    """Make the forces of a potential that acts on some atoms of a System.

    Parameters
    ----------
    potential, subset
        The potential and the atoms.
    system
        To which the forces will be added; is not changed.
    periodic, split, fast_group, slow_group, mollified, bond_forces, reference_energies
        As for :func:`create_mixed_system`.
    **options
        Further arguments of :func:`openmm_innff.forces.make_force`.
    """
    if periodic:
        box = [v.value_in_unit(unit.nanometer) for v in system.getDefaultPeriodicBoxVectors()]
        check_box(unit.Quantity(box, unit.nanometer), potential.cutoff("total"))
    parts = {"fast": fast_group, "slow": slow_group} if split else {"total": fast_group}
    if mollified is not None:
        parts = {"fast": fast_group, "slow": slow_group if split else fast_group}
    forces = []
    own = subset.own_topology
    for part, group in parts.items():
        wrap = None
        if mollified is not None and part == "slow":
            wrap = partial(mollify, topology=own, lengths=mollified, periodic=periodic)
        forces.append(
            make_force(
                potential,
                part,
                subset.numbers,
                periodic=periodic,
                atoms=subset.atoms,
                n_particles=system.getNumParticles(),
                force_group=group,
                reference_energies=reference_energies and part != "slow",
                mollified=wrap,
                bonds=subset.bonds,
                **options,
            )
        )
    if mollified is not None and bond_forces:
        springs = make_bond_springs(own, mollified, bond_forces, periodic)
        for i in range(springs.getNumBonds()):
            first, second, *parameters = springs.getBondParameters(i)
            springs.setBondParameters(i, subset.atoms[first], subset.atoms[second], *parameters)
        springs.setForceGroup(fast_group)
        forces.append(springs)
    return forces


def molecules_force(subset: Subset, group: int) -> openmm.Force:
    """Bonds without energy, from which a Context finds the molecules of the chosen atoms."""
    force = openmm.HarmonicBondForce()
    for first, second in subset.system_bonds():
        force.addBond(first, second, 0.0, 0.0)
    force.setName("molecules")
    force.setForceGroup(group)
    return force


def _interpolated(
    learned: list[openmm.Force], classical: list[openmm.Force], fast_group: int, slow_group: int
) -> list[openmm.Force]:
    forces = []
    for quick, group in {True: fast_group, False: slow_group}.items():
        ours = [force for force in learned if force.getForceGroup() == group]
        theirs = [force for force in classical if isinstance(force, QUICK) == quick]
        if ours or theirs:
            forces.append(interpolation(ours, theirs, group))
    return forces


def _take_out(system: openmm.System, subset: Subset, keep: bool) -> list[openmm.Force]:
    """Take the force field's terms within some atoms out of a System; return them if wanted."""
    replaced = internal_forces(system, subset.atoms) if keep else []
    exclude(system, subset.atoms)
    for i in reversed(range(system.getNumForces())):
        if not isinstance(system.getForce(i), SPLIT):
            continue
        rest, inside = split_terms(system.getForce(i), subset.members)
        if inside is None:
            continue
        system.removeForce(i)
        if rest is not None:
            system.addForce(rest)
        if keep:
            replaced.append(inside)
    return replaced


def _remove_constraints(system: openmm.System, subset: Subset) -> None:
    for i in reversed(range(system.getNumConstraints())):
        first, second, _ = system.getConstraintParameters(i)
        if first in subset.members and second in subset.members:
            system.removeConstraint(i)
