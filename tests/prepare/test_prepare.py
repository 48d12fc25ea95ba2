"""Preparing a dipeptide with methanol: repair, water, checks."""

from importlib import util
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app

from openmm_innff.cli import main
from openmm_innff.errors import ConfigError, MissingDependencyError, SystemSetupError
from openmm_innff.prepare import Ligand, Options, check_ligand, prepare, read_ligand
from openmm_innff.prepare.build import repaired
from openmm_innff.recipe import load_recipe

SDF = """methanol
  made by hand

  6  5  0  0  0  0  0  0  0  0999 V2000
    5.0000    0.0000    0.0000 C   0  0
    6.4200    0.0000    0.0000 O   0  0
    4.6400    1.0300    0.0000 H   0  0
    4.6400   -0.5100    0.8900 H   0  0
    4.6400   -0.5100   -0.8900 H   0  0
    6.7400    0.9000    0.1000 H   0  0
  1  2  1  0
  1  3  1  0
  1  4  1  0
  1  5  1  0
  2  6  1  0
M  END
$$$$
"""

XML = """<ForceField>
 <AtomTypes>
  <Type name="mC" class="mC" element="C" mass="12.011"/>
  <Type name="mO" class="mO" element="O" mass="15.999"/>
  <Type name="mH" class="mH" element="H" mass="1.008"/>
  <Type name="mHO" class="mHO" element="H" mass="1.008"/>
 </AtomTypes>
 <Residues>
  <Residue name="MOH">
   <Atom name="C1" type="mC" charge="0.1166"/>
   <Atom name="O1" type="mO" charge="-0.5988"/>
   <Atom name="H1" type="mH" charge="0.0287"/>
   <Atom name="H2" type="mH" charge="0.0287"/>
   <Atom name="H3" type="mH" charge="0.0287"/>
   <Atom name="H4" type="mHO" charge="0.3961"/>
   <Bond atomName1="C1" atomName2="O1"/>
   <Bond atomName1="C1" atomName2="H1"/>
   <Bond atomName1="C1" atomName2="H2"/>
   <Bond atomName1="C1" atomName2="H3"/>
   <Bond atomName1="O1" atomName2="H4"/>
  </Residue>
 </Residues>
 <HarmonicBondForce>
  <Bond class1="mC" class2="mO" length="0.142" k="250000"/>
  <Bond class1="mC" class2="mH" length="0.109" k="280000"/>
  <Bond class1="mO" class2="mHO" length="0.096" k="460000"/>
 </HarmonicBondForce>
 <HarmonicAngleForce>
  <Angle class1="mH" class2="mC" class3="mH" angle="1.9" k="300"/>
  <Angle class1="mH" class2="mC" class3="mO" angle="1.9" k="400"/>
  <Angle class1="mC" class2="mO" class3="mHO" angle="1.9" k="400"/>
 </HarmonicAngleForce>
 <NonbondedForce coulomb14scale="0.8333333333333334" lj14scale="0.5">
  <UseAttributeFromResidue name="charge"/>
  <Atom type="mC" sigma="0.34" epsilon="0.4577"/>
  <Atom type="mO" sigma="0.3066" epsilon="0.8803"/>
  <Atom type="mH" sigma="0.2471" epsilon="0.0657"/>
  <Atom type="mHO" sigma="0.1" epsilon="0.0"/>
 </NonbondedForce>
</ForceField>
"""
PEPTIDE = Path(__file__).parents[1] / "mixed" / "alanine.pdb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of methanol, and a dipeptide without most hydrogens but with an ion."""
    folder = tmp_path_factory.mktemp("prepare")
    (folder / "methanol.sdf").write_text(SDF)
    (folder / "methanol.xml").write_text(XML)
    lines = [
        line
        for line in PEPTIDE.read_text().splitlines()
        if line.startswith(("ATOM", "HETATM")) and not line.endswith(" H  ")
    ]
    lines = [line for line in lines if " CB " not in line]  # missing
    lines.append("HETATM   30 ZN    ZN A 201       9.000   9.000   9.000  1.00  0.00          ZN  ")
    (folder / "peptide.pdb").write_text("\n".join([*lines, "END"]))
    return folder


@pytest.fixture
def methanol() -> Ligand:
    symbols = ("C", "O", "H", "H", "H", "H")
    rows = [line.split()[:3] for line in SDF.splitlines()[4:10]]
    bonds = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 5))
    return Ligand("LIG", symbols, np.array(rows, dtype=float), bonds, 0, "methanol.sdf")


def field(ligand: Ligand, path: Path) -> tuple[app.Topology, openmm.System]:
    path.write_text(XML)
    topology = ligand.topology()
    return topology, app.ForceField(str(path)).createSystem(topology)


def test_a_ligand_is_read(folder: Path, methanol: Ligand) -> None:
    pytest.importorskip("rdkit")
    found = read_ligand(folder / "methanol.sdf")
    assert found.symbols == methanol.symbols
    assert found.bonds == methanol.bonds
    assert found.charge == 0
    assert found.atom_names == ["C1", "O1", "H1", "H2", "H3", "H4"]
    np.testing.assert_allclose(found.positions, methanol.positions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + text, "wanted one molecule in .*, found 2 molecules"),
        (
            lambda text: text.replace("  6  5", "  5  4")
            .replace("    6.7400    0.9000    0.1000 H   0  0\n", "")
            .replace("  2  6  1  0\n", ""),
            r"all hydrogens as atoms, but atom 1 \(O\) in .* lacks 1; protonate it",
        ),
        (lambda text: text.replace("  2  6  1", "  2  6  2"), "found one with impossible valences"),
        (
            lambda text: text.replace("  6  5", "  6  4").replace("  1  2  1  0\n", "")
            .replace("C   0  0", "C   0  5").replace("O   0  0", "O   0  5"),
            "found unconnected fragments",
        ),
    ],
)  # fmt: skip
def test_what_is_no_ligand(change, message: str, tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    (tmp_path / "bad.sdf").write_text(change(SDF))
    with pytest.raises(ConfigError, match=message):
        read_ligand(tmp_path / "bad.sdf")
    with pytest.raises(ConfigError, match="found nothing at"):
        read_ligand(tmp_path / "none.sdf")


def test_both_sides_agree(methanol: Ligand, tmp_path: Path) -> None:
    topology, system = field(methanol, tmp_path / "methanol.xml")
    check_ligand(topology, system, range(6), methanol)

    def refused(message: str, **changes: object) -> None:
        other = Ligand(**{**methanol.__dict__, **changes})
        with pytest.raises(SystemSetupError, match=message):
            check_ligand(topology, system, range(len(other.symbols)), other)

    swapped = ("C", "H", "O", "H", "H", "H")
    refused(r"atom 1 is H in 'methanol.sdf', but O in .* atom 1 \(O1 of residue", symbols=swapped)
    bonds = ((0, 1), (0, 2), (0, 3), (1, 4), (1, 5))
    refused(r"atoms 0 \(.*\) and 4 \(.*\) are bonded in the force field, but not in", bonds=bonds)
    refused("formal charge is -1 in .*, but .* add up to -?0.000; is the protonation", charge=-1)
    with pytest.raises(SystemSetupError, match=r"atoms in .*, but 5 in the force"):
        check_ligand(topology, system, range(5), methanol)


def test_complex_in_water(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("pdbfixer")
    out = folder / "out"
    arguments = ["prepare", str(folder / "peptide.pdb"), str(folder / "methanol.sdf")]
    arguments += ["--ligand-xml", str(folder / "methanol.xml"), "--out", str(out)]
    assert main([*arguments, "--padding", "3"]) == 2
    assert "wanted a box of at least 20 angstrom" in capsys.readouterr().err
    assert main([*arguments, "--padding", "9", "--salt", "0"]) == 0
    shown = capsys.readouterr().out
    assert "removed: ZN" in shown
    assert "missing heavy atoms added" in shown
    assert f"give the model in {out / 'recipe.toml'}, then: innff run" in shown
    recipe = load_recipe(out / "recipe.toml")
    assert str(recipe.model).endswith("your-ligand.innff")
    pdb = app.PDBFile(str(recipe.structure))
    system = openmm.XmlSerializer.deserialize(Path(str(recipe.mm_system)).read_text())
    assert system.getNumParticles() == pdb.topology.getNumAtoms() > 500
    assert system.usesPeriodicBoundaryConditions()
    ligand = [r for r in pdb.topology.residues() if r.name == "LIG"]
    assert [len(list(r.atoms())) for r in ligand] == [6]
    assert sum(1 for b in pdb.topology.bonds() if b[0].residue is ligand[0]) == 5


def test_a_model_that_the_recipe_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It must be that of the ligand, and is known before anything takes long."""
    pytest.importorskip("rdkit")
    p_xylene = Path(__file__).parents[2] / "recipes" / "p-xylene" / "p-xylene.innff"
    arguments = ["prepare", "-", str(folder / "methanol.sdf"), "--out", str(folder / "with-model")]
    arguments += ["--ligand-xml", str(folder / "methanol.xml"), "--padding", "11", "--model"]
    assert main([*arguments, str(p_xylene)]) == 2
    assert "wanted C8H10, the molecule that the model was" in capsys.readouterr().err
    assert not (folder / "with-model").exists()
    assert main([*arguments, "water-pbe0"]) == 0
    recipe = folder / "with-model" / "recipe.toml"
    assert capsys.readouterr().out.endswith(f" atoms; innff run {recipe}\n")
    assert load_recipe(recipe).model == "water-pbe0"


def test_faults_of_a_protein(tmp_path: Path) -> None:
    pytest.importorskip("pdbfixer")
    path = tmp_path / "protein.pdb"
    atoms = [line for line in PEPTIDE.read_text().splitlines() if line.startswith(("ATOM", "HET"))]

    def moved(line: str, by: float) -> str:
        return f"{line[:21]}B{line[22:30]}{float(line[30:38]) + by:8.3f}{line[38:]}"

    path.write_text("\n".join([*atoms, "TER", *(moved(line, 0.3) for line in atoms)]))
    with pytest.raises(SystemSetupError, match=r"protein: .* in chain 1 and .* in chain B are 0"):
        repaired(path, 7.0)
    path.write_text("\n".join([*atoms, "TER", *(moved(line, 30.0) for line in atoms)]))
    topology, _, notes = repaired(path, 7.0)
    assert (topology.getNumAtoms(), notes) == (44, ())
    both = [f"{line[:16]}{letter}{line[17:]}" for line in atoms[10:11] for letter in "AB"]
    path.write_text("\n".join([*atoms[:10], *both, *atoms[11:]]))
    topology, _, notes = repaired(path, 7.0)
    assert topology.getNumAtoms() == 22
    assert notes == ("of the alternate locations of 1 atoms the first is taken",)
    path.write_text("END\n")
    with pytest.raises(ConfigError, match="protein: "):
        repaired(path, 7.0)


def test_ligand_alone_without_water(methanol: Ligand, folder: Path) -> None:
    options = Options(ligand_xml=str(folder / "methanol.xml"), water=None)
    prepared = prepare(None, methanol, options)
    assert prepared.system.getNumParticles() == 6
    assert prepared.notes == ()


def test_what_can_not_be_prepared(methanol: Ligand, folder: Path) -> None:
    pytest.importorskip("pdbfixer")
    options = Options(ligand_xml=str(folder / "methanol.xml"), water=None)
    where = np.add(methanol.positions, [-6.0, -2.1, 0.4])
    near = Ligand(**{**methanol.__dict__, "positions": where})
    with pytest.raises(SystemSetupError, match=r"atom 0 \(C\) is 0\.\d\d angstrom from C of ACE 1"):
        prepare(folder / "peptide.pdb", near, options)
    with pytest.raises(ConfigError, match="protein: can't read"):
        prepare(folder / "nothing.pdb", methanol, options)
    unknown = Options(force_field=("amber14-all.xml",), ligand_xml="nothing.xml")
    with pytest.raises(ConfigError, match="force_field: "):
        prepare(None, methanol, unknown)
    with pytest.raises(ConfigError, match="ligand_xml: wanted a force field XML file"):
        Options()
    with pytest.raises(ConfigError, match="wanted xml, openff or gaff, found 'cgenff'"):
        Options(ligand_force_field="cgenff")


@pytest.mark.filterwarnings("ignore")  # of other packages
@pytest.mark.parametrize("kind", ["openff", "gaff"])
def test_force_fields_of_openmmforcefields(kind: str, methanol: Ligand, tmp_path: Path) -> None:
    ligand = Ligand(**{**methanol.__dict__, "source": str(tmp_path / "methanol.sdf")})
    (tmp_path / "methanol.sdf").write_text(SDF)
    options = Options(ligand_force_field=kind, water=None)
    if not all(util.find_spec(module) for module in ("openmmforcefields", "parmed")):
        with pytest.raises(MissingDependencyError, match=r"lacks .*: conda .* or pip install"):
            prepare(None, ligand, options)
        pytest.skip("openmmforcefields is not installed")
    prepared = prepare(None, ligand, options)
    forces = {type(force).__name__: force for force in prepared.system.getForces()}
    charges = [forces["NonbondedForce"].getParticleParameters(i)[0]._value for i in range(6)]
    assert sum(charges) == pytest.approx(0, abs=1e-4)
    assert min(charges) == charges[1] < -0.5  # the oxygen
    assert forces["PeriodicTorsionForce"].getNumTorsions() > 0
