"""Molecules from files and SMILES; what is wrong with them is said at once."""

import sys

import numpy as np
import pytest

from openmm_innff.errors import ConfigError, DataError, MissingDependencyError
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.sampling.structure import load_molecule, to_rdkit

chem = pytest.importorskip("rdkit.Chem")

MOL2 = """@<TRIPOS>MOLECULE
water
 3 2 0 0 0
SMALL
NO_CHARGES

@<TRIPOS>ATOM
      1 O1   0.000   0.000   0.117 O.3 1 HOH 0.0
      2 H1   0.000   0.757  -0.470 H   1 HOH 0.0
      3 H2   0.000  -0.757  -0.470 H   1 HOH 0.0
@<TRIPOS>BOND
     1     1     2    1
     2     1     3    1
"""


@pytest.mark.parametrize(
    ("smiles", "formula", "charge", "torsions"),
    [
        ("C1=CC=C(C=C1)COC2=C(N=CC=C2)N", "C12H12N2O", 0, 4),
        ("CC(=O)[O-]", "C2H3O2 -1", -1, 1),
        ("C[NH+](C)C", "C3H10N +1", 1, 3),
        ("[NH3+]CC(=O)[O-]", "C2H5NO2", 0, 2),
        ("c1ccc2ccccc2c1", "C10H8", 0, 0),
        ("O", "H2O", 0, 0),
        ("CC#CC", "C4H6", 0, 0),
    ],
)
def test_smiles(smiles, formula, charge, torsions):
    molecule = load_molecule(smiles)
    assert (molecule.formula, molecule.charge) == (formula, charge)
    assert len(molecule.torsions) == torsions
    assert molecule.intact(molecule.positions)
    assert "structure in space" in molecule.notes[-1]


def test_files_keep_atoms_places_and_charge(tmp_path):
    first = load_molecule("C[NH2+]CC(F)Cl")
    made = to_rdkit(first)
    writers = {
        "a.sdf": chem.MolToMolBlock(made),
        "a.pdb": chem.MolToPDBBlock(made),
        "a.xyz": chem.MolToXYZBlock(made),
    }
    for name, text in writers.items():
        path = tmp_path / name
        path.write_text(text)
        molecule = load_molecule(path, charge=1)
        assert (molecule.name, molecule.charge, molecule.smiles) == ("a", 1, first.smiles)
        np.testing.assert_array_equal(molecule.numbers, first.numbers)
        np.testing.assert_allclose(molecule.positions, first.positions, atol=2e-3)
        assert set(map(frozenset, molecule.bonds)) == set(map(frozenset, first.bonds))


def test_mol2(tmp_path):
    (tmp_path / "w.mol2").write_text(MOL2)
    molecule = load_molecule(tmp_path / "w.mol2")
    assert molecule.formula == "H2O"
    assert molecule.positions[1].tolist() == [0.0, 0.757, -0.47]


def test_missing_hydrogens_are_added_where_they_belong(tmp_path):
    heavy = chem.RemoveHs(to_rdkit(load_molecule("CCO")))
    (tmp_path / "a.sdf").write_text(chem.MolToMolBlock(heavy))
    molecule = load_molecule(tmp_path / "a.sdf")
    assert molecule.formula == "C2H6O"
    assert molecule.notes == ("6 hydrogens added",)
    np.testing.assert_allclose(
        molecule.positions[:3], heavy.GetConformer().GetPositions(), atol=1e-3
    )


def test_stereochemistry_survives():
    right, left = (to_rdkit(load_molecule(s)) for s in ("C[C@H](F)Cl", "C[C@@H](F)Cl"))
    found = [chem.MolToSmiles(chem.RemoveHs(m)) for m in (right, left)]
    assert found == ["C[C@H](F)Cl", "C[C@@H](F)Cl"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("CC[O]", r"1 unpaired electrons in 'CC\[O\]' \(O2\).*is a hydrogen missing"),
        ("C(C)(C)(C)(C)C", "broken valence.*Explicit valence for atom # 0 C, 5"),
        ("CN(C)(C)C", "broken valence"),
        ("c1cccc1", "broken valence"),
        ("CC[Na].Cl", "wanted one, found 2 pieces"),
        ("hello", "wanted a file .* or SMILES, found 'hello'"),
        ("", "wanted a file"),
        ("missing.sdf", "there is no file 'missing.sdf'"),
        ("*C", "atoms of no element"),
    ],
)
def test_what_is_wrong_is_said(source, message):
    with pytest.raises(DataError, match=message):
        load_molecule(source)


def test_radicals_are_fine_if_they_are_meant():
    assert load_molecule("CC[O]", unpaired=1).unpaired == 1
    with pytest.raises(DataError, match="0 unpaired electrons"):
        load_molecule("CCO", unpaired=2)


def test_a_charge_that_does_not_fit():
    with pytest.raises(ConfigError, match=r"have -1 together, found \+1"):
        load_molecule("CC(=O)[O-]", charge=1)


def test_files_that_say_too_little(tmp_path):
    heavy = chem.RemoveHs(to_rdkit(load_molecule("CCO")))
    (tmp_path / "a.pdb").write_text(chem.MolToPDBBlock(heavy))
    with pytest.raises(DataError, match="has no hydrogens"):
        load_molecule(tmp_path / "a.pdb")
    (tmp_path / "b.xyz").write_text(chem.MolToXYZBlock(to_rdkit(load_molecule("C[NH3+]"))))
    with pytest.raises(DataError, match=r"no bond orders fit .* charge \+0"):
        load_molecule(tmp_path / "b.xyz")
    (tmp_path / "c.sdf").write_text("nonsense")
    with pytest.raises(DataError, match=r"can't|holds none"):
        load_molecule(tmp_path / "c.sdf")
    both = "".join(f"{chem.MolToMolBlock(to_rdkit(load_molecule(s)))}$$$$\n" for s in ("C", "CC"))
    (tmp_path / "d.sdf").write_text(both)
    with pytest.raises(DataError, match=r"wanted one in .*, found 2"):
        load_molecule(tmp_path / "d.sdf")


def test_without_rdkit(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(MissingDependencyError, match="needs the package rdkit"):
        load_molecule("CCO")


def test_broken_and_new_bonds_are_seen():
    molecule = load_molecule("CCO")
    stretched = molecule.positions.copy()
    hydrogen = max(max(bond) for bond in molecule.bonds)
    stretched[hydrogen] += 5.0
    assert "no longer bonded" in molecule.fault(stretched)
    assert not molecule.intact(molecule.positions * np.nan)
    three = Molecule("three", np.array([6, 6, 8]), ((0, 1),), 0, 0, np.zeros((3, 3)))
    line = np.array([[0.0, 0, 0], [1.5, 0, 0], [4.5, 0, 0]])
    assert three.fault(line) == ""
    assert three.fault(line - [[0, 0, 0], [0, 0, 0], [1.5, 0, 0]]) == (
        "C1 and O2 come together (1.50 angstrom)"
    )
    assert load_molecule("C1CC1").intact(load_molecule("C1CC1").positions)
