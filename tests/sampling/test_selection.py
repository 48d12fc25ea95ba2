import numpy as np
import pytest

from openmm_innff.sampling.selection import farthest, fingerprints, without_doubles


def pairs(*lengths):
    return [np.array([[0.0, 0, 0], [0, 0, length]]) for length in lengths]


def test_fingerprints_do_not_move_or_turn():
    random = np.random.default_rng(0)
    positions = random.uniform(0, 5, (6, 3))
    rotation, _ = np.linalg.qr(random.standard_normal((3, 3)))
    first, second = fingerprints([positions, positions @ rotation.T + 7.0])
    np.testing.assert_allclose(first, second, atol=1e-12)
    assert np.linalg.norm(first - fingerprints([1.01 * positions])[0]) > 1e-4


def test_doubles_are_left_out():
    structures = pairs(1.0, 1.0005, 2.0, 1.0, 3.0)
    assert without_doubles(structures) == [0, 2, 4]
    assert without_doubles(structures, known=pairs(2.0)) == [0, 4]
    assert without_doubles([]) == []


def test_each_next_one_is_the_farthest():
    structures = [np.array([[0.0, 0, 0], [0, 0, 1 / x]]) for x in (0.1, 0.2, 1.0, 0.55, 0.9)]
    assert farthest(structures, 3) == [0, 2, 3]
    assert farthest(structures, 2, known=[structures[0]]) == [2, 3]
    assert farthest(structures, 99) != []
    assert sorted(farthest(structures, 99)) == [0, 1, 2, 3, 4]
    assert farthest([], 3) == []


def test_weights_count():
    structures = [np.array([[0.0, 0, 0], [0, 0, 1 / x]]) for x in (0.1, 0.5, 1.0)]
    weights = np.array([1.0, 10.0, 1.0])
    assert farthest(structures, 1, known=[structures[0]], weights=weights) == [1]


@pytest.mark.parametrize("count", [1, 2])
def test_no_structure_is_chosen_twice(count):
    same = pairs(1.0, 1.0, 1.0)
    assert len(set(farthest(same, count))) == count
