"""The atoms that a potential describes within a larger System, and what can't be simulated so."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import openmm
from openmm import app
from openmm.app import element

from openmm_innff.elements import SYMBOLS
from openmm_innff.errors import SystemSetupError, UnsupportedElementError

_HEAVIEST_HYDROGEN = 4.5
"""With repartitioned masses, amu; other elements weigh more then too."""


@dataclass(frozen=True, eq=False)
class Subset:
    """Atoms of a System that a potential describes.

    Parameters
    ----------
    topology
        Of the whole System.
    atoms
        Indices in the System, in the order in which the potential gets them.
    bonds
        Between them, as pairs of places in ``atoms``.
    """

    topology: app.Topology
    atoms: tuple[int, ...]
    bonds: tuple[tuple[int, int], ...]

    @cached_property
    def members(self) -> frozenset[int]:
        """Indices in the System."""
        return frozenset(self.atoms)

    @cached_property
    def numbers(self) -> list[int]:
        """Atomic numbers, in order."""
        everything = list(self.topology.atoms())
        return [everything[i].element.atomic_number for i in self.atoms]

    @cached_property
    def own_topology(self) -> app.Topology:
        """These atoms alone: atom k is that of ``atoms[k]``."""
        everything = list(self.topology.atoms())
        topology = app.Topology()
        residue = topology.addResidue("ML", topology.addChain())
        own = [
            topology.addAtom(everything[i].name, everything[i].element, residue) for i in self.atoms
        ]
        for a, b in self.bonds:
            topology.addBond(own[a], own[b])
        topology.setPeriodicBoxVectors(self.topology.getPeriodicBoxVectors())
        return topology

    def system_bonds(self) -> list[tuple[int, int]]:
        """Return the bonds as pairs of indices in the System."""
        return [(self.atoms[a], self.atoms[b]) for a, b in self.bonds]


def residue_atoms(topology: app.Topology, residue: str) -> list[int]:
    """Find the atoms of a residue by its name.

    Parameters
    ----------
    topology
        Of the System.
    residue
        Name of the residue, such as "TMP"; with several of that name, add the number that the
        topology gives it: "TMP:163".

    Raises
    ------
    SystemSetupError
        If there is none or more than one of it; names what there is.
    """
    name, _, number = residue.partition(":")
    found = [r for r in topology.residues() if r.name == name and number in ("", r.id)]
    if len(found) == 1:
        return [atom.index for atom in found[0].atoms()]
    if not found:
        names = sorted({r.name for r in topology.residues()})
        raise SystemSetupError(
            f"residue: wanted one of {', '.join(names)}, found {residue!r}, which is not in the "
            "topology"
        )
    ids = ", ".join([f"{r.name}:{r.id}" for r in found[:8]] + ["..."] * (len(found) > 8))
    raise SystemSetupError(
        f"residue: wanted one, found {len(found)} called {residue!r} ({ids}); give "
        "its number too, or the indices of the atoms"
    )


def select(topology: app.Topology, system: openmm.System, atoms: Iterable[int] | str) -> Subset:
    """Check that some atoms of a System can be described by a potential of their own.

    Parameters
    ----------
    topology
        Of all atoms of the System.
    system
        The force field's.
    atoms
        Indices, or the name of a residue, see `residue_atoms`.

    Raises
    ------
    SystemSetupError
        If there are no such atoms, one has no element or is a virtual site, or a bond connects
        them to other atoms.
    """
    n = system.getNumParticles()
    if topology.getNumAtoms() != n:
        raise SystemSetupError(
            f"topology, system: wanted the same atoms in both, found {topology.getNumAtoms()} "
            f"atoms in the topology and {n} particles in the System"
        )
    chosen = residue_atoms(topology, atoms) if isinstance(atoms, str) else [int(i) for i in atoms]
    everything = list(topology.atoms())
    if not chosen:
        raise SystemSetupError("atoms: wanted at least one index, found none")
    if not all(0 <= i < n for i in chosen):
        raise SystemSetupError(
            f"atoms: wanted indices from 0 to {n - 1}, found {min(chosen)} to {max(chosen)}"
        )
    if len(set(chosen)) < len(chosen):
        twice = next(i for i in chosen if chosen.count(i) > 1)
        raise SystemSetupError(f"atoms: wanted each index once, found {twice} twice")
    for i in chosen:
        if everything[i].element is None or system.isVirtualSite(i):
            raise SystemSetupError(
                f"atoms: wanted atoms with an element, found {describe(everything[i])}, which has "
                "none or is a virtual site"
            )
    _refuse_links(topology, system, set(chosen))
    _check_order(topology, system, chosen)
    return Subset(topology, tuple(chosen), tuple(_bonds(topology, system, chosen)))


def check_elements(subset: Subset, known: Iterable[str]) -> None:
    """Refuse elements that a potential does not know.

    Raises
    ------
    UnsupportedElementError
        Naming the first such atom.
    """
    symbols = set(known)
    everything = list(subset.topology.atoms())
    for i, number in zip(subset.atoms, subset.numbers, strict=True):
        if SYMBOLS[number] not in symbols:
            raise UnsupportedElementError(
                f"atoms: {describe(everything[i])} is {SYMBOLS[number]}, but the model knows only "
                f"{', '.join(sorted(symbols))}"
            )


def describe(atom: app.topology.Atom) -> str:
    """Name an atom for a message."""
    return f"atom {atom.index} ({atom.name} of residue {atom.residue.name} {atom.residue.id})"


def _check_order(topology: app.Topology, system: openmm.System, chosen: list[int]) -> None:
    """Refuse atoms that are not the same in the topology and in the System."""
    everything = list(topology.atoms())
    for i in chosen:
        mass = system.getParticleMass(i)._value
        hydrogen = everything[i].element is element.hydrogen
        if mass > 0 and hydrogen != (mass < _HEAVIEST_HYDROGEN):
            raise SystemSetupError(
                f"topology, system: {describe(everything[i])} has a mass of {mass:g} amu in the "
                "System; wanted the same atoms in the same order in both"
            )
    members = set(chosen)
    ours = {frozenset((a.index, b.index)) for a, b in topology.bonds()}
    theirs = {pair for pair in map(frozenset, _system_bonds(system)) if pair <= members}
    flexible = map(frozenset, _system_bonds(system, constraints=False))
    # OpenMM-ML takes harmonic bonds out before it asks for this, and leaves constraints.
    if not any(pair <= members for pair in flexible):
        return
    for first, second in sorted(sorted(pair) for pair in ours - theirs if pair <= members):
        raise SystemSetupError(
            f"topology, system: {describe(everything[first])} and {describe(everything[second])} "
            "are bonded in the topology, but not in the System; wanted the same atoms in the same "
            "order in both"
        )


def _refuse_links(topology: app.Topology, system: openmm.System, chosen: set[int]) -> None:
    topology_bonds = {(bond[0].index, bond[1].index) for bond in topology.bonds()}
    everything = list(topology.atoms())
    for first, second in sorted(topology_bonds) + sorted(_system_bonds(system)):
        if (first in chosen) != (second in chosen):
            inside, outside = (first, second) if first in chosen else (second, first)
            raise SystemSetupError(
                f"atoms: {describe(everything[inside])} is bonded to "
                f"{describe(everything[outside])}, which is not among them; a covalent link "
                "between machine-learned and other atoms is not possible: add all atoms of the "
                "molecule, or choose a molecule that is not bonded to the rest"
            )


def _system_bonds(system: openmm.System, constraints: bool = True) -> set[tuple[int, int]]:
    """Return pairs with a harmonic bond or, if wanted, a constraint."""
    pairs = set()
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for i in range(force.getNumBonds()):
                first, second, _, constant = force.getBondParameters(i)
                if constant._value != 0:
                    pairs.add((first, second))
    for i in range(system.getNumConstraints() if constraints else 0):
        first, second, _ = system.getConstraintParameters(i)
        pairs.add((first, second))
    return pairs


def _bonds(
    topology: app.Topology, system: openmm.System, chosen: list[int]
) -> list[tuple[int, int]]:
    """Return the bonds among the chosen atoms: the topology's, or else those of the System."""
    place = {atom: k for k, atom in enumerate(chosen)}
    pairs = {(bond[0].index, bond[1].index) for bond in topology.bonds()}
    inside = {pair for pair in pairs if pair[0] in place and pair[1] in place}
    if not inside:
        atoms = list(topology.atoms())
        inside = {
            (a, b)
            for a, b in _system_bonds(system)
            if a in place
            and b in place
            and not (atoms[a].element is element.hydrogen and atoms[b].element is element.hydrogen)
        }
    return sorted({(min(place[a], place[b]), max(place[a], place[b])) for a, b in inside})


def rigid_without_term(system: openmm.System, subset: Subset) -> str | None:
    """Find a constraint within the chosen atoms for which the force field has no bonded term.

    Where such a constraint is removed, nothing holds these atoms at the force field's end of an
    interpolation.

    Parameters
    ----------
    system
        The force field's.
    subset
        The chosen atoms.

    Returns
    -------
    str or None
        What to do about it; None if there is no such constraint.
    """
    held = {frozenset(pair) for pair in _system_bonds(system, constraints=False)}
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicAngleForce):
            for i in range(force.getNumAngles()):
                first, _, last = force.getAngleParameters(i)[:3]
                held.add(frozenset((first, last)))
    everything = list(subset.topology.atoms())
    for i in range(system.getNumConstraints()):
        first, second, _ = system.getConstraintParameters(i)
        inside = first in subset.members and second in subset.members
        if inside and frozenset((first, second)) not in held:
            return (
                f"interpolate: {describe(everything[first])} and {describe(everything[second])} "
                "are constrained and have no bonded term in the force field, so that nothing would "
                "hold them at lambda 0; make the force field's System with "
                "flexibleConstraints=True, or keep the constraints"
            )
    return None
