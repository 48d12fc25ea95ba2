"""Torsions: which there are, and how alike two distributions of them are."""

from pathlib import Path

import mdtraj
import numpy as np
import pytest

from openmm_innff.torsions import (
    distribution,
    load_angles,
    rotatable_torsions,
    save_angles,
    similarity,
    torsion_angles,
)

BONDS = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (3, 5)]
"""A hydroxyl on a ring of three, by bonds that turn: H-O-C-C..."""


@pytest.fixture
def topology() -> mdtraj.Topology:
    made = mdtraj.Topology()
    residue = made.add_residue("LIG", made.add_chain())
    for i, symbol in enumerate("HOCCCC"):
        made.add_atom(f"{symbol}{i}", mdtraj.element.Element.getBySymbol(symbol), residue)
    return made


def test_bonds_of_rings_and_of_ends_do_not_turn(topology: mdtraj.Topology) -> None:
    found = rotatable_torsions(topology, range(6), BONDS)
    assert [torsion.name for torsion in found] == ["H0-O1-C2-C3", "O1-C2-C3-C4"]
    assert found[1].atoms == (1, 2, 3, 4)


def test_angles(topology: mdtraj.Topology, tmp_path: Path) -> None:
    torsions = rotatable_torsions(topology, range(6), BONDS)[:1]
    frames = []
    for degrees in (-90.0, 60.0):
        turn = np.radians(degrees)
        last = [1.0, np.cos(turn), np.sin(turn)]
        frames.append([[0, 1, 0], [0, 0, 0], [1, 0, 0], last, [2, 0, 1], [2, 1, 1]])
    angles = torsion_angles(mdtraj.Trajectory(np.array(frames), topology), torsions)
    np.testing.assert_allclose(np.abs(angles[:, 0]), [90, 60], atol=1e-3)
    save_angles(tmp_path / "angles.csv", torsions, angles)
    np.testing.assert_allclose(load_angles(tmp_path / "angles.csv", torsions), angles, atol=0.01)
    assert load_angles(tmp_path / "angles.csv", []) is None
    assert load_angles(tmp_path / "nothing.csv", torsions) is None


def test_distributions() -> None:
    random = np.random.default_rng(1)
    same = [distribution(random.uniform(-180, 180, 20000)) for _ in range(2)]
    assert same[0].sum() == pytest.approx(1)
    assert similarity(*same) > 0.97
    halves = [distribution(random.uniform(*ends, 20000)) for ends in ((-180, 0), (0, 180))]
    assert similarity(*halves) == 0
    assert similarity(same[0], halves[0]) == pytest.approx(0.5, abs=0.02)
