"""Bonded terms of a force field, split into those within some atoms and the rest."""

import re
from collections.abc import Set
from xml.etree import ElementTree

import openmm

TERMS = {"Bonds": "Bond", "Angles": "Angle", "Torsions": "Torsion"}
"""Tags of OpenMM's XML that hold terms."""

SPLIT = (
    openmm.HarmonicBondForce,
    openmm.HarmonicAngleForce,
    openmm.PeriodicTorsionForce,
    openmm.RBTorsionForce,
    openmm.CMAPTorsionForce,
    openmm.CustomBondForce,
    openmm.CustomAngleForce,
    openmm.CustomTorsionForce,
)
"""Forces whose terms within the machine-learned atoms the potential replaces."""

_PARTICLE = re.compile(r"[pab]\d$")


def split_terms(
    force: openmm.Force, inside: Set[int]
) -> tuple[openmm.Force | None, openmm.Force | None]:
    """Split a bonded force by whether all atoms of a term are in a set.

    OpenMM's forces can't lose terms, so both parts are made from the XML of the force: with the
    same expressions, tables, parameters, group and name.

    Parameters
    ----------
    force
        One of `SPLIT`.
    inside
        Indices of atoms.

    Returns
    -------
    tuple of Force or None
        The force without the terms inside, and with these alone; None if there is no such term.
    """
    root = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
    flags = [[_atoms(term) <= inside for term in terms] for terms, _ in _terms(root)]
    if not any(map(any, flags)):
        return openmm.XmlSerializer.clone(force), None
    rest = None if all(map(all, flags)) else _without(root, flags, True)
    return rest, _without(root, flags, False)


def _without(root: ElementTree.Element, flags: list[list[bool]], dropped: bool) -> openmm.Force:
    """Return the force without the terms whose flag is ``dropped``."""
    copy = ElementTree.fromstring(ElementTree.tostring(root))
    for (terms, parent), marked in zip(_terms(copy), flags, strict=True):
        for term, flag in zip(terms, marked, strict=True):
            if flag == dropped:
                parent.remove(term)
    return openmm.XmlSerializer.deserialize(ElementTree.tostring(copy, encoding="unicode"))


def _terms(
    root: ElementTree.Element,
) -> list[tuple[list[ElementTree.Element], ElementTree.Element]]:
    """Return the terms of a force, with the element that holds them."""
    return [
        (parent.findall(tag), parent)
        for name, tag in TERMS.items()
        for parent in root.findall(name)
    ]


def _atoms(term: ElementTree.Element) -> set[int]:
    return {int(value) for key, value in term.attrib.items() if _PARTICLE.match(key)}
