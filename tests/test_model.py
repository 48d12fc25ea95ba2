"""What a model's card asks for is what its Systems and integrators do."""

import numpy as np
import pytest
from openmm import app, unit
from openmm.app import element

from openmm_innff.errors import SystemSetupError
from openmm_innff.model import Model
from openmm_innff.modelfile import ModelCard, SafeSteps

LIGHT = SafeSteps(1.0, 8.0, 1.008, "made up", mollified=True, vibrational_friction=50.0)
HEAVY = SafeSteps(2.0, 6.0, 3.0, "made up")


@pytest.fixture
def model(tiny_potential) -> Model:
    card = ModelCard("tiny", safe_steps=(LIGHT, HEAVY), hydrogen_bond_lengths={"O": 0.98})
    return Model(tiny_potential, card)


@pytest.fixture
def topology() -> app.Topology:
    made = app.Topology()
    residue = made.addResidue("HOH", made.addChain())
    o, *hydrogens = (made.addAtom(s, element.get_by_symbol(s), residue) for s in "OHH")
    for hydrogen in hydrogens:
        made.addBond(o, hydrogen)
    made.setPeriodicBoxVectors(np.eye(3) * 0.9 * unit.nanometer)
    return made


def names(system) -> set[str]:
    return {force.getName() for force in system.getForces()}


def variables(integrator) -> set[str]:
    return {integrator.getPerDofVariableName(i) for i in range(integrator.getNumPerDofVariables())}


def test_systems_are_mollified_where_the_safe_steps_need_it(model, topology) -> None:
    assert "INN-FF slow, mollified" in names(model.create_system(topology))
    heavy = model.create_system(topology, hydrogen_mass=3.0 * unit.dalton)
    assert "INN-FF slow" in names(heavy)
    assert "INN-FF slow" in names(model.create_system(topology, mollified=False))


def test_integrators_have_the_safe_steps_and_their_friction(model, topology) -> None:
    light = model.mts_integrator(model.create_system(topology), 300.0, 1.0)
    assert light.getStepSize().value_in_unit(unit.femtosecond) == pytest.approx(8.0)
    assert "past" in variables(light)
    heavy = model.mts_integrator(model.create_system(topology, hydrogen_mass=3.0), 300.0, 1.0)
    assert heavy.getStepSize().value_in_unit(unit.femtosecond) == pytest.approx(6.0)
    assert "past" not in variables(heavy)


def test_safe_steps_of_a_mollified_system_are_refused_for_a_plain_one(model, topology) -> None:
    plain = model.create_system(topology, mollified=False)
    with pytest.raises(SystemSetupError, match="are for a mollified slow part, found a plain one"):
        model.mts_integrator(plain, 300.0, 1.0)
    model.mts_integrator(plain, 300.0, 1.0, 0.002, 0.0005)


def test_a_card_without_lengths_can_not_be_mollified(tiny_potential, topology) -> None:
    with pytest.raises(SystemSetupError, match="has no lengths of bonds of hydrogen"):
        Model(tiny_potential, ModelCard("tiny")).create_system(topology, mollified=True)


def test_beside_a_force_field_steps_are_those_of_the_ligand_and_not_too_long(model) -> None:
    made = app.Topology()
    for _ in range(2):
        residue = made.addResidue("HOH", made.addChain())
        o, *hydrogens = (made.addAtom(s, element.get_by_symbol(s), residue) for s in "OHH")
        for hydrogen in hydrogens:
            made.addBond(o, hydrogen)
    classical = app.ForceField("amber14/tip3p.xml").createSystem(made)
    mixed = model.create_mixed_system(made, classical, [0, 1, 2], hydrogen_mass=3.0)
    assert "INN-FF slow" in names(mixed)
    masses = [mixed.getParticleMass(i)._value for i in (1, 4)]
    assert masses == pytest.approx([3.0, 1.008], abs=1e-3)  # rigid water stays as it is
    integrator = model.mts_integrator(mixed, 300.0, 1.0)
    assert integrator.getStepSize().value_in_unit(unit.femtosecond) == pytest.approx(4.0)
    light = model.create_mixed_system(made, classical, [0, 1, 2])
    assert "INN-FF slow, mollified" in names(light)
    integrator = model.mts_integrator(light, 300.0, 1.0)
    assert integrator.getStepSize().value_in_unit(unit.femtosecond) == pytest.approx(4.0)
    assert "past" in variables(integrator)


def test_steps_at_most() -> None:
    assert HEAVY.at_most(6.0) is HEAVY
    assert HEAVY.at_most(5.0).outer_fs == 4.0
    assert HEAVY.at_most(1.0).outer_fs == 2.0
