import numpy as np
import pytest

from openmm_innff.sampling.conformers import conformers, scan
from openmm_innff.sampling.structure import load_molecule

pytest.importorskip("rdkit")


def dihedral(positions, torsion):
    a, b, c, d = (positions[i] for i in torsion)
    axis = (c - b) / np.linalg.norm(c - b)
    v, w = ((x - (x @ axis) * axis) for x in (a - b, d - c))
    return np.degrees(np.arctan2(np.cross(axis, v) @ w, v @ w))


def carbon_torsion(molecule):
    return next(t for t in molecule.torsions if all(molecule.numbers[i] == 6 for i in t))


def test_butane_has_three_conformers():
    molecule = load_molecule("CCCC")
    found = conformers(molecule, 10)
    assert np.array_equal(found[0], molecule.positions)
    angles = [dihedral(p, carbon_torsion(molecule)) for p in found[1:]]
    distinct = {round(abs(angle) / 60) for angle in angles}
    assert distinct <= {1, 3}
    assert any(abs(angle) < 90 for angle in angles)
    assert len(found) <= 4


def test_benzene_has_one():
    assert len(conformers(load_molecule("c1ccccc1"), 10)) <= 2


def test_as_many_as_wanted_and_the_same_again():
    molecule = load_molecule("CCCCCO")
    first, again = (conformers(molecule, 5, seed=3) for _ in range(2))
    assert len(first) == 5
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("smiles", ["CCCC", "C[Si](C)(C)CCCCB"])  # MMFF94, UFF
def test_scans_hold_their_angle(smiles):
    molecule = load_molecule(smiles)
    torsion = molecule.torsions[-1]
    angles = [-150.0, -60.0, 0.0, 75.0]
    for angle, positions in zip(angles, scan(molecule, torsion, angles), strict=True):
        assert molecule.intact(positions)
        error = (dihedral(positions, torsion) - angle + 180) % 360 - 180
        assert abs(error) < 3.0
