"""Repair, solvate and parametrise a protein with its ligand."""

import os
import warnings
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app, unit

from openmm_innff.errors import ConfigError, MissingDependencyError, SystemSetupError
from openmm_innff.prepare.field import force_field
from openmm_innff.prepare.ligand import Ligand, check_ligand
from openmm_innff.settings import check_fields
from openmm_innff.units import ANGSTROM_TO_NM

CUTOFF = 1.0  # nm
_CAPS = ("ACE", "NME", "NHE")
_ATOM = ("ATOM", "HETATM")
_FAR = 1e6  # angstrom
_OVERLAP = 1.2
"""Atoms of different molecules that are closer overlap, angstrom."""


@dataclass(frozen=True)
class Options:
    """How a complex is prepared.

    Parameters
    ----------
    force_field
        XML files of OpenMM for protein, water and ions.
    ligand_force_field
        "xml" for `ligand_xml`; or "openff" or "gaff", which openmmforcefields makes.
    ligand_xml
        XML file of OpenMM with a template of the ligand.
    water
        Model of water as ``openmm.app.Modeller.addSolvent`` knows it; None: no water.
    padding_angstrom
        Smallest distance of the solute from the faces of the box.
    salt_molar
        Concentration of salt, beside the ions that make the box neutral.
    pH
        For which hydrogens of the protein are added.
    seed
        Of the places of ions.
    """

    force_field: tuple[str, ...] = ("amber14-all.xml", "amber14/tip3p.xml")
    ligand_force_field: str = "xml"
    ligand_xml: str | None = None
    water: str | None = "tip3p"
    padding_angstrom: float = 10.0
    salt_molar: float = 0.15
    pH: float = 7.4
    seed: int = 1

    def __post_init__(self) -> None:
        check_fields(self)
        if self.ligand_force_field not in ("xml", "openff", "gaff"):
            raise ConfigError(
                f"ligand_force_field: wanted xml, openff or gaff, found '{self.ligand_force_field}'"
            )
        if self.ligand_force_field == "xml" and self.ligand_xml is None:
            raise ConfigError(
                "ligand_xml: wanted a force field XML file with the ligand (or ligand_force_field "
                "= openff or gaff); a System made elsewhere needs no preparation: give its XML, or "
                "Amber's prmtop and inpcrd, to a recipe"
            )


@dataclass(frozen=True, eq=False)
class Prepared:
    """A complex in a force field.

    Parameters
    ----------
    topology
        Of all atoms.
    positions
        Shape (n_atoms, 3), nm.
    system
        In the force field.
    notes
        What was done to the protein.
    """

    topology: app.Topology
    positions: NDArray[np.float64]
    system: openmm.System
    notes: tuple[str, ...]


def prepare(protein: str | os.PathLike[str] | None, ligand: Ligand, options: Options) -> Prepared:
    """Put a ligand into a protein and both into water.

    Missing heavy atoms and hydrogens of the protein are added, what is neither protein nor nucleic
    acid is removed, and of alternate locations the first is taken.

    Parameters
    ----------
    protein
        PDB file; None: the ligand alone.
    ligand
        With positions in the frame of the protein.
    options
        How.

    Raises
    ------
    ConfigError
        If a file can't be read, or the force field does not know a residue.
    SystemSetupError
        If the ligand overlaps with the protein, or is not what the force field makes of it.
    MissingDependencyError
        If PDBFixer, openmmforcefields or OpenFF's toolkit is needed and not installed.
    """
    field = force_field(ligand, options.force_field, options.ligand_force_field, options.ligand_xml)
    modeller = app.Modeller(ligand.topology(), ligand.quantity())
    notes: tuple[str, ...] = ()
    if protein is not None:
        topology, positions, notes = repaired(protein, options.pH)
        _check_overlap(topology, positions, ligand)
        whole = app.Modeller(topology, positions * unit.nanometer)
        whole.add(modeller.topology, modeller.positions)
        modeller = whole
    method: dict[str, object] = {"nonbondedMethod": app.NoCutoff}
    try:
        if options.water is not None:
            modeller.addSolvent(
                field,
                model=options.water,
                padding=options.padding_angstrom * ANGSTROM_TO_NM * unit.nanometer,
                ionicStrength=options.salt_molar * unit.molar,
            )
            _check_box(modeller.topology)
            method = {"nonbondedMethod": app.PME, "nonbondedCutoff": CUTOFF * unit.nanometer}
        # Terms beside the constraints: an interpolation within the ligand needs them.
        system = field.createSystem(
            modeller.topology, constraints=app.HBonds, flexibleConstraints=True, **method
        )
    except ValueError as error:
        raise ConfigError(f"force_field: {error}") from error
    atoms = [a.index for a in modeller.topology.atoms() if a.residue.name == ligand.name]
    check_ligand(modeller.topology, system, atoms, ligand)
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    return Prepared(modeller.topology, positions, system, notes)


def repaired(
    path: str | os.PathLike[str], pH: float
) -> tuple[app.Topology, NDArray[np.float64], tuple[str, ...]]:
    """Add what a protein's file lacks, and take out what is not protein.

    Parameters
    ----------
    path
        PDB file.
    pH
        For hydrogens.

    Returns
    -------
    tuple
        Topology, positions (n_atoms, 3) in nm, and what was done.
    """
    if util.find_spec("pdbfixer") is None:
        raise MissingDependencyError(
            "repairing a protein needs PDBFixer; pip install 'openmm-innff[prepare]'"
        )
    from pdbfixer.pdbfixer import PDBFixer, dnaResidues, proteinResidues, rnaResidues

    try:
        with warnings.catch_warnings(), Path(path).open(encoding="utf-8") as file:
            warnings.simplefilter("ignore")
            kind = "pdbxfile" if Path(path).suffix in (".cif", ".mmcif", ".pdbx") else "pdbfile"
            fixer = PDBFixer(**{kind: file})
    except (OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise ConfigError(f"protein: can't read '{path}': {error}") from error
    fixer.findNonstandardResidues()
    notes = _alternates(path)
    notes += [f"{r.name} {r.id} becomes {to}" for r, to in fixer.nonstandardResidues]
    fixer.replaceNonstandardResidues()
    # PDBFixer's own way takes caps for strangers.
    known = {*proteinResidues, *dnaResidues, *rnaResidues, *_CAPS}
    strange = [r for r in fixer.topology.residues() if r.name not in known]
    if strange:
        notes.append(f"removed: {', '.join(sorted({r.name for r in strange}))}")
        modeller = app.Modeller(fixer.topology, fixer.positions)
        modeller.delete(strange)
        fixer.topology, fixer.positions = modeller.topology, modeller.positions
    fixer.missingResidues = {}  # gaps stay gaps: a loop that nobody saw is no guess of ours
    fixer.findMissingAtoms()
    missing = sum(map(len, fixer.missingAtoms.values()))
    if missing:
        notes.append(f"{missing} missing heavy atoms added")
    fixer.addMissingAtoms()
    fixer.addMissingHydrogens(pH)
    if fixer.topology.getNumAtoms() == 0:
        raise ConfigError(f"protein: found neither protein nor nucleic acid in '{path}'")
    positions = np.array(fixer.positions.value_in_unit(unit.nanometer))
    _check_itself(fixer.topology, positions)
    return fixer.topology, positions, tuple(notes)


def _alternates(path: str | os.PathLike[str]) -> list[str]:
    """Say how many atoms of a PDB file have alternate locations."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    atoms = [line for line in lines if line.startswith(_ATOM) and line[16:17].strip()]
    count = len({line[12:16] + line[17:27] for line in atoms})
    return [f"of the alternate locations of {count} atoms the first is taken"] if count else []


def _check_itself(topology: app.Topology, positions: NDArray[np.float64]) -> None:
    """Refuse a protein of which two chains or residues are in the same place."""
    heavy = [a for a in topology.atoms() if a.element is not None and a.element.symbol != "H"]
    x = positions[[a.index for a in heavy]] / ANGSTROM_TO_NM
    residue = np.array([a.residue.index for a in heavy])
    for k in range(1, len(heavy)):
        apart = np.linalg.norm(x[:k] - x[k], axis=1) + _FAR * (residue[:k] == residue[k])
        nearest = int(apart.argmin())
        if apart[nearest] < _OVERLAP:
            names = [
                f"{a.name} of {a.residue.name} {a.residue.id} in chain {a.residue.chain.id}"
                for a in (heavy[nearest], heavy[k])
            ]
            raise SystemSetupError(
                f"protein: {' and '.join(names)} are {apart[nearest]:.2f} angstrom apart; wanted "
                "chains and residues that don't overlap: keep one copy of each in the file"
            )


def _check_box(topology: app.Topology) -> None:
    edge = min(topology.getUnitCellDimensions().value_in_unit(unit.nanometer))
    if edge < 2 * CUTOFF:
        raise ConfigError(
            f"padding_angstrom: wanted a box of at least {2 * CUTOFF / ANGSTROM_TO_NM:g} angstrom, "
            f"twice the cutoff, found {edge / ANGSTROM_TO_NM:.1f}; give more"
        )


def _check_overlap(topology: app.Topology, positions: NDArray[np.float64], ligand: Ligand) -> None:
    heavy = [a for a in topology.atoms() if a.element is not None and a.element.symbol != "H"]
    around = positions[[a.index for a in heavy]] / ANGSTROM_TO_NM
    for k, (symbol, position) in enumerate(zip(ligand.symbols, ligand.positions, strict=True)):
        distances = np.linalg.norm(around - position, axis=1)
        nearest = int(distances.argmin())
        if symbol != "H" and distances[nearest] < _OVERLAP:
            atom = heavy[nearest]
            raise SystemSetupError(
                f"ligand: its atom {k} ({symbol}) is {distances[nearest]:.2f} angstrom from "
                f"{atom.name} of {atom.residue.name} {atom.residue.id}; wanted a ligand beside "
                f"the protein, with positions in the same frame, and not bonded to it"
            )
