"""Dynamics and normal modes against what statistical mechanics says of springs."""

import numpy as np
import pytest

from openmm_innff.sampling import dynamics, modes
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.units import AMU_A2_PER_FS2_TO_EV, KB_EV_PER_K

STIFFNESS, LENGTH = 30.0, 1.2  # eV/angstrom^2, angstrom


@pytest.fixture
def pair():
    """Two nitrogens and a spring."""
    positions = np.array([[0.0, 0, 0], [LENGTH, 0, 0]])
    return Molecule("pair", np.array([7, 7]), ((0, 1),), 0, 0, positions)


def spring(positions):
    vector = positions[1] - positions[0]
    distance = np.linalg.norm(vector)
    pull = STIFFNESS * (distance - LENGTH) * vector / distance
    return 0.5 * STIFFNESS * (distance - LENGTH) ** 2, np.array([pull, -pull])


def lengths(frames):
    return np.array([np.linalg.norm(p[1] - p[0]) for p in frames])


def test_the_frequency_of_a_spring(pair):
    second = modes.hessian(pair.positions, spring)
    frequencies, _ = modes.modes(pair, second)
    reduced = 0.5 * 14.007 * AMU_A2_PER_FS2_TO_EV
    assert frequencies[-1] == pytest.approx(np.sqrt(STIFFNESS / reduced), rel=1e-4)
    assert np.abs(frequencies[:-1]).max() < 3e-3


def test_minima_are_found(pair):
    stretched = pair.positions * 1.3
    found = modes.minimize(stretched, spring)
    assert lengths([found])[0] == pytest.approx(LENGTH, abs=1e-3)


def test_draws_have_the_spread_of_heat():
    corners = LENGTH * np.array([[0.0, 0, 0], [1, 0, 0], [0.5, np.sqrt(0.75), 0]])
    three = Molecule("three", np.array([7, 7, 7]), ((0, 1), (1, 2), (0, 2)), 0, 0, corners)
    hessian = modes.hessian(corners, triangle)
    frames = modes.draw(three, corners, hessian, 300.0, 4000, np.random.default_rng(0))
    assert len(frames) == 4000
    energies = [0.5 * d @ hessian @ d for d in ((f - corners).ravel() for f in frames)]
    # Three vibrations, each with kT/2.
    expected = 1.5 * KB_EV_PER_K * 300.0
    assert np.mean(energies) == pytest.approx(expected, rel=0.06)


def triangle(positions):
    """Springs between all pairs of three atoms."""
    forces, total = np.zeros_like(positions), 0.0
    for i, j in ((0, 1), (1, 2), (0, 2)):
        energy, pulls = spring(positions[[i, j]])
        total += energy
        forces[[i, j]] += pulls
    return total, forces


def test_dynamics_have_temperature_and_spread(pair):
    run = dynamics.run(
        pair, pair.positions, spring, 300.0,
        frames=1500, interval_fs=40.0, settle_fs=500.0, seed=1,
    )  # fmt: skip
    assert run.broken == ""
    assert run.fs == pytest.approx(1499 * 40.0 + 500.0)
    assert np.mean(run.temperatures) == pytest.approx(300.0, rel=0.06)
    # The mean of (r - r0)^2 of a spring, with a little more from r^2 of the volume.
    spread = np.mean((lengths(run.frames) - LENGTH) ** 2)
    assert spread == pytest.approx(KB_EV_PER_K * 300.0 / STIFFNESS, rel=0.12)


def test_dynamics_repeat_with_the_seed(pair):
    options = {"frames": 3, "interval_fs": 5.0, "settle_fs": 5.0}
    first, again, other = (
        dynamics.run(pair, pair.positions, spring, 300.0, seed=seed, **options).frames
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_dynamics_stop_where_bonds_break_and_where_it_is_asked_to(pair):
    def push(positions):
        vector = positions[1] - positions[0]
        return 0.0, np.array([-5.0 * vector, 5.0 * vector])

    options = {"frames": 50, "interval_fs": 5.0, "settle_fs": 5.0, "seed": 0}
    run = dynamics.run(pair, pair.positions, push, 300.0, **options)
    assert "N0 and N1 are no longer bonded" in run.broken
    assert all(pair.intact(frame) for frame in run.frames)
    run = dynamics.run(
        pair, pair.positions, lambda p: (0.0, np.full((2, 3), np.nan)), 300.0, **options
    )
    assert "forces above" in run.broken
    run = dynamics.run(pair, pair.positions, spring, 300.0, watch=lambda p: True, **options)
    assert (len(run.frames), run.broken) == (1, "")
