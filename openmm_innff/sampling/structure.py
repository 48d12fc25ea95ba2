"""Molecules from SDF, MOL2, PDB or XYZ files, or from SMILES, by RDKit."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from openmm_innff.errors import ConfigError, DataError, MissingDependencyError
from openmm_innff.sampling.molecule import Molecule

FILES = (".sdf", ".mol", ".mol2", ".pdb", ".xyz")
_TURNING = "[!$(*#*)&!D1]-!@[!$(*#*)&!D1]"
"""Single bonds outside of rings between atoms that have other neighbours."""
SEED = 20


def load_molecule(
    source: str | os.PathLike[str], charge: int | None = None, unpaired: int = 0
) -> Molecule:
    """Read a molecule.

    Parameters
    ----------
    source : path or str
        A file (``.sdf``, ``.mol``, ``.mol2``, ``.pdb``, ``.xyz``), or SMILES.
    charge : int, optional
        What the charge has to be; for PDB and XYZ, which have none, what it is (0).
    unpaired : int
        Unpaired electrons.

    Raises
    ------
    MissingDependencyError
        If RDKit is not installed.
    DataError
        If the file can't be read, a valence is broken, there is a radical that was not asked for,
        or there is more than one molecule.
    ConfigError
        If the charge is another one than that of the atoms.
    """
    _chem()  # is it installed?
    path = Path(source)
    text = str(source)
    is_file = path.suffix.lower() in FILES or path.is_file()
    with silent():
        molecule = _from_file(path, charge) if is_file else _from_smiles(text)
        name = path.stem if is_file else _name_of(text)
        _sanitize(molecule, text)
        _check(molecule, text, charge, unpaired)
        molecule, notes = _complete(molecule, text)
        return _convert(molecule, name, unpaired, notes)


def _chem() -> Any:
    try:
        from rdkit import Chem
    except ImportError as error:
        raise MissingDependencyError(
            "molecule: reading it needs the package rdkit: pip install 'openmm-innff[bespoke]'"
        ) from error
    return Chem


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep RDKit from printing: what it finds becomes an error."""
    from rdkit import rdBase

    block = rdBase.BlockLogs()
    try:
        yield
    finally:
        del block


def _name_of(smiles: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in smiles)
    return kept.strip("-")[:40] or "molecule"


def _from_smiles(text: str) -> Any:
    chem = _chem()
    options = chem.SmilesParserParams()
    options.sanitize, options.removeHs = False, False
    molecule = chem.MolFromSmiles(text, options)
    if molecule is None or not molecule.GetNumAtoms():
        raise DataError(f"molecule: wanted a file ({', '.join(FILES)}) or SMILES, found {text!r}")
    return molecule


def _from_file(path: Path, charge: int | None) -> Any:
    chem = _chem()
    if not path.is_file():
        raise DataError(f"molecule: there is no file '{path}'")
    suffix = path.suffix.lower()
    try:
        if suffix in (".sdf", ".mol"):
            found = list(chem.SDMolSupplier(str(path), sanitize=False, removeHs=False))
            if len(found) > 1:
                raise DataError(f"molecule: wanted one in '{path}', found {len(found)}")
            molecule = found[0] if found else None
        elif suffix == ".mol2":
            molecule = chem.MolFromMol2File(str(path), sanitize=False, removeHs=False)
        elif suffix == ".pdb":
            molecule = _perceive(chem.MolFromPDBFile(
                str(path), sanitize=False, removeHs=False, proximityBonding=False
            ), path, charge)  # fmt: skip
        elif suffix == ".xyz":
            molecule = _perceive(chem.MolFromXYZFile(str(path)), path, charge)
        else:
            raise DataError(f"molecule: wanted one of {', '.join(FILES)}, found '{path}'")
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"molecule: can't read '{path}': {' '.join(str(error).split())}") from error
    if molecule is None or not molecule.GetNumAtoms():
        raise DataError(f"molecule: '{path}' holds none that can be read")
    return molecule


def _perceive(molecule: Any, path: Path, charge: int | None) -> Any:
    """Find bonds and their orders from positions and the charge."""
    from rdkit.Chem import rdDetermineBonds

    if molecule is None:
        return None
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    if "C" in symbols and "H" not in symbols:
        raise DataError(
            f"molecule: '{path}' has no hydrogens, and without them bond orders can't be told; "
            f"wanted them, or an SDF file or SMILES"
        )
    editable = _chem().RWMol(molecule)
    for bond in list(molecule.GetBonds()):
        editable.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    try:
        rdDetermineBonds.DetermineBonds(editable, charge=charge or 0)
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"molecule: no bond orders fit the atoms of '{path}' with charge {charge or 0:+d}; "
            f"wanted the right charge, or an SDF file: {' '.join(str(error).split())[:200]}"
        ) from error
    return editable.GetMol()


def _sanitize(molecule: Any, text: str) -> None:
    chem = _chem()
    try:
        chem.SanitizeMol(molecule)
    except (chem.MolSanitizeException, ValueError) as error:
        raise DataError(
            f"molecule: broken valence in {text!r}: {' '.join(str(error).split())}"
        ) from error


def _check(molecule: Any, text: str, charge: int | None, unpaired: int) -> None:
    chem = _chem()
    pieces = len(chem.GetMolFrags(molecule))
    if pieces > 1:
        raise DataError(f"molecule: wanted one, found {pieces} pieces in {text!r} (salts?)")
    found = chem.GetFormalCharge(molecule)
    if charge is not None and charge != found:
        raise ConfigError(
            f"charge: the atoms of {text!r} have {found:+d} together, found {charge:+d}; wanted "
            f"the file to have the right protons"
        )
    radicals = [
        f"{atom.GetSymbol()}{atom.GetIdx()}"
        for atom in molecule.GetAtoms()
        if atom.GetNumRadicalElectrons()
    ]
    electrons = sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
    if electrons != unpaired and (radicals or unpaired):
        raise DataError(
            f"molecule: {electrons} unpaired electrons in {text!r} ({', '.join(radicals) or 'none'}"
            f"), but spin says {unpaired}; is a hydrogen missing, or give --spin {electrons}?"
        )
    strange = [atom.GetSymbol() for atom in molecule.GetAtoms() if not atom.GetAtomicNum()]
    if strange:
        raise DataError(f"molecule: {text!r} has atoms of no element ({strange[0]})")


def _complete(molecule: Any, text: str) -> tuple[Any, tuple[str, ...]]:
    """Add hydrogens and positions where there are none."""
    from rdkit.Chem import rdDistGeom

    chem = _chem()
    notes: list[str] = []
    flat = not molecule.GetNumConformers() or not molecule.GetConformer().Is3D()
    before = molecule.GetNumAtoms()
    molecule = chem.AddHs(molecule, addCoords=not flat)
    added = molecule.GetNumAtoms() - before
    if added and before > 1:
        notes.append(f"{added} hydrogens added")
    if flat:
        chem.AssignStereochemistry(molecule, cleanIt=True, force=True)
        centres = chem.FindMolChiralCenters(molecule, includeUnassigned=True)
        if any(kind == "?" for _, kind in centres):
            notes.append("a stereocentre is not given: one form of it was made")
        if rdDistGeom.EmbedMolecule(molecule, randomSeed=SEED) != 0:
            options: Any = rdDistGeom.ETKDGv3()
            options.randomSeed, options.useRandomCoords = SEED, True
            if rdDistGeom.EmbedMolecule(molecule, options) != 0:
                raise DataError(f"molecule: no structure in space was found for {text!r}")
        notes.append("structure in space made by distance geometry")
    chem.AssignStereochemistryFrom3D(molecule)
    return molecule, tuple(notes)


def _convert(molecule: Any, name: str, unpaired: int, notes: tuple[str, ...]) -> Molecule:
    chem = _chem()
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int64)
    bonds = tuple((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds())
    return Molecule(
        name=name,
        numbers=numbers,
        bonds=bonds,
        charge=chem.GetFormalCharge(molecule),
        unpaired=unpaired,
        positions=np.array(molecule.GetConformer().GetPositions(), dtype=np.float64),
        smiles=chem.MolToSmiles(chem.RemoveHs(molecule)),
        block=chem.MolToV3KMolBlock(molecule),
        torsions=_torsions(molecule),
        notes=notes,
    )


def _torsions(molecule: Any) -> tuple[tuple[int, int, int, int], ...]:
    """Return one dihedral for each bond that turns, of heavy atoms where there are some."""
    pattern = _chem().MolFromSmarts(_TURNING)
    found = []
    for second, third in molecule.GetSubstructMatches(pattern):
        first, fourth = (
            _heaviest(molecule.GetAtomWithIdx(atom), other)
            for atom, other in ((second, third), (third, second))
        )
        if first is not None and fourth is not None:
            found.append((first, second, third, fourth))
    return tuple(found)


def _heaviest(atom: Any, other: int) -> int | None:
    near = [a for a in atom.GetNeighbors() if a.GetIdx() != other]
    if not near:
        return None
    return int(max(near, key=lambda a: (a.GetAtomicNum(), -a.GetIdx())).GetIdx())


def to_rdkit(molecule: Molecule) -> Any:
    """Return RDKit's molecule, with the same atoms in the same order.

    Parameters
    ----------
    molecule : Molecule
    """
    chem = _chem()
    made = chem.MolFromMolBlock(molecule.block, removeHs=False)
    chem.AssignStereochemistryFrom3D(made)
    return made
