"""A part of a System of a force field: what is left when molecules are taken away."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
import openmm
from openmm import app

from openmm_innff.errors import SystemSetupError
from openmm_innff.simulation.complexes import Complex

_KNOWN = (
    *("CMMotionRemover", "HarmonicBondForce", "HarmonicAngleForce", "PeriodicTorsionForce"),
    *("RBTorsionForce", "CustomBondForce", "CustomAngleForce", "CustomTorsionForce"),
    *("NonbondedForce", "GBSAOBCForce"),
)
_PARTICLE = re.compile(r"(particle|p|a|b)\d$")
_FEWEST = 4
"""Molecules of the environment with fewer atoms are water and ions."""


def solvent_of(complex_: Complex, ligand: Sequence[int]) -> Complex:
    """Return the ligand with the water and the ions of its complex.

    Where the other molecules were is nothing, so that the box must be allowed to shrink.

    Parameters
    ----------
    complex_
        All.
    ligand
        Indices of its atoms.
    """
    topology = complex_.topology
    own, size = set(ligand), {}
    for molecule in molecules(topology, complex_.system):
        for i in molecule:
            size[i] = len(molecule)
    kept = [i for i in range(topology.getNumAtoms()) if i in own or size[i] < _FEWEST]
    atoms = list(topology.atoms())
    modeller = app.Modeller(topology, complex_.positions)
    modeller.delete([atom for atom in atoms if atom.index not in set(kept)])
    return Complex(modeller.topology, complex_.positions[kept], part_of(complex_.system, kept))


def molecules(topology: app.Topology, system: openmm.System) -> list[list[int]]:
    """Return the indices of the atoms of each molecule, as a Context sees them."""
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    return [list(molecule) for molecule in context.getMolecules()]


def part_of(system: openmm.System, kept: Sequence[int]) -> openmm.System:
    """Return some atoms of a System, with all terms among them.

    Parameters
    ----------
    system
        Of an ordinary force field.
    kept
        Indices, rising.

    Raises
    ------
    SystemSetupError
        If it holds a force whose terms are not known here.
    """
    for force in system.getForces():
        if type(force).__name__ not in _KNOWN:
            raise SystemSetupError(
                f"solvent: wanted a recipe for the ligand in solvent, since a "
                f"{type(force).__name__} of the complex can't be taken apart"
            )
    if any(system.isVirtualSite(i) for i in kept):
        raise SystemSetupError(
            "solvent: wanted a recipe for the ligand in solvent, since virtual sites of the "
            "complex can't be taken apart"
        )
    place = {old: new for new, old in enumerate(kept)}
    root = ElementTree.fromstring(openmm.XmlSerializer.serialize(system))
    particles = _child(root, "Particles")
    for old, particle in enumerate(list(particles)):
        if old not in place:
            particles.remove(particle)
    _renumber(_child(root, "Constraints"), place)
    for force in _child(root, "Forces"):
        for terms in list(force):
            if terms.tag == "Particles":  # one for each, in order
                for old, particle in enumerate(list(terms)):
                    if old not in place:
                        terms.remove(particle)
            else:
                _renumber(terms, place)
    return openmm.XmlSerializer.deserialize(ElementTree.tostring(root, encoding="unicode"))


def _renumber(terms: ElementTree.Element, place: dict[int, int]) -> None:
    for term in list(terms):
        numbers = {k: int(v) for k, v in term.attrib.items() if _PARTICLE.match(k)}
        if numbers.keys() and not all(i in place for i in numbers.values()):
            terms.remove(term)
        for key, old in numbers.items():
            term.set(key, str(place.get(old, 0)))


def _child(root: ElementTree.Element, name: str) -> ElementTree.Element:
    found = root.find(name)
    return ElementTree.Element(name) if found is None else found


def charge_of(system: openmm.System, atoms: Sequence[int]) -> float:
    """Return the charge of some atoms in the force field, e."""
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            return float(np.sum([force.getParticleParameters(i)[0]._value for i in atoms]))
    return 0.0
