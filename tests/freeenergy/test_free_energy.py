"""Free energies by replica exchange: the ends of each leg, a short run, and going on with it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from openmm_innff.forces import FAST  # torch before openmm

# isort: split
import openmm
from openmm import app, unit

from openmm_innff.cli import main
from openmm_innff.errors import ConfigError, SimulationError, SystemSetupError
from openmm_innff.freeenergy import FreeEnergyConfig, free_energy, load_config
from openmm_innff.freeenergy.solvent import part_of, solvent_of
from openmm_innff.model import load_model
from openmm_innff.recipe import load_recipe
from openmm_innff.simulation.complexes import load_complex

pytest.importorskip("openmmtools")
pytest.importorskip("pymbar")
from openmm_innff.freeenergy.legs import make_legs

RECIPES = Path(__file__).parents[2] / "recipes"
VACUUM = str(RECIPES / "binding-free-energy" / "host-guest-vacuum.toml")
QUICK = {
    "restraints": (0.0, 1.0), "electrostatics": (1.0, 0.0), "sterics": (1.0, 0.7, 0.0),
    "stages": (0.0, 1.0), "settle_ps": 0.02, "length_ps": 0.24, "exchange_every_ps": 0.02,
    "checkpoint_every": 4, "threads": 1, "platform": "CPU", "precision": "double",
}  # fmt: skip


def config(**changes: object) -> FreeEnergyConfig:
    return FreeEnergyConfig(**{"complex": VACUUM, **QUICK, **changes})


def energies(system: openmm.System, positions: np.ndarray, states: list) -> list[float]:
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    found = []
    for state in states:
        for name, value in state.items():
            context.setParameter(name, value)
        found.append(context.getState(energy=True).getPotentialEnergy()._value)
    return found


def test_ends_of_the_decoupling() -> None:
    (leg,) = make_legs(config())  # nothing surrounds the guest in vacuum
    recipe = load_recipe(VACUUM)
    whole = load_complex(recipe)
    model = load_model(recipe.model)
    mixed = model.create_mixed_system(whole.topology, whole.system, "B2", backend="python")
    coupled, *_, gone = energies(leg.system, leg.positions, leg.states)
    (expected,) = energies(mixed, leg.positions, [{}])
    assert coupled == pytest.approx(expected, abs=1e-3)
    # At the other end guest and host each have their own energy, and the restraint.
    guest = [a.index for a in whole.topology.atoms() if a.residue.name == "B2"]
    host = [i for i in range(whole.topology.getNumAtoms()) if i not in guest]
    alone = energies(part_of(whole.system, host), leg.positions[host], [{}])[0]
    modeller = app.Modeller(whole.topology, leg.positions)
    modeller.delete([a for a in whole.topology.atoms() if a.index in host])
    system = model.create_system(modeller.topology, backend="python")
    alone += energies(system, leg.positions[guest], [{}])[0]
    (restraint,) = (f for f in leg.system.getForces() if "Centroid" in type(f).__name__)
    constant = restraint.getBondParameters(0)[1][0]
    assert constant == pytest.approx(0.0083144626 * 300 / 0.15**2, rel=1e-4)
    mass = [whole.system.getParticleMass(i)._value for i in range(len(leg.positions))]

    def centre(group: int) -> np.ndarray:
        atoms = list(restraint.getGroupParameters(group)[0])
        heavy = [leg.system.getParticleMass(i)._value for i in atoms]
        return np.average(leg.positions[atoms], axis=0, weights=heavy)

    assert len(mass) == 156
    apart = np.linalg.norm(centre(0) - centre(1))
    assert gone == pytest.approx(alone + 0.5 * constant * apart**2, abs=1e-2)
    volume = (2 * math.pi * 0.0083144626 * 300 / constant) ** 1.5
    standard = 0.0083144626 * 300 * math.log(volume / 1.6605388)
    assert leg.standard_kJ_per_mol == pytest.approx(standard, abs=1e-3)


def test_binding_and_going_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, lines = tmp_path / "run", []
    report = free_energy(config(), out, say=lines.append)
    assert "complex: 12 of 12 exchanges" in lines
    result = json.loads((out / "result.json").read_text())
    (leg,) = result["legs"]
    assert np.shape(leg["overlap"]) == (5, 5)
    terms = sum(value for _, value, _ in result["terms_kJ_per_mol"])
    assert result["value_kJ_per_mol"] == pytest.approx(terms)
    assert result["error_kJ_per_mol"] > 0
    assert "standard free energy of binding" in report.read_text()

    with pytest.raises(SimulationError, match="go on with it by --resume"):
        free_energy(config(), out)
    with pytest.raises(ConfigError, match=r"holds another free energy: sterics = "):
        free_energy(config(sterics=(1.0, 0.0)), out, resume=True)
    free_energy(config(length_ps=0.28), out, resume=True, say=lines.append)
    assert lines[-10:].count("complex: 12 of 14 exchanges") == 1


def test_correction(tmp_path: Path) -> None:
    lines: list[str] = []
    changes = {"kind": "correction", "stages": (0.0, 0.5, 1.0), "length_ps": 0.3}
    free_energy(config(**changes), tmp_path / "run", say=lines.append)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [leg["name"] for leg in result["legs"]] == ["complex", "solvent"]
    inside, outside = (leg["value"] for leg in result["legs"])
    assert result["value_kJ_per_mol"] == pytest.approx(inside - outside)
    # Each holds the model's arbitrary zero, which the difference does not.
    assert abs(result["value_kJ_per_mol"]) < 0.2 * abs(inside)


def test_solvent_of_a_complex() -> None:
    whole = load_complex(load_recipe(RECIPES / "host-guest" / "host-guest.toml"))
    guest = [a.index for a in whole.topology.atoms() if a.residue.name == "B2"]
    left = solvent_of(whole, guest)
    names = {residue.name for residue in left.topology.residues()}
    assert names == {"B2", "HOH"}
    assert left.system.getNumParticles() == left.topology.getNumAtoms() == len(left.positions)
    waters = sum(residue.name == "HOH" for residue in left.topology.residues())
    assert left.system.getNumConstraints() >= 3 * waters
    (bonded,) = (f for f in left.system.getForces() if isinstance(f, openmm.HarmonicBondForce))
    atoms = list(left.topology.atoms())
    for i in range(bonded.getNumBonds()):
        first, second, *_ = bonded.getBondParameters(i)
        assert atoms[first].residue is atoms[second].residue
    whole.system.addForce(openmm.CustomExternalForce("x"))
    with pytest.raises(SystemSetupError, match="a recipe for the ligand in solvent"):
        solvent_of(whole, guest)


def test_groups_for_multiple_time_steps() -> None:
    (leg,) = make_legs(config())
    for force in leg.system.getForces():
        if "Nonbonded" in type(force).__name__:
            assert force.getForceGroup() != FAST


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for changes, message in (
        ({"kind": "relative"}, "kind: wanted binding or correction"),
        ({"sterics": (1.0, 0.5)}, "sterics: wanted falling values from 1 to 0"),
        ({"stages": (0.0, 0.8, 0.3, 1.0)}, "stages: wanted rising values from 0 to 1"),
        ({"length_ps": 0.0}, "length_ps: wanted more than 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            config(**changes)
    recipe = tmp_path / "fe.toml"
    recipe.write_text('complex = "nothing.toml"\n')
    assert main(["free-energy", str(recipe)]) == 2
    assert "nothing.toml" in capsys.readouterr().err
    recipe.write_text('complex = "water"\n')
    assert load_config(recipe).complex == "water"
    with pytest.raises(ConfigError, match="complex: wanted a recipe with a ligand"):
        make_legs(load_config(recipe))
    whole = load_complex(load_recipe(VACUUM))
    (force,) = (f for f in whole.system.getForces() if isinstance(f, openmm.NonbondedForce))
    charge, sigma, epsilon = force.getParticleParameters(155)
    force.setParticleParameters(155, charge + 1 * unit.elementary_charge, sigma, epsilon)
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(whole.system))
    with (tmp_path / "charged.pdb").open("w") as file:
        app.PDBFile.writeFile(whole.topology, whole.positions * unit.angstrom, file)
    (tmp_path / "charged.toml").write_text(
        'structure = "charged.pdb"\nmm_system = "system.xml"\nligand = "B2"\n'
        f'model = "{load_recipe(VACUUM).model}"\n'
    )
    with pytest.raises(SystemSetupError, match=r"a neutral one, found a charge of 1\.0"):
        make_legs(config(complex=str(tmp_path / "charged.toml")))
