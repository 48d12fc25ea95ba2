"""Mixed Systems: energies at both ends of the interpolation, groups, constraints, dynamics."""

import copy

import numpy as np
import pytest
import torch

# isort: split
import openmm
from openmm import app, unit

from openmm_innff.errors import SystemSetupError
from openmm_innff.integrators import mts_langevin_integrator, mts_nve_integrator
from openmm_innff.mixed import create_mixed_system, group_forces
from openmm_innff.model import Model, load_model
from openmm_innff.potential import Potential
from openmm_innff.units import EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM, EV_TO_KJ_PER_MOL
from tests.mixed.conftest import N_PEPTIDE, context_of, energy_of, force_field, forces_of

PEPTIDE = range(N_PEPTIDE)
EXACT = {"precision": "double", "backend": "python"}
Box = tuple[app.Topology, np.ndarray]

METHODS = {
    "no cutoff": {"nonbondedMethod": app.NoCutoff},
    "cutoff": {"nonbondedMethod": app.CutoffNonPeriodic, "nonbondedCutoff": 0.5},
    "periodic": {"nonbondedMethod": app.CutoffPeriodic, "nonbondedCutoff": 0.5},
    "PME": {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.9},
    "switched": {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.9, "switchDistance": 0.3},
    "further forces": {
        "nonbondedMethod": app.PME,
        "nonbondedCutoff": 0.9,
        "further": True,
    },
}


def learned(potential: Potential, box: Box) -> tuple[float, np.ndarray]:
    """Energy (kJ/mol) and forces (kJ/mol/nm) of the potential on the dipeptide alone."""
    numbers = [atom.element.atomic_number for atom in list(box[0].atoms())[:N_PEPTIDE]]
    evaluator = potential.evaluator("total", numbers, periodic=False, dtype=torch.float64)
    positions = torch.tensor(10 * box[1][:N_PEPTIDE])
    energy, forces = evaluator(positions, torch.zeros(3, 3, dtype=torch.float64))
    return float(energy) * EV_TO_KJ_PER_MOL, forces.numpy() * EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM


@pytest.mark.parametrize("method", METHODS)
def test_interpolation_ends_at_both_systems(
    method: str, potential: Potential, solvated: Box
) -> None:
    topology, positions = solvated
    classical = force_field(topology, **METHODS[method])
    options = {"reciprocal_group": 5, **EXACT} if "PME" in method else EXACT
    direct, interpolated = (
        context_of(
            create_mixed_system(
                potential, topology, classical, PEPTIDE, interpolate=interpolate, **options
            ),
            positions,
        )
        for interpolate in (False, True)
    )
    assert energy_of(interpolated) == pytest.approx(energy_of(direct), abs=1e-6)
    for group in ({0}, {1}, {5}):
        found = energy_of(interpolated, group)
        assert found == pytest.approx(energy_of(direct, group), abs=1e-6)
    np.testing.assert_allclose(forces_of(interpolated), forces_of(direct), atol=1e-5)
    interpolated.setParameter("lambda_interpolate", 0.0)
    alone = context_of(classical, positions)
    assert energy_of(interpolated) == pytest.approx(energy_of(alone), abs=1e-5)
    np.testing.assert_allclose(forces_of(interpolated), forces_of(alone), atol=1e-4)
    interpolated.setParameter("lambda_interpolate", 0.25)
    between = 0.25 * energy_of(direct) + 0.75 * energy_of(alone)
    assert energy_of(interpolated) == pytest.approx(between, abs=1e-5)


def test_only_what_is_within_the_atoms_is_replaced(potential: Potential, solvated: Box) -> None:
    topology, positions = solvated
    everything = force_field(topology)
    modeller = app.Modeller(topology, positions * unit.nanometer)
    modeller.deleteWater()
    dipeptide = force_field(modeller.topology)
    mixed = create_mixed_system(potential, topology, everything, PEPTIDE, periodic=False, **EXACT)
    energy, forces = learned(potential, solvated)
    contexts = [context_of(everything, positions), context_of(dipeptide, positions[:N_PEPTIDE])]
    expected = energy_of(contexts[0]) - energy_of(contexts[1]) + energy
    found = context_of(mixed, positions)
    assert energy_of(found) == pytest.approx(expected, abs=1e-6)
    change = forces_of(found) - forces_of(contexts[0])
    np.testing.assert_allclose(
        change[:N_PEPTIDE], forces - forces_of(contexts[1]), rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(change[N_PEPTIDE:], 0, atol=1e-9)
    alone = create_mixed_system(potential, modeller.topology, dipeptide, PEPTIDE, **EXACT)
    assert energy_of(context_of(alone, positions[:N_PEPTIDE])) == pytest.approx(energy, abs=1e-8)


def test_groups(potential: Potential, solvated: Box) -> None:
    topology, _ = solvated
    classical = force_field(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9)
    before = openmm.XmlSerializer.serialize(classical)

    def groups(**options: object) -> dict[str, int]:
        mixed = create_mixed_system(potential, topology, classical, PEPTIDE, **options)
        return {force.getName(): force.getForceGroup() for force in mixed.getForces()}

    assert groups() == {
        "NonbondedForce": 1,
        "HarmonicBondForce": 0,
        "HarmonicAngleForce": 0,
        "CMMotionRemover": 0,
        "INN-FF fast": 0,
        "INN-FF slow": 1,
        "molecules": 1,
    }
    assert openmm.XmlSerializer.serialize(classical) == before
    unsorted = groups(group_mm=False, fast_group=3, slow_group=4)
    assert unsorted["NonbondedForce"] == 0
    assert unsorted["INN-FF fast"] == 3
    assert unsorted["INN-FF slow"] == 4
    assert groups(split=False)["INN-FF total"] == 0
    for interpolate in (False, True):
        mixed = create_mixed_system(
            potential, topology, classical, PEPTIDE, reciprocal_group=2, interpolate=interpolate
        )
        with pytest.raises(SystemSetupError, match="NonbondedForce' is in group 2"):
            mts_langevin_integrator(mixed, 300, 1, 0.002, 0.0005)
        mts_langevin_integrator(mixed, 300, 1, 0.002, 0.0005, slow_groups=(1, 2))
    with pytest.raises(SystemSetupError, match="different numbers from 0 to 31, found 1, 1"):
        groups(fast_group=1)
    with pytest.raises(SystemSetupError, match="reciprocal_group: wanted with group_mm=True"):
        groups(group_mm=False, reciprocal_group=2)


def test_an_interpolation_in_one_force_is_taken_apart(potential: Potential, solvated: Box) -> None:
    """As OpenMM-ML makes it before version 1.8."""
    topology, positions = solvated
    classical = force_field(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9)
    mixed = create_mixed_system(potential, topology, classical, PEPTIDE, interpolate=True, **EXACT)
    parts = [f for f in mixed.getForces() if isinstance(f, openmm.CustomCVForce)]
    joined = openmm.CustomCVForce("")
    joined.addGlobalParameter("lambda_interpolate", 1)
    sums: dict[str, list[str]] = {"ml": [], "mm": []}
    for part in parts:
        for i in range(part.getNumCollectiveVariables()):
            kind = part.getCollectiveVariableName(i)[:2]
            sums[kind].append(f"{kind}Force{len(sums[kind])}")
            joined.addCollectiveVariable(
                sums[kind][-1], copy.deepcopy(part.getCollectiveVariable(i))
            )
    joined.setEnergyFunction(
        f"lambda_interpolate*({'+'.join(sums['ml'])})+(1-lambda_interpolate)*({'+'.join(sums['mm'])})"
    )
    single = copy.deepcopy(mixed)
    for i in reversed(range(single.getNumForces())):
        if isinstance(single.getForce(i), openmm.CustomCVForce):
            single.removeForce(i)
    single.addForce(joined)
    group_forces(single)
    for value in (1.0, 0.4):
        contexts = [context_of(system, positions) for system in (mixed, single)]
        for context in contexts:
            context.setParameter("lambda_interpolate", value)
        for group in ({0}, {1}):
            found = [energy_of(context, group) for context in contexts]
            assert found[0] == pytest.approx(found[1], abs=1e-7)


def test_constraints_and_molecules(potential: Potential, solvated: Box) -> None:
    topology, positions = solvated
    classical = force_field(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9)
    waters = (topology.getNumAtoms() - N_PEPTIDE) // 3
    assert classical.getNumConstraints() == 3 * waters + 12
    mixed = create_mixed_system(potential, topology, classical, PEPTIDE)
    assert mixed.getNumConstraints() == 3 * waters
    kept = create_mixed_system(potential, topology, classical, PEPTIDE, remove_constraints=False)
    assert kept.getNumConstraints() == 3 * waters + 12
    molecules = context_of(mixed, positions).getMolecules()
    assert sorted(molecules[0]) == list(PEPTIDE)
    assert len(molecules) == 1 + waters


def test_mollified(model: Model, solvated: Box) -> None:
    """The slow part does not answer to lengths of bonds of hydrogen, the rest does."""
    topology, positions = solvated
    classical = force_field(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9)
    mixed = model.create_mixed_system(topology, classical, PEPTIDE, mollified=True, **EXACT)
    names = {force.getName() for force in mixed.getForces()}
    assert "INN-FF slow, mollified" in names
    for force in mixed.getForces():
        force.setForceGroup(7 if "slow" in force.getName() else 0)
    hydrogen = next(
        (a, b) if a.element.symbol == "H" else (b, a)
        for a, b in topology.bonds()
        if "H" in (a.element.symbol, b.element.symbol)
    )
    moved = positions.copy()
    bond = moved[hydrogen[0].index] - moved[hydrogen[1].index]
    moved[hydrogen[0].index] += 0.05 * bond
    energies = [energy_of(context_of(mixed, where), {7}) for where in (positions, moved)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-6)


@pytest.fixture(scope="module")
def water() -> Box:
    """Rigid TIP3P with 64 molecules, of which the first is flexible and learned."""
    topology, positions = app.Topology(), []
    chain = topology.addChain()
    shape = np.array([[0, 0, 0], [0.0957, 0, 0], [-0.0240, 0.0927, 0]])
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for site in grid:
        residue = topology.addResidue("HOH", chain)
        oxygen, *hydrogens = (
            topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
            for name in ("O", "H1", "H2")
        )
        for atom in hydrogens:
            topology.addBond(oxygen, atom)
        positions.append(shape + 0.3104 * site + 0.05)
    topology.setPeriodicBoxVectors(np.eye(3) * 1.2416 * unit.nanometer)
    return topology, np.concatenate(positions)


def test_energy_is_conserved_with_multiple_time_steps(water: Box) -> None:
    topology, positions = water
    classical = force_field(
        topology, nonbondedMethod=app.CutoffPeriodic, nonbondedCutoff=0.6, switchDistance=0.5
    )
    for force in classical.getForces():
        if isinstance(force, openmm.NonbondedForce):  # no jumps at the cutoff
            force.setReactionFieldDielectric(1e6)
    mixed = load_model("water-pbe0").create_mixed_system(
        topology, classical, [0, 1, 2], mollified=False, precision="double"
    )
    thermostat = mts_langevin_integrator(mixed, 300, 20, 0.002, 0.0005, seed=1)
    context = context_of(mixed, positions, thermostat)
    openmm.LocalEnergyMinimizer.minimize(context, 100, 30)
    context.setVelocitiesToTemperature(300, 1)
    thermostat.step(50)
    state = context.getState(positions=True, velocities=True)
    for outer, limit in ((0.0005, 0.01), (0.002, 0.03)):
        integrator = mts_nve_integrator(mixed, outer, 0.0005, constraint_tolerance=1e-8)
        context = context_of(mixed, positions, integrator)
        context.setState(state)
        energies = []
        for _ in range(20):
            integrator.step(round(0.004 / outer))
            now = context.getState(energy=True)
            energies.append((now.getPotentialEnergy() + now.getKineticEnergy())._value)
        assert np.ptp(energies) < limit * now.getKineticEnergy()._value
        final = context.getState(positions=True).getPositions(asNumpy=True)._value
        rigid = np.linalg.norm(final[4::3] - final[3::3], axis=1)
        np.testing.assert_allclose(rigid, 0.09572, atol=1e-5)
        assert np.linalg.norm(final[1] - final[0]) != pytest.approx(0.09572, abs=1e-5)
