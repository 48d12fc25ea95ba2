"""Runs of a ligand in a force field: a learned water among rigid ones, openmmtools' systems."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_innff.errors import ConfigError, SystemSetupError
from openmm_innff.model import load_model
from openmm_innff.modelfile import SafeSteps
from openmm_innff.recipe import RunConfig, load_recipe
from openmm_innff.simulation import run
from openmm_innff.simulation.complexes import complex_steps, load_complex, set_up_complex
from openmm_innff.simulation.results import read_table
from openmm_innff.simulation.temperatures import freedom, parts_of

RECIPES = Path(__file__).parents[2] / "recipes"
QUICK = {
    "title": "Test",
    "model": "water-pbe0",
    "ligand": "LIG",
    "outer_step_fs": 2.0,
    "inner_step_fs": 0.5,
    "equilibration_ps": 0.02,
    "length_ps": 0.06,
    "report_every_fs": 4.0,
    "checkpoint_every_ps": 0.02,
    "speed_test_s": 0.0,
    "threads": 1,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """64 waters, of which one is called LIG: a PDB file and the XML of a System."""
    folder = tmp_path_factory.mktemp("water")
    topology, positions = app.Topology(), []
    chain = topology.addChain()
    shape = np.array([[0, 0, 0], [0.0957, 0, 0], [-0.0240, 0.0927, 0]])
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for number, site in enumerate(grid):
        residue = topology.addResidue("HOH" if number else "LIG", chain)
        atoms = [
            topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
            for name in ("O", "H1", "H2")
        ]
        topology.addBond(atoms[0], atoms[1])
        topology.addBond(atoms[0], atoms[2])
        positions.append(shape + 0.3104 * site + 0.05)
    topology.setPeriodicBoxVectors(np.eye(3) * 1.2416 * unit.nanometer)
    system = app.ForceField("amber14/tip3p.xml").createSystem(
        topology, nonbondedMethod=app.CutoffPeriodic, nonbondedCutoff=0.6
    )
    with (folder / "start.pdb").open("w") as file:
        app.PDBFile.writeFile(topology, np.concatenate(positions) * unit.nanometer, file)
    (folder / "system.xml").write_text(openmm.XmlSerializer.serialize(system))
    return {"structure": str(folder / "start.pdb"), "mm_system": str(folder / "system.xml")}


def config(files: dict[str, str], **changes: object) -> RunConfig:
    return RunConfig(**{**QUICK, **files, **changes})


def test_run_and_go_on(
    files: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    report = run(config(files, speed_test_s=0.3), out)
    shown = capfd.readouterr().out
    assert "LIG in start.pdb" in shown
    assert "times as fast as force field alone, 2 fs and" in shown
    page = report.read_text()
    assert "of which 3 (LIG)" in page
    assert "temperature of the ligand (K)" in page
    names = [speed["name"] for speed in json.loads((out / "speeds.json").read_text())]
    assert names == [
        "force field alone, 2 fs",
        "single step, 0.5 fs",
        "multiple time steps, 2 fs slow and 0.5 fs fast",
    ]
    table = read_table(out / "temperatures.csv")
    assert list(table) == ["stage", "time_ps", "ligand", "water"]
    assert len(table["ligand"]) == 5 + 15
    # Both parts together are the temperature of the whole.
    whole = read_table(out / "thermo.csv")["temperature_K"]
    shares = (9 * table["ligand"] + 6 * 63 * table["water"]) / (9 + 6 * 63)
    np.testing.assert_allclose(shares, whole, rtol=1e-3)

    run(config(files, length_ps=0.1), out, resume=True, progress=False)
    longer = read_table(out / "temperatures.csv")
    np.testing.assert_array_equal(longer["water"][:20], table["water"])
    assert len(longer["water"]) == 5 + 25
    with pytest.raises(ConfigError, match=r"ligand = LIG \(now HOH\)"):
        run(config(files, ligand="HOH"), out, resume=True)


def test_constant_pressure_and_uncertainty(files: dict[str, str], tmp_path: Path) -> None:
    made = config(
        files,
        pressure_bar=1.0,
        hydrogen_mass_amu=3.0,
        uncertainty_every_fs=20.0,
        length_ps=0.2,
        checkpoint_every_ps=1.0,  # a barostat forgets its steps at each
    )
    run(made, tmp_path, progress=False)
    assert np.ptp(read_table(tmp_path / "thermo.csv")["density_g_per_cm3"]) > 0
    assert len((tmp_path / "uncertainty.csv").read_text().splitlines()) == 1 + 11


def test_set_up(files: dict[str, str]) -> None:
    made = config(files, hydrogen_mass_amu=3.0)
    setup = set_up_complex(made, load_model("water-pbe0"))
    assert setup.steps_per_outer == 1
    assert setup.classical is not None
    for system in (setup.system, setup.classical):  # the learned water alone is flexible
        masses = [system.getParticleMass(i)._value for i in (1, 4)]
        assert masses == pytest.approx([3.0, 1.008], abs=1e-3)
    groups = {force.getName(): force.getForceGroup() for force in setup.system.getForces()}
    assert (groups["NonbondedForce"], groups["INN-FF fast"]) == (1, 0)
    assert setup.system.getNumConstraints() == 3 * 63
    other = set_up_complex(config(files), load_model("water-pbe0"))
    assert other.fingerprint == setup.fingerprint


def test_steps_are_no_longer_than_the_force_fields(files: dict[str, str]) -> None:
    model = load_model("water-pbe0")
    card = dataclasses.replace(model.card, safe_steps=(SafeSteps(1.5, 9.0),))
    model = dataclasses.replace(model, card=card)
    none = {"outer_step_fs": None, "inner_step_fs": None}
    assert complex_steps(config(files, **none), model).outer_fs == 3.0
    assert complex_steps(config(files, outer_step_fs=6.0), model).outer_fs == 6.0


def test_parts(files: dict[str, str]) -> None:
    found = load_complex(config(files))
    parts = parts_of(found.topology, [0, 1, 2])
    assert parts == {"ligand": [0, 1, 2], "water": list(range(3, 192))}
    masses = np.array([found.system.getParticleMass(i)._value for i in range(192)])
    counts = [freedom(found.system, masses, set(atoms)) for atoms in parts.values()]
    assert sum(counts) == pytest.approx(9 + 6 * 63 - 3)
    assert counts[0] == pytest.approx(9 - 3 / 64)


def test_what_can_not_be_set_up(files: dict[str, str], tmp_path: Path) -> None:
    model = load_model("water-pbe0")

    def refused(error: type[Exception], message: str, **changes: object) -> None:
        with pytest.raises(error, match=message):
            set_up_complex(config(files, **changes), model)

    refused(SystemSetupError, "found 'TMP', which is not in the topology", ligand="TMP")
    refused(ConfigError, "can't read 'nothing.pdb or .*system.xml'", structure="nothing.pdb")
    system = openmm.XmlSerializer.deserialize(Path(files["mm_system"]).read_text())
    system.addForce(openmm.MonteCarloBarostat(1.0, 300.0))
    path = tmp_path / "barostat.xml"
    path.write_text(openmm.XmlSerializer.serialize(system))
    refused(ConfigError, "holds a MonteCarloBarostat; leave it out", mm_system=str(path))
    path.write_text(openmm.XmlSerializer.serialize(openmm.System()))
    refused(ConfigError, "the same atoms in both, found 192 in .* and 0 in", mm_system=str(path))
    path.write_text(openmm.XmlSerializer.serialize(openmm.HarmonicBondForce()))
    refused(ConfigError, "wanted the XML of a System, found HarmonicBondForce", mm_system=str(path))


def test_box_of_structure_and_system(files: dict[str, str], tmp_path: Path) -> None:
    lines = Path(files["structure"]).read_text().splitlines()
    path = tmp_path / "start.pdb"
    path.write_text("\n".join(line for line in lines if not line.startswith("CRYST1")))
    found = load_complex(config(files, structure=str(path)))
    edges = found.topology.getUnitCellDimensions().value_in_unit(unit.nanometer)
    assert edges == pytest.approx([1.2416] * 3)
    path.write_text("\n".join(line.replace("12.416", "13.416") for line in lines))
    with pytest.raises(ConfigError, match=r"same box in both, found 13.42 x .* and 12.42 x"):
        load_complex(config(files, structure=str(path)))


def test_host_and_guest_of_openmmtools(tmp_path: Path) -> None:
    pytest.importorskip("openmmtools")
    recipe = load_recipe(RECIPES / "host-guest" / "host-guest.toml")
    assert (recipe.testsystem, recipe.ligand) == ("HostGuestExplicit", "B2")
    quick = {key: QUICK[key] for key in ("report_every_fs", "checkpoint_every_ps", "threads")}
    vacuum = dataclasses.replace(
        recipe, testsystem="HostGuestVacuum", pressure_bar=None, outer_step_fs=4.0,
        inner_step_fs=1.0, equilibration_ps=0.1, length_ps=0.2, speed_test_s=0.0,
        compare_torsions_ps=0.05, **quick,
    )  # fmt: skip
    report = run(vacuum, tmp_path, progress=False)
    assert "shared by both distributions" in report.read_text()
    angles = {
        name: np.genfromtxt(tmp_path / name, delimiter=",", names=True)
        for name in ("torsions.csv", "torsions-mm.csv")
    }
    assert [len(values) for values in angles.values()] == [50, 12]
    assert len({values.dtype.names for values in angles.values()}) == 1
    site = np.genfromtxt(tmp_path / "site.csv", delimiter=",", names=True)
    assert len(site) == 50
    assert site["displacement_angstrom"].max() < 1.5
    assert (site["lennard_jones_kJ_per_mol"] < -50).all()
    assert list(read_table(tmp_path / "temperatures.csv")) == ["stage", "time_ps", "ligand", "rest"]
    with pytest.raises(ConfigError, match="wanted a class of openmmtools"):
        load_complex(dataclasses.replace(vacuum, testsystem="Nobody"))
    with pytest.raises(ConfigError, match="testsystem_options: "):
        load_complex(
            dataclasses.replace(
                vacuum,
                testsystem="LysozymeImplicit",
                testsystem_options={"implicitSolvent": "nonsense"},
            )
        )


def test_amber_files() -> None:
    openmmtools = pytest.importorskip("openmmtools")
    folder = Path(openmmtools.__file__).parent / "data" / "cb7-b2"
    names = {"prmtop": "complex-{}.prmtop", "inpcrd": "complex-{}.inpcrd"}

    def made(kind: str, **changes: object) -> RunConfig:
        paths = {key: str(folder / name.format(kind)) for key, name in names.items()}
        return RunConfig(ligand="B2", **paths, **changes)

    vacuum = load_complex(made("vacuum"))
    assert vacuum.topology.getPeriodicBoxVectors() is None
    assert vacuum.positions.shape == (156, 3)
    solvent = load_complex(made("vacuum", implicit_solvent="OBC2"))
    assert any(isinstance(f, openmm.GBSAOBCForce) for f in solvent.system.getForces())
    boxed = load_complex(made("explicit"))
    assert boxed.system.usesPeriodicBoundaryConditions()
    with pytest.raises(ConfigError, match="implicit_solvent: wanted without a box only"):
        load_complex(made("explicit", implicit_solvent="OBC2"))
    with pytest.raises(ConfigError, match="wanted one of HCT, OBC1, OBC2, GBn, GBn2, found 'PB'"):
        load_complex(made("vacuum", implicit_solvent="PB"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ligand = 'A'\nwaters = 8", "ligand: wanted a structure, prmtop or testsystem with it"),
        ("ligand = 'A'\nstructure = 'a.pdb'", "mm_system: wanted the force field of a structure"),
        ("structure = 'a.pdb'\nmm_system = 'a.xml'", "ligand: wanted the name of a residue"),
        ("testsystem = 'X'", "ligand: wanted the name of a residue beside the force field"),
        ("ligand = 'A'\nprmtop = 'a.prmtop'", "inpcrd: wanted the positions of the prmtop"),
        ("ligand = 'A'\ntestsystem = 'X'\nmm_system = 'a.xml'", "together with structure, found"),
        ("waters = 8\ntestsystem_options = {a = 1}", "together with testsystem, found waters"),
        ("waters = 8\ntestsystem = 'X'", "wanted one of these, found waters and testsystem"),
    ],
)
def test_sources(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(path)


def test_recipe_of_lysozyme() -> None:
    recipe = load_recipe(RECIPES / "t4-lysozyme-pxylene" / "t4-lysozyme.toml")
    assert (recipe.testsystem, recipe.ligand) == ("LysozymeImplicit", "TMP")
    assert recipe.testsystem_options["implicitSolvent"] == "OBC2"
    assert set(load_model(recipe.model).potential.elements) == {"C", "H"}
