"""A structure as OpenMM's topology: one residue for each molecule."""

import numpy as np
from openmm import app, unit

from openmm_innff.audit.structure import Indices, Structure
from openmm_innff.units import ANGSTROM_TO_NM

_NAMES = {("H", "H", "O"): "HOH"}


def topology_of(structure: Structure) -> tuple[app.Topology, Indices]:
    """Return the topology, and which atom of the structure each of its atoms is.

    Parameters
    ----------
    structure
        Its molecules may be in any order; a topology wants the atoms of a residue together.
    """
    topology, order = app.Topology(), np.concatenate(structure.molecules)
    chain = topology.addChain()
    atoms: dict[int, app.topology.Atom] = {}
    for molecule in structure.molecules:
        symbols = [structure.symbols[i] for i in molecule]
        name = _NAMES.get(tuple(sorted(symbols)), "MOL")
        residue = topology.addResidue(name, chain)
        counts: dict[str, int] = {}
        for i, symbol in zip(molecule, symbols, strict=True):
            counts[symbol] = counts.get(symbol, 0) + 1
            number = "" if symbols.count(symbol) == 1 else str(counts[symbol])
            element = app.Element.getBySymbol(symbol)
            atoms[int(i)] = topology.addAtom(f"{symbol}{number}", element, residue)
    for first, second in structure.bonds:
        topology.addBond(atoms[first], atoms[second])
    if structure.cell is not None:
        topology.setPeriodicBoxVectors(structure.cell * ANGSTROM_TO_NM * unit.nanometer)
    return topology, order
