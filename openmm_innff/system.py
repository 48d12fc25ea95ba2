"""Systems in which a potential is the only interaction."""

import warnings
from collections.abc import Mapping
from functools import partial

import torch  # before openmm: openmmtorch's libraries need those that torch loads

# isort: split
import openmm
from openmm import unit
from openmm.app import Topology, element
from openmm.app.topology import Residue

from openmm_innff.errors import SystemSetupError
from openmm_innff.forces import FAST, SLOW, Backend, Precision, make_force
from openmm_innff.forces.bond_springs import make_bond_springs
from openmm_innff.forces.groups import GPU_PLATFORMS, platforms
from openmm_innff.forces.mollified import mollify
from openmm_innff.forces.native import make_native_forces
from openmm_innff.neighbors import box_widths
from openmm_innff.potential import Potential
from openmm_innff.units import NM_TO_ANGSTROM


def create_system(
    potential: Potential,
    topology: Topology,
    *,
    backend: Backend = "auto",
    native: bool | None = None,
    precision: Precision = "single",
    engine: str = "auto",
    split: bool = True,
    fast_group: int = FAST,
    slow_group: int = SLOW,
    remove_cm_motion: bool = True,
    hydrogen_mass: unit.Quantity | float | None = None,
    skin: float = 0.5,
    periodic: bool | None = None,
    reference_energies: bool = False,
    mollified: Mapping[str, float] | None = None,
    bond_forces: Mapping[str, tuple[float, float]] | None = None,
) -> openmm.System:
    """Create a System whose forces come from a potential alone.

    Parameters
    ----------
    potential
        The potential.
    topology
        Atoms, bonds and box. Bonds have no energy here, but they tell barostats which atoms make
        up a molecule, each of which is moved as a whole. Start with whole molecules, then, not
        cut by the faces of the box; where they are does not matter.
    backend, precision, engine, skin
        As for :func:`openmm_innff.forces.make_force`.
    native
        Whether a bonded fast part is made of OpenMM's own Custom forces, see `forces.native`:
        neither torch nor the compiled engine is in the inner loop then, on any platform. None:
        where OpenMM can use a GPU.
    split
        Whether the fast and slow parts are Forces of their own, in ``fast_group`` and
        ``slow_group``. If not, their sum is one Force in ``fast_group``.
    fast_group, slow_group
        Force groups, 0 to 31.
    remove_cm_motion
        Whether to add a CMMotionRemover.
    hydrogen_mass
        Mass (with unit, or a float in amu) of each hydrogen bonded to a heavy atom, which loses
        what the hydrogen gains. It changes no equilibrium average but of velocities, and allows
        longer steps.
    periodic
        None: whether the topology has a box.
    reference_energies
        Whether to add the reference energies of the elements to the energy.
    mollified
        Lengths (angstrom) of bonds of hydrogen to other elements, by symbol: the slow part is then
        evaluated with each hydrogen at this distance, see `forces.mollified`. None: as it is.
    bond_forces
        What the slow force along these bonds is on average, see `forces.bond_springs`; given back
        to them where the slow part is mollified.

    Returns
    -------
    openmm.System
        A System with the default box of the topology.

    Raises
    ------
    SystemSetupError
        If the topology can't be simulated with this potential.
    BackendError
        If the backend can't be used with the installed versions.
    UnsupportedElementError
        If the potential does not know an element.
    """
    numbers = _atomic_numbers(topology)
    box = topology.getPeriodicBoxVectors()
    if periodic is None:
        periodic = box is not None
    system = openmm.System()
    for mass in _masses(topology, hydrogen_mass):
        system.addParticle(mass)
    if periodic:
        check_box(box, potential.cutoff("total"))
        _warn_without_bonds(topology)
    if box is not None:
        system.setDefaultPeriodicBoxVectors(*box)

    groups = {"fast": fast_group, "slow": slow_group} if split else {"total": fast_group}
    if mollified is not None:
        groups = {"fast": fast_group, "slow": slow_group if split else fast_group}
    bonds = [(pair[0].index, pair[1].index) for pair in topology.bonds()]
    if _is_native(native, potential, groups):
        for force in make_native_forces(
            potential, numbers, bonds, periodic=periodic, force_group=groups.pop("fast")
        ):
            system.addForce(force)
        energies_in = "slow"
    else:
        energies_in = "total" if "total" in groups else "fast"
    for part, group in groups.items():
        wrap = None
        if mollified is not None and part == "slow":
            wrap = partial(mollify, topology=topology, lengths=mollified, periodic=periodic)
        force = make_force(
            potential,
            part,
            numbers,
            backend=backend,
            periodic=periodic,
            force_group=group,
            skin=skin,
            precision=precision,
            engine=engine,
            reference_energies=reference_energies and part == energies_in,
            mollified=wrap,
            bonds=bonds,
        )
        system.addForce(force)
    if mollified is not None and bond_forces:
        springs = make_bond_springs(topology, mollified, bond_forces, periodic)
        springs.setForceGroup(fast_group)
        system.addForce(springs)
    # The forces without a role in the dynamics go where they are evaluated least.
    system.addForce(_molecules_force(topology, slow_group if split else fast_group))
    if remove_cm_motion:
        remover = openmm.CMMotionRemover()
        remover.setForceGroup(fast_group)
        system.addForce(remover)
    return system


def _is_native(native: bool | None, potential: Potential, groups: Mapping[str, int]) -> bool:
    if not native:
        possible = native is None and potential.needs_bonds() and "fast" in groups
        return possible and bool(set(GPU_PLATFORMS) & platforms())
    if "fast" not in groups:
        raise SystemSetupError("native: wanted with split=True only, found split=False")
    return True


def _atomic_numbers(topology: Topology) -> list[int]:
    if topology.getNumAtoms() == 0:
        raise SystemSetupError("topology must hold at least one atom, found none")
    for atom in topology.atoms():
        if atom.element is None:
            raise SystemSetupError(
                f"topology: atom {atom.index} ({atom.name} of {_describe(atom.residue)}) has no "
                "element; a pure machine-learned System can't hold virtual sites"
            )
    return [atom.element.atomic_number for atom in topology.atoms()]


def _masses(topology: Topology, hydrogen_mass: unit.Quantity | float | None) -> list[float]:
    """Masses in amu; with ``hydrogen_mass``, moved from heavy atoms to their hydrogens."""
    masses = [atom.element.mass.value_in_unit(unit.dalton) for atom in topology.atoms()]
    if hydrogen_mass is None:
        return masses
    if isinstance(hydrogen_mass, unit.Quantity):
        hydrogen_mass = float(hydrogen_mass.value_in_unit(unit.dalton))
    bonded = False
    for pair in topology.bonds():
        hydrogens = [atom for atom in pair if atom.element is element.hydrogen]
        if len(hydrogens) != 1:
            continue
        bonded = True
        hydrogen = hydrogens[0].index
        heavy = pair[0].index + pair[1].index - hydrogen
        masses[heavy] -= hydrogen_mass - masses[hydrogen]
        masses[hydrogen] = hydrogen_mass
    if not bonded:
        raise SystemSetupError(
            "hydrogen_mass needs bonds of hydrogens to heavy atoms in the topology, found none"
        )
    if min(masses) <= 0:
        raise SystemSetupError(
            f"hydrogen_mass must leave all masses positive, but with {hydrogen_mass:g} amu atom "
            f"{masses.index(min(masses))} has {min(masses):g} amu"
        )
    return masses


def check_box(box: unit.Quantity | None, cutoff: float) -> None:
    """Refuse a box in which an atom would see another one twice.

    Parameters
    ----------
    box
        Box vectors; None if there is no box.
    cutoff
        Of the potential, angstrom.

    Raises
    ------
    SystemSetupError
        If there is no box, or it is narrower than twice the cutoff.
    """
    if box is None:
        raise SystemSetupError(
            "periodic is True, but the topology has no box; call "
            "topology.setPeriodicBoxVectors first, or use periodic=False"
        )
    rows = torch.tensor(box.value_in_unit(unit.nanometer), dtype=torch.float64)
    width = float(box_widths(rows * NM_TO_ANGSTROM).min())
    if width < 2 * cutoff:
        raise SystemSetupError(
            f"the box must be at least twice the cutoff wide, {2 * cutoff:g} angstrom, found "
            f"{width:g} angstrom between its closest faces"
        )


def _warn_without_bonds(topology: Topology) -> None:
    bonded = {atom.index for bond in topology.bonds() for atom in bond}
    for residue in topology.residues():
        atoms = list(residue.atoms())
        if len(atoms) > 1 and bonded.isdisjoint(atom.index for atom in atoms):
            warnings.warn(
                f"{_describe(residue)} has {len(atoms)} atoms and no bonds in the topology, so "
                "a barostat would scale its atoms one by one, and trajectories can't be made "
                "whole; use topology.createStandardBonds() or topology.addBond() before",
                stacklevel=3,
            )
            return


def _molecules_force(topology: Topology, group: int) -> openmm.Force:
    """Bonds without energy, from which a Context finds the molecules."""
    force = openmm.HarmonicBondForce()
    for first, second in topology.bonds():
        force.addBond(first.index, second.index, 0.0, 0.0)
    force.setName("molecules")
    force.setForceGroup(group)
    return force


def _describe(residue: Residue) -> str:
    return f"residue {residue.name} {residue.id}"
