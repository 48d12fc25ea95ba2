import dataclasses
import sqlite3

import numpy as np
import pytest

from openmm_innff.data import read_frames
from openmm_innff.errors import DataError
from openmm_innff.reference.level import parse_level
from openmm_innff.reference.molecule import Label, Target
from openmm_innff.reference.store import LabelStore

LEVEL = parse_level("HF/6-31g")


def label(target, energy=-5.0):
    forces = np.arange(3.0 * len(target.numbers)).reshape(-1, 3)
    return Label(energy, forces, np.array([0.1, 0.2, -0.3]), 1.5, {"versions": {"pyscf": "2"}})


def moved(target, by):
    return dataclasses.replace(target, positions=target.positions * (1.0 + by))


def test_labels_come_back_and_are_read_for_training(water, tmp_path):
    store = LabelStore(tmp_path / "labels.db")
    targets = [moved(water, 0.01 * i) for i in range(3)]
    for i, target in enumerate(targets):
        store.add(target, LEVEL, label(target, -5.0 - i), 2.0)
    store.add(moved(water, 0.5), LEVEL, "the HF orbitals did not converge", 3.0)
    again = LabelStore(tmp_path / "labels.db")
    assert again.known(LEVEL) == {t.key(LEVEL.key) for t in [*targets, moved(water, 0.5)]}
    assert again.seconds(LEVEL) == pytest.approx(9.0)
    assert again.export(tmp_path / "train.xyz", LEVEL, targets[1:]) == 2
    frames = read_frames(tmp_path / "train.xyz", check_labels=False)
    np.testing.assert_allclose(frames.energies, [-6.0, -7.0])
    np.testing.assert_allclose(frames[0].positions, targets[1].positions, atol=1e-7)
    np.testing.assert_allclose(frames[0].forces, label(water).forces)
    assert frames[0].info["level"] == "HF/6-31g, density fitting"
    np.testing.assert_allclose(again.labelled(LEVEL)[0].get_dipole_moment(), [0.1, 0.2, -0.3])


def test_failures_have_reasons_and_can_be_forgotten(water, tmp_path):
    store = LabelStore(tmp_path / "labels.db")
    store.add(water, LEVEL, "no luck", 1.0)
    (failure,) = store.failures(LEVEL)
    assert (failure.formula, failure.reason) == ("H2O", "no luck")
    assert store.labelled(LEVEL) == []
    assert store.export(tmp_path / "none.xyz", LEVEL) == 0
    assert not (tmp_path / "none.xyz").exists()
    assert store.known(LEVEL, failed=False) == set()
    assert store.forget_failures(LEVEL) == 1
    assert store.known(LEVEL) == set()


def test_levels_do_not_mix(water, tmp_path):
    store = LabelStore(tmp_path / "labels.db")
    store.add(water, LEVEL, label(water), 1.0)
    exact = parse_level("HF/6-31g", density_fit=False)
    assert store.known(exact) == set()
    assert store.labelled(exact) == []


def test_the_key_is_that_of_the_calculation(water):
    key = water.key("a")
    assert dataclasses.replace(water, positions=water.positions + 1e-9).key("a") == key
    others = [
        water.key("b"),
        dataclasses.replace(water, charge=1).key("a"),
        dataclasses.replace(water, unpaired=2).key("a"),
        dataclasses.replace(water, positions=water.positions + 1e-5).key("a"),
        Target(np.array([8, 1, 9]), water.positions).key("a"),
    ]
    assert len({key, *others}) == 6


def test_periodic_frames_and_rows_for_others(water, tmp_path):
    path = tmp_path / "labels.db"
    store = LabelStore(path)
    store.add(dataclasses.replace(water, cell=np.diag([4.0, 5, 6])), LEVEL, label(water), 1.0)
    store.export(tmp_path / "out.xyz", LEVEL)
    assert read_frames(tmp_path / "out.xyz")[0].periodic
    with sqlite3.connect(path) as connection:  # plain SQLite and ASE's columns
        assert connection.execute("select natoms, energy from systems").fetchall() == [(3, -5.0)]
    connection.close()


def test_foreign_files(tmp_path):
    (tmp_path / "a.db").write_text("hello " * 1000)
    with pytest.raises(DataError, match="is no database of labels"):
        LabelStore(tmp_path / "a.db")
    with pytest.raises(DataError, match=r"ends in \.db"):
        LabelStore(tmp_path / "a.xyz")
