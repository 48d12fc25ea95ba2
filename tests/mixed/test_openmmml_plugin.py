"""The potential "innff" of OpenMM-ML, against the package's own Systems and OpenMM-ML's."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_innff.errors import ConfigError, ModelFileError, SystemSetupError
from openmm_innff.integrators import mts_langevin_integrator
from openmm_innff.mixed import group_forces
from openmm_innff.model import Model, load_model
from tests.mixed.conftest import N_PEPTIDE, context_of, energy_of, force_field, forces_of

openmmml = pytest.importorskip("openmmml")

PEPTIDE = list(range(N_PEPTIDE))
EXACT = {"precision": "double", "backend": "python"}
NEW = tuple(map(int, version("openmmml").split(".")[:2])) >= (1, 8)
Box = tuple[app.Topology, np.ndarray]


@pytest.fixture(scope="module")
def path(model: Model, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(model.save(tmp_path_factory.mktemp("models") / "random.innff"))


@pytest.fixture(scope="module")
def mlpotential(path: str) -> "openmmml.MLPotential":
    return openmmml.MLPotential("innff", modelPath=path)


@pytest.fixture(scope="module")
def classical(solvated: Box) -> openmm.System:
    return force_field(solvated[0], nonbondedMethod=app.PME, nonbondedCutoff=0.9)


def test_importing_openmmml_loads_nothing_heavy() -> None:
    code = "import sys, openmmml; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pure_system_of_a_shipped_model() -> None:
    pdb = app.PDBFile(str(Path(app.__file__).parent / "data" / "tip3p.pdb"))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    far = [r for r in pdb.topology.residues() if r.index >= 64]
    modeller.delete(far)
    modeller.topology.setUnitCellDimensions((3, 3, 3) * unit.nanometer)
    model_ = load_model("water-pbe0")
    systems = [
        openmmml.MLPotential("innff", modelPath="water-pbe0").createSystem(
            modeller.topology, mollified=False, hydrogenMass=3, **EXACT
        ),
        model_.create_system(modeller.topology, mollified=False, hydrogen_mass=3, **EXACT),
    ]
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    contexts = [context_of(system, positions) for system in systems]
    for groups in ({0}, {1}):
        assert energy_of(contexts[0], groups) == pytest.approx(energy_of(contexts[1], groups))
    np.testing.assert_allclose(*map(forces_of, contexts), atol=1e-8)
    assert [len(c.getMolecules()) for c in contexts] == [64, 64]
    masses = [systems[0].getParticleMass(i)._value for i in range(3)]
    assert masses == pytest.approx([12.01532, 3.0, 3.0], abs=1e-4)


def test_mixed_system(mlpotential, model: Model, solvated: Box, classical) -> None:
    topology, positions = solvated
    theirs = mlpotential.createMixedSystem(topology, classical, PEPTIDE, forceGroup=2,
                                           slowForceGroup=3, **EXACT)  # fmt: skip
    ours = model.create_mixed_system(topology, classical, PEPTIDE, group_mm=False, fast_group=2,
                                     slow_group=3, **EXACT)  # fmt: skip
    assert theirs.getNumConstraints() == ours.getNumConstraints()
    contexts = [context_of(system, positions) for system in (theirs, ours)]
    for groups in ({0}, {2}, {3}):
        assert energy_of(contexts[0], groups) == pytest.approx(energy_of(contexts[1], groups))
    np.testing.assert_allclose(*map(forces_of, contexts), atol=1e-7)
    assert sorted(contexts[0].getMolecules()[0]) == PEPTIDE
    sorted_ = mlpotential.createMixedSystem(
        topology, classical, PEPTIDE, mts=True, reciprocalForceGroup=2, **EXACT
    )
    names = {force.getName(): force.getForceGroup() for force in sorted_.getForces()}
    assert (names["INN-FF fast"], names["INN-FF slow"], names["NonbondedForce"]) == (0, 1, 1)
    mts_langevin_integrator(sorted_, 300, 1, 0.002, 0.001, slow_groups=(1, 2))


def test_interpolation(mlpotential, model: Model, solvated: Box, classical) -> None:
    topology, positions = solvated
    options = {"mts": True, **EXACT}
    if not NEW:
        with pytest.raises(SystemSetupError, match="mts, hydrogenMass: this version of OpenMM-ML"):
            mlpotential.createMixedSystem(topology, classical, PEPTIDE, interpolate=True, **options)
        options = EXACT
    theirs = mlpotential.createMixedSystem(
        topology, classical, PEPTIDE, interpolate=True, **options
    )
    if not NEW:
        group_forces(theirs)
    direct = context_of(model.create_mixed_system(topology, classical, PEPTIDE, **EXACT), positions)
    found = context_of(theirs, positions)
    for groups in ({0}, {1}):
        expected = energy_of(direct, groups)
        assert energy_of(found, groups) == pytest.approx(expected, abs=1e-4)
    found.setParameter("lambda_interpolate", 0)
    assert energy_of(found) == pytest.approx(energy_of(context_of(classical, positions)), abs=1e-4)


def test_single_steps_follow_the_trajectory_of_openmmml(
    solvated: Box,
    classical,
    mlpotential,
    model: Model,
) -> None:
    """OpenMM-ML's own mixed System, made without what this package does to it."""
    topology, positions = solvated
    generic = openmmml.mlpotential.MLPotential("innff", modelPath="water-pbe0")
    generic._impl = mlpotential._impl
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(generic._impl), "getSupportedEmbeddings", lambda self: [])
        theirs = generic.createMixedSystem(topology, classical, PEPTIDE, split=False, **EXACT)
    ours = model.create_mixed_system(topology, classical, PEPTIDE, **EXACT)
    results = []
    for system in (theirs, ours):
        integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.0002)
        integrator.setRandomNumberSeed(3)
        integrator.setConstraintTolerance(1e-10)
        context = context_of(system, positions, integrator)
        context.setVelocitiesToTemperature(300, 5)
        integrator.step(25)
        results.append(context.getState(positions=True).getPositions(asNumpy=True)._value)
    assert np.abs(results[0] - positions).max() > 1e-3
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-9)


def test_arguments_are_checked(mlpotential, solvated: Box, classical) -> None:
    for args, message in (
        ({}, "wanted modelPath, .* found no argument"),
        ({"modelPath": "x", "device": "cuda"}, "found modelPath, device"),
    ):
        with pytest.raises(ConfigError, match=message):
            openmmml.MLPotential("innff", **args)
    with pytest.raises(ModelFileError, match="found 'nowhere'"):
        openmmml.MLPotential("innff", modelPath="nowhere")
    with pytest.raises(ConfigError, match="slowForceGrup: unknown entry; did you mean 'slowForceG"):
        mlpotential.createMixedSystem(solvated[0], classical, PEPTIDE, slowForceGrup=1)
    with pytest.raises(SystemSetupError, match="covalent link"):
        mlpotential.createMixedSystem(solvated[0], classical, PEPTIDE[:6])
