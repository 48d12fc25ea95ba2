"""Potentials of any kind look the same to the tests of an audit."""

import dataclasses
from pathlib import Path

import numpy as np
import openmm
import pytest
from ase.calculators.emt import EMT

from openmm_innff import load_model
from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import s22
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.structures import default_structures, molecule, water_dimer
from openmm_innff.audit.subjects import EvaluationError, Options, Subject, open_subject
from openmm_innff.audit.subjects.calculator import CalculatorSubject
from openmm_innff.audit.subjects.innff import InnffSubject
from openmm_innff.audit.subjects.system import FileSubject, ForceFieldSubject
from openmm_innff.errors import InnffError

NAMES = ("water-pbe0", "openmm:tip3p.xml", "ase:emt")


@pytest.fixture(scope="module", params=NAMES)
def subject(request: pytest.FixtureRequest) -> Subject:
    return open_subject(request.param)


def test_forces_are_minus_gradients_in_ev_and_angstrom(subject: Subject) -> None:
    structure = water_dimer().rattled(np.random.default_rng(1))
    evaluate = subject.bind(structure)
    step = np.zeros_like(structure.positions)
    step[1, 2] = 1e-3
    ahead, back = (evaluate(structure.positions + s * step, None).energy for s in (1, -1))
    force = evaluate(structure.positions, None).forces[1, 2]
    assert (back - ahead) / 2e-3 == pytest.approx(force, rel=1e-4, abs=1e-5)


def test_dynamics_applies_these_forces(subject: Subject) -> None:
    structure = water_dimer().rattled(np.random.default_rng(1))
    forces = subject.bind(structure)(structure.positions, None).forces
    np.testing.assert_allclose(subject.impulse(structure, 0.01), forces, rtol=1e-3, atol=1e-3)


def test_the_order_of_atoms_is_the_structures(subject: Subject) -> None:
    structure = water_dimer().rattled(np.random.default_rng(1))
    order = np.array([5, 0, 3, 1, 4, 2])
    turned = structure.reordered(order)
    forces = subject.bind(structure)(structure.positions, None).forces
    np.testing.assert_allclose(
        subject.bind(turned)(turned.positions, None).forces, forces[order], atol=1e-9
    )


def test_parts_add_up() -> None:
    subject, structure = open_subject("water-pbe0"), water_dimer()
    total = subject.bind(structure)(structure.positions, None)
    parts = [subject.bind(structure, Options(p))(structure.positions, None) for p in subject.parts]
    assert sum(part.energy for part in parts) == pytest.approx(total.energy, abs=1e-9)


def test_a_model_of_one_molecule_is_asked_for_that_alone() -> None:
    shipped, ethanol = load_model("water-pbe0"), molecule("CH3CH2OH")
    own = {"numbers": ethanol.numbers.tolist(), "positions": ethanol.positions.tolist()}
    model = dataclasses.replace(shipped, card=dataclasses.replace(shipped.card, molecule=own))
    subject = InnffSubject(model)
    (found,) = default_structures(subject, seed=1)
    assert found.name == "C2H6O"
    assert found.bonds == ethanol.bonds
    with pytest.raises(NotApplicable, match="for C2H6O alone"):
        s22.measure(Bench(subject, (found,)))


def test_a_calculator_is_asked_which_elements_it_knows() -> None:
    subject = CalculatorSubject(EMT(), "EMT")
    assert {"Cu", "Al", "H"} <= set(subject.elements or ())
    assert "Na" not in (subject.elements or ())
    names = [structure.name for structure in default_structures(subject, seed=1)]
    assert "H2O" in names
    assert "Al, crystal" in names


def test_crystals_that_take_long_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmm_innff.audit.structures._LONGEST_S", 0.0)
    names = [structure.name for structure in default_structures(open_subject("ase:emt"), seed=1)]
    assert names == ["H2O", "CH3OH", "C2H6", "NH3"]


def test_options_of_calculators_may_be_numbers() -> None:
    subject = open_subject("ase:ase.calculators.lj:LennardJones,sigma=2.5,epsilon=0.02,rc=50")
    assert subject.name == "ase.calculators.lj:LennardJones"
    pair = Structure(
        "pair", np.array([18, 18]), np.array([[0.0, 0, 0], [2.5 * 2 ** (1 / 6), 0, 0]])
    )
    assert subject.bind(pair)(pair.positions, None).energy == pytest.approx(-0.02, rel=1e-4)


def test_a_system_in_a_file_is_for_its_own_atoms(tmp_path: Path) -> None:
    structure = water_dimer()
    system, _ = ForceFieldSubject(["tip3p.xml"]).make(structure)
    file = tmp_path / "dimer.xml"
    file.write_text(openmm.XmlSerializer.serialize(system))
    subject = open_subject(str(file))
    assert isinstance(subject, FileSubject)
    assert subject.elements == ("H", "O")
    assert not subject.obstacle(structure)
    assert "6 particles" in subject.obstacle(molecule("H2O"))


def test_what_can_not_be_evaluated_has_a_reason() -> None:
    subject = open_subject("water-pbe0")
    assert "C, which water-pbe0 doesn't know" in subject.obstacle(molecule("CH4"))
    small = Structure("small", np.array([8]), np.zeros((1, 3)), 5.0 * np.eye(3))
    assert "twice the cutoff" in subject.obstacle(small)
    with pytest.raises(EvaluationError, match="part: wanted one of fast, slow"):
        subject.bind(water_dimer(), Options("middle"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "nothing"),
        ("ase:nothing", "can't make the calculator 'nothing'"),
        ("openmm:nothing.xml", "nothing.xml"),
        ("ase:emt,x", "wanted KEY=VALUE after a comma, found 'x'"),
    ],
)
def test_wrong_names_are_explained(name: str, message: str) -> None:
    with pytest.raises(InnffError, match=message):
        open_subject(name)


def test_structures_know_their_molecules() -> None:
    dimer = water_dimer()
    assert [list(m) for m in dimer.molecules] == [[0, 1, 2], [3, 4, 5]]
    assert [list(m) for m in dimer.reordered(np.array([0, 3, 1, 4, 2, 5])).molecules] == [
        [0, 2, 4],
        [1, 3, 5],
    ]
    twice = dimer.with_copies(np.array([[0, 0, 0], [50.0, 0, 0]]), None, "twice")
    assert len(twice.molecules) == 4
    assert len(dimer.subset(dimer.molecules[1], "one").bonds) == 2
