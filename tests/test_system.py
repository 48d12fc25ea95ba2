"""Systems made of a potential alone: masses, molecules, boxes, barostats."""

import copy

import numpy as np
import pytest
import torch

# isort: split
import openmm
from openmm import app, unit
from openmm.app import element

from openmm_innff.errors import SystemSetupError, UnsupportedElementError
from openmm_innff.forces import default_backend
from openmm_innff.integrators import mts_langevin_integrator
from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig
from openmm_innff.system import create_system

EDGE = 0.9
CUBIC = EDGE * np.eye(3)
TRICLINIC = np.array([[0.9, 0.0, 0.0], [0.2, 0.9, 0.0], [-0.3, 0.25, 0.9]])
MOLECULE = np.array([[0.0, 0.0, 0.0], [0.0757, 0.0586, 0.0], [-0.0757, 0.0586, 0.0]])


@pytest.fixture(scope="module")
def potential() -> Potential:
    config = PotentialConfig(
        elements=("H", "O"),
        fast=ComponentConfig(cutoff=2.5, channels=4, projections=4),
        slow=ComponentConfig(cutoff=3.8, channels=4, projections=4),
    )
    return Potential(config, seed=1)


def water(
    n: int = 8, box: np.ndarray | None = CUBIC, bonds: bool = True
) -> tuple[app.Topology, np.ndarray]:
    """Waters on a grid, the last one outside of the box; positions (3 n, 3) in nm."""
    topology = app.Topology()
    chain = topology.addChain()
    for _ in range(n):
        residue = topology.addResidue("HOH", chain)
        o, h1, h2 = (
            topology.addAtom(name, element.get_by_symbol(name[0]), residue)
            for name in ("O", "H1", "H2")
        )
        if bonds:
            topology.addBond(o, h1)
            topology.addBond(o, h2)
    if box is not None:
        topology.setPeriodicBoxVectors(box * unit.nanometer)
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)[:n]
    vectors = CUBIC if box is None else box
    centres = (grid + 0.3) / 2 @ vectors
    positions = (centres[:, None] + MOLECULE).reshape(-1, 3)
    positions[-3:] += vectors[0]
    return topology, positions


def context_of(
    system: openmm.System, positions: np.ndarray, integrator: openmm.Integrator | None = None
) -> openmm.Context:
    integrator = integrator or openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(positions)
    return context


def energy_of(context: openmm.Context, groups: int = -1) -> float:
    state = context.getState(energy=True, groups=groups)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def positions_of(context: openmm.Context) -> np.ndarray:
    return context.getState(positions=True).getPositions(asNumpy=True)._value


def masses_of(system: openmm.System) -> list[float]:
    return [system.getParticleMass(i)._value for i in range(system.getNumParticles())]


def test_forces_and_groups(potential: Potential) -> None:
    topology, _ = water()
    system = create_system(potential, topology)
    groups = {force.getName(): force.getForceGroup() for force in system.getForces()}
    assert groups == {"INN-FF fast": 0, "INN-FF slow": 1, "molecules": 1, "CMMotionRemover": 0}
    other = create_system(potential, topology, fast_group=3, slow_group=7)
    assert {force.getForceGroup() for force in other.getForces()} == {3, 7}
    mts_langevin_integrator(other, 300, 1, 0.001, 0.0005, fast_groups=(3,), slow_groups=(7,))
    one = create_system(potential, topology, split=False, remove_cm_motion=False)
    assert [force.getName() for force in one.getForces()] == ["INN-FF total", "molecules"]
    assert {force.getForceGroup() for force in one.getForces()} == {0}


def test_split_and_total_agree(potential: Potential) -> None:
    topology, positions = water()
    split, total = (
        context_of(create_system(potential, topology, split=split, precision="double"), positions)
        for split in (True, False)
    )
    assert energy_of(split) == pytest.approx(energy_of(total), rel=1e-10)
    assert energy_of(split, {0}) != pytest.approx(energy_of(split, {1}), rel=1e-3)


def test_reference_energies_are_added_once(potential: Potential) -> None:
    topology, positions = water()
    shifted = copy.deepcopy(potential)
    shifted.reference_energies.copy_(torch.tensor([-1.0, -10.0]))
    energies = [
        energy_of(context_of(create_system(shifted, topology, **options), positions))
        for options in ({}, {"reference_energies": True})
    ]
    assert energies[1] - energies[0] == pytest.approx(-96 * 96.485332, rel=1e-6)


@pytest.mark.parametrize("box", [CUBIC, TRICLINIC], ids=["cubic", "triclinic"])
def test_box(potential: Potential, box: np.ndarray) -> None:
    topology, positions = water(box=box)
    system = create_system(potential, topology, precision="double")
    assert system.usesPeriodicBoundaryConditions()
    found = [list(v.value_in_unit(unit.nanometer)) for v in system.getDefaultPeriodicBoxVectors()]
    np.testing.assert_allclose(found, box)
    inside = context_of(system, positions)
    moved = positions + np.repeat(np.random.default_rng(0).integers(-2, 3, (8, 3)), 3, 0) @ box
    assert energy_of(context_of(system, moved)) == pytest.approx(energy_of(inside), rel=1e-10)


def test_isolated(potential: Potential) -> None:
    """Without a box, or on demand, no image is seen."""
    topology, positions = water(box=None)
    boxed, _ = water()
    energies = [
        energy_of(context_of(create_system(potential, one, periodic=False), positions))
        for one in (topology, boxed)
    ]
    assert not create_system(potential, topology).usesPeriodicBoundaryConditions()
    assert energies[0] == energies[1]
    periodic = energy_of(context_of(create_system(potential, boxed), positions))
    assert abs(periodic - energies[0]) > 1e-3


def test_molecules(potential: Potential) -> None:
    topology, positions = water()
    context = context_of(create_system(potential, topology), positions)
    molecules = [sorted(molecule) for molecule in context.getMolecules()]
    assert molecules == [[3 * i, 3 * i + 1, 3 * i + 2] for i in range(8)]


def test_barostat_moves_molecules_as_a_whole(potential: Potential) -> None:
    topology, positions = water()
    system = create_system(potential, topology)
    barostat = openmm.MonteCarloBarostat(1e5, 300.0, 1)
    barostat.setRandomNumberSeed(1)
    system.addForce(barostat)
    frozen = openmm.CustomIntegrator(0.001)  # moves nothing but what the barostat moves
    frozen.addUpdateContextState()
    context = context_of(system, positions, frozen)
    frozen.step(20)
    moved = positions_of(context)
    volume = context.getState().getPeriodicBoxVolume().value_in_unit(unit.nanometer**3)
    assert volume < 0.99 * EDGE**3

    def distances(where: np.ndarray) -> np.ndarray:
        atoms = where.reshape(8, 3, 3)
        return np.linalg.norm(atoms[:, [0, 0, 1]] - atoms[:, [1, 2, 2]], axis=-1)

    np.testing.assert_allclose(distances(moved), distances(positions), rtol=0, atol=1e-6)
    assert np.abs(moved - positions).max() > 1e-3


def test_npt_stays_finite(potential: Potential) -> None:
    topology, positions = water(box=TRICLINIC * 1.2)
    system = create_system(potential, topology, hydrogen_mass=3.0)
    barostat = openmm.MonteCarloBarostat(1.0, 300.0, 5)
    barostat.setRandomNumberSeed(2)
    system.addForce(barostat)
    integrator = mts_langevin_integrator(system, 300.0, 10.0, 0.001, 0.0005, seed=3)
    context = context_of(system, positions, integrator)
    openmm.LocalEnergyMinimizer.minimize(context, 100.0, 20)
    context.setVelocitiesToTemperature(300, 4)
    integrator.step(100)
    state = context.getState(energy=True, positions=True)
    assert np.isfinite(state.getPotentialEnergy()._value)
    assert np.isfinite(state.getPositions(asNumpy=True)._value).all()
    assert state.getPeriodicBoxVolume()._value != pytest.approx(np.linalg.det(1.2 * TRICLINIC))


def test_masses(potential: Potential) -> None:
    topology, _ = water(2, box=None)
    light = masses_of(create_system(potential, topology))
    assert light == pytest.approx([15.99943, 1.007947, 1.007947] * 2, abs=1e-4)
    for mass in (3.0, 3.0 * unit.amu):
        heavy = masses_of(create_system(potential, topology, hydrogen_mass=mass))
        assert heavy == pytest.approx([12.01532, 3.0, 3.0] * 2, abs=1e-4)
        assert sum(heavy) == pytest.approx(sum(light), abs=1e-12)


@pytest.mark.parametrize("copied", [copy.deepcopy, openmm.XmlSerializer.clone])
@pytest.mark.parametrize("backend", [default_backend(), "python"])
def test_copies(potential: Potential, backend: str, copied: object) -> None:
    topology, positions = water()
    system = create_system(potential, topology, backend=backend)
    energies = [energy_of(context_of(one, positions)) for one in (system, copied(system))]
    assert energies[0] == pytest.approx(energies[1], rel=1e-7)


def test_elements(potential: Potential) -> None:
    topology, _ = water()
    residue = topology.addResidue("NA", next(topology.chains()))
    topology.addAtom("NA", element.sodium, residue)
    with pytest.raises(UnsupportedElementError, match="atom 24 is Na"):
        create_system(potential, topology)
    topology.addAtom("M", None, residue)
    with pytest.raises(SystemSetupError, match=r"atom 25 \(M of residue NA 9\) has no element"):
        create_system(potential, topology)
    with pytest.raises(SystemSetupError, match="at least one atom"):
        create_system(potential, app.Topology())


def test_missing_bonds(potential: Potential) -> None:
    topology, positions = water(bonds=False)
    with pytest.warns(UserWarning, match=r"residue HOH 1 has 3 atoms and no bonds .*one by one"):
        create_system(potential, topology)
    topology.createStandardBonds()
    context = context_of(create_system(potential, topology), positions)
    assert len(context.getMolecules()) == 8
    isolated, _ = water(box=None, bonds=False)
    create_system(potential, isolated)


def test_impossible_boxes(potential: Potential) -> None:
    small, _ = water(box=0.7 * np.eye(3))
    with pytest.raises(SystemSetupError, match=r"7\.6 angstrom, found 7 angstrom between"):
        create_system(potential, small)
    unboxed, _ = water(box=None)
    with pytest.raises(SystemSetupError, match="periodic is True, but the topology has no box"):
        create_system(potential, unboxed, periodic=True)


def test_impossible_hydrogen_masses(potential: Potential) -> None:
    topology, _ = water(box=None)
    with pytest.raises(SystemSetupError, match=r"with 10 amu atom 0 has -1\.98"):
        create_system(potential, topology, hydrogen_mass=10)
    unbonded, _ = water(box=None, bonds=False)
    with pytest.raises(SystemSetupError, match="needs bonds of hydrogens to heavy atoms"):
        create_system(potential, unbonded, hydrogen_mass=3)
