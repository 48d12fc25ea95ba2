"""Errors of means against series whose errors are known."""

import numpy as np
import pytest

from openmm_innff.errors import DataError
from openmm_innff.statistics import (
    Mean,
    autocorrelation_time,
    difference,
    mean_with_error,
    ratio_with_error,
)


def ar1(phi: float, n: int, seed: int) -> np.ndarray:
    """Series x' = phi x + noise of unit variance, whose tau is (1 + phi) / (1 - phi) / 2."""
    random = np.random.default_rng(seed)
    x = np.empty(n)
    x[0] = random.normal()
    noise = random.normal(size=n) * np.sqrt(1 - phi**2)
    for i in range(1, n):
        x[i] = phi * x[i - 1] + noise[i]
    return x


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_a_known_process(phi: float) -> None:
    exact = (1 + phi) / (1 - phi) / 2
    found = np.mean([autocorrelation_time(ar1(phi, 4000, seed)) for seed in range(20)])
    assert found == pytest.approx(exact, rel=0.08)


def test_error_bars_cover_the_true_mean() -> None:
    phi, n, runs = 0.8, 1000, 200
    means = [mean_with_error(ar1(phi, n, seed)) for seed in range(runs)]
    exact = np.sqrt((1 + phi) / (1 - phi) / n)
    assert np.mean([m.error for m in means]) == pytest.approx(exact, rel=0.08)
    covered = np.mean([abs(m.value) < m.error for m in means])
    assert 0.58 < covered < 0.78  # 0.68 of a normal distribution


def test_a_constant_has_no_error() -> None:
    assert mean_with_error(np.full(10, 3.0)) == Mean(3.0, 0.0)


def test_ratio_knows_that_its_parts_are_correlated() -> None:
    bottom = 2.0 + 0.1 * ar1(0.5, 1000, 1)
    found = ratio_with_error(3.0 * bottom, bottom)
    assert found.value == pytest.approx(3.0)
    assert found.error == pytest.approx(0.0, abs=1e-12)


def test_difference_in_sigma_and_per_cent() -> None:
    found = difference(Mean(103.0, 3.0), Mean(100.0, 4.0))
    assert (found.value, found.error) == (3.0, 5.0)
    assert found.sigma == pytest.approx(0.6)
    assert (found.percent, found.percent_error) == pytest.approx((3.0, 5.0))


@pytest.mark.parametrize(
    ("samples", "message"),
    [(np.array([1.0]), "at least 2, found shape"), (np.array([1.0, np.nan]), "finite")],
)
def test_impossible_samples(samples: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        mean_with_error(samples)
