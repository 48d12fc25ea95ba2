"""Free energies from one end of an interpolation to the other, where the answer is known."""

import dataclasses

import numpy as np
import openmm
import pytest

from openmm_innff.correction import Samples, Sampling, convergence, correction, sample_stages
from openmm_innff.errors import ConfigError
from openmm_innff.mixed.interpolation import interpolation

pytest.importorskip("pymbar")

KT = 0.0083144626 * 300
STIFF, SOFT = 4000.0, 1500.0  # kJ/mol/nm^2
EXACT = 1.5 * KT * np.log(STIFF / SOFT)


def spring(constant: float) -> openmm.Force:
    force = openmm.CustomExternalForce(f"{constant / 2}*(x^2+y^2+z^2)")
    force.addParticle(0)
    return force


@pytest.fixture(scope="module")
def samples() -> Samples:
    """A particle whose spring becomes stiffer."""
    system = openmm.System()
    system.addParticle(12.0)
    system.addForce(interpolation([spring(STIFF)], [spring(SOFT)], 0))
    sampling = Sampling(
        stages=(0.0, 0.5, 1.0), friction_per_ps=40.0, outer_step_fs=4.0, inner_step_fs=4.0,
        settle_ps=0.5, length_ps=30.0, every_fs=100.0,
    )  # fmt: skip
    platform = openmm.Platform.getPlatformByName("Reference")
    return sample_stages(system, np.zeros((1, 3)), sampling, platform=platform)


def test_springs(samples: Samples) -> None:
    found = correction(samples)
    assert found.error < 0.3
    assert found.value == pytest.approx(EXACT, abs=4 * found.error)
    # The same from the soft spring's frames alone, within the errors of both.
    both = np.hypot(found.error, found.reweighted_error)
    assert found.reweighted == pytest.approx(found.value, abs=4 * both)
    assert found.reweighted_error > found.error
    np.testing.assert_allclose(found.overlap.sum(1), 1, atol=1e-6)
    assert found.independent.min() > 50


@pytest.mark.parametrize("zero", [-150.0, 1e6])
def test_the_zero_of_the_energy_is_arbitrary(samples: Samples, zero: float) -> None:
    moved = correction(dataclasses.replace(samples, learned=samples.learned + zero))
    found = correction(samples)
    assert moved.value - zero == pytest.approx(found.value, abs=1e-6)
    assert moved.error == pytest.approx(found.error, abs=1e-6)


def test_energies_of_both_ends(samples: Samples) -> None:
    ratio = samples.learned / samples.classical
    np.testing.assert_allclose(ratio, STIFF / SOFT, rtol=1e-5)
    means = samples.classical.mean(1) * np.array([1, (STIFF + SOFT) / 2 / SOFT, STIFF / SOFT])
    assert means == pytest.approx([1.5 * KT] * 3, rel=0.3)  # each stage at its own temperature


def test_convergence(samples: Samples) -> None:
    found = convergence(samples, 4)
    assert [fraction for fraction, _, _ in found] == [0.25, 0.5, 0.75, 1.0]
    assert found[-1][1] == correction(samples).value
    assert found[-1][2] < found[0][2]


def test_errors() -> None:
    for stages in ((0.0,), (0.0, 0.5), (0.5, 1.0), (0.0, 0.7, 0.3, 1.0)):
        with pytest.raises(ConfigError, match="rising values from 0 to 1"):
            Sampling(stages=stages)
    system = openmm.System()
    system.addParticle(1.0)
    system.addForce(spring(1.0))
    with pytest.raises(ConfigError, match="made with interpolate=True"):
        sample_stages(system, np.zeros((1, 3)), Sampling())
