"""A ligand as a file describes it, and whether a System holds the same molecule."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app, unit

from openmm_innff.errors import ConfigError, MissingDependencyError, SystemSetupError
from openmm_innff.mixed.subset import describe
from openmm_innff.units import ANGSTROM_TO_NM

_CHARGE_TOLERANCE = 0.02
"""By how much charges of a force field may add up to something else than the formal charge, e."""

_FLAT = 1e-3


@dataclass(frozen=True, eq=False)
class Ligand:
    """A molecule with all its hydrogens.

    Parameters
    ----------
    name
        Of its residue: three letters or digits.
    symbols
        Elements of its atoms.
    positions
        Shape (n_atoms, 3), angstrom.
    bonds
        Pairs of its atoms, the smaller number first.
    charge
        Formal charge, e.
    source
        Where it comes from, for messages.
    """

    name: str
    symbols: tuple[str, ...]
    positions: NDArray[np.float64]
    bonds: tuple[tuple[int, int], ...]
    charge: int
    source: str

    @property
    def numbers(self) -> list[int]:
        """Atomic numbers."""
        return [app.Element.getBySymbol(symbol).atomic_number for symbol in self.symbols]

    @property
    def atom_names(self) -> list[str]:
        """Names such as C1, C2, H1: the element, and how many of it there were."""
        seen: Counter[str] = Counter()
        names = []
        for symbol in self.symbols:
            seen[symbol] += 1
            names.append(f"{symbol}{seen[symbol]}")
        return names

    def topology(self) -> app.Topology:
        """Return it as a residue of its own chain."""
        topology = app.Topology()
        residue = topology.addResidue(self.name, topology.addChain())
        atoms = [
            topology.addAtom(name, app.Element.getBySymbol(symbol), residue)
            for name, symbol in zip(self.atom_names, self.symbols, strict=True)
        ]
        for first, second in self.bonds:
            topology.addBond(atoms[first], atoms[second])
        return topology

    def quantity(self) -> unit.Quantity:
        """Return the positions as OpenMM wants them."""
        return self.positions * ANGSTROM_TO_NM * unit.nanometer


def read_ligand(path: str | os.PathLike[str], name: str = "LIG") -> Ligand:
    """Read one molecule from an SDF or MOL file, with hydrogens and positions in three dimensions.

    Parameters
    ----------
    path
        The file.
    name
        Of the residue that it becomes.

    Raises
    ------
    ConfigError
        If the file does not hold exactly one such molecule.
    MissingDependencyError
        If RDKit is not installed.
    """
    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise MissingDependencyError(
            "reading a ligand needs RDKit; pip install 'openmm-innff[prepare]'"
        ) from error
    if not os.path.isfile(path):
        raise ConfigError(f"ligand: wanted an SDF file, found nothing at '{path}'")
    with rdBase.BlockLogs():  # what is wrong is said below
        found = list(Chem.SDMolSupplier(os.fspath(path), removeHs=False))
    if len(found) != 1 or found[0] is None:
        what = f"{len(found)} molecules" if len(found) != 1 else "one with impossible valences"
        raise ConfigError(f"ligand: wanted one molecule in '{path}', found {what}")
    molecule = found[0]
    if len(Chem.GetMolFrags(molecule)) != 1:
        raise ConfigError(f"ligand: wanted one molecule in '{path}', found unconnected fragments")
    for atom in molecule.GetAtoms():
        if atom.GetNumImplicitHs() or atom.GetNumExplicitHs():
            raise ConfigError(
                f"ligand: wanted all hydrogens as atoms, but atom {atom.GetIdx()} "
                f"({atom.GetSymbol()}) in '{path}' lacks {atom.GetTotalNumHs()}; protonate it, and "
                "give the hydrogens positions"
            )
    if molecule.GetNumConformers() == 0:
        raise ConfigError(f"ligand: '{path}' has no positions")
    positions = np.asarray(molecule.GetConformer().GetPositions(), dtype=np.float64)
    if len(positions) > 3 and np.ptp(positions[:, 2]) < _FLAT:
        raise ConfigError(
            f"ligand: wanted positions in three dimensions, found a drawing in '{path}'"
        )
    bonds = sorted(
        (min(pair), max(pair))
        for pair in ((b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds())
    )
    return Ligand(
        name,
        tuple(atom.GetSymbol() for atom in molecule.GetAtoms()),
        positions,
        tuple(bonds),
        Chem.GetFormalCharge(molecule),
        str(path),
    )


def check_ligand(
    topology: app.Topology, system: openmm.System, atoms: Sequence[int], ligand: Ligand
) -> None:
    """Check that a force field and a ligand's file, or a model's data, mean the same molecule.

    Parameters
    ----------
    topology, system
        Of the force field.
    atoms
        Indices of the ligand's atoms in them, in order.
    ligand
        As its file describes it.

    Raises
    ------
    SystemSetupError
        If the number of atoms, an element, a bond or the charge differs; names the first one.
    """
    everything = list(topology.atoms())
    if len(atoms) != len(ligand.symbols):
        raise SystemSetupError(
            f"ligand: {len(ligand.symbols)} atoms in '{ligand.source}', but {len(atoms)} in the "
            "force field; is the protonation the same?"
        )
    for k, (index, symbol) in enumerate(zip(atoms, ligand.symbols, strict=True)):
        atom = everything[index]
        found = "none" if atom.element is None else atom.element.symbol
        if found != symbol:
            raise SystemSetupError(
                f"ligand: atom {k} is {symbol} in '{ligand.source}', but {found} in the force "
                f"field, where it is {describe(atom)}; the order of the atoms must be the same"
            )
    place = {index: k for k, index in enumerate(atoms)}
    bonds = {
        (min(place[a.index], place[b.index]), max(place[a.index], place[b.index]))
        for a, b in topology.bonds()
        if a.index in place and b.index in place
    }
    for first, second in sorted(bonds ^ set(ligand.bonds)):
        has, lacks = f"'{ligand.source}'", "the force field"
        if (first, second) in bonds:
            has, lacks = lacks, has
        raise SystemSetupError(
            f"ligand: atoms {first} ({describe(everything[atoms[first]])}) and {second} "
            f"({describe(everything[atoms[second]])}) are bonded in {has}, but not in {lacks}"
        )
    _check_charge(system, atoms, ligand)


def _check_charge(system: openmm.System, atoms: Sequence[int], ligand: Ligand) -> None:
    force = next((f for f in system.getForces() if isinstance(f, openmm.NonbondedForce)), None)
    if force is None:
        return
    charges = [force.getParticleParameters(i)[0]._value for i in atoms]
    if abs(sum(charges) - ligand.charge) > _CHARGE_TOLERANCE:
        raise SystemSetupError(
            f"ligand: its formal charge is {ligand.charge} in '{ligand.source}', but the charges "
            f"of the force field add up to {sum(charges):.3f}; is the protonation the same?"
        )
