r"""Means with honest errors, and how two of them differ.

Samples along a run are correlated, so the error of their mean is

.. math:: \sigma_{\bar x}^2 = \frac{2\tau}{N} \mathrm{var}(x)

with the integrated autocorrelation time tau (1/2 for independent samples). The sum over the
autocorrelation function ends at the first lag beyond 5 tau (Madras and Sokal 1988,
doi:10.1007/BF01022990), where noise would begin to outweigh signal; the remaining bias of short
series is corrected to first order (Wolff 2004, doi:10.1016/S0010-4655(03)00467-3).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import DataError

Array = NDArray[np.float64]

_WINDOW = 5.0
"""Lags summed, in autocorrelation times."""


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error.

    Parameters
    ----------
    value, error
        In the unit of the samples.
    """

    value: float
    error: float

    def over(self, other: "Mean") -> "Mean":
        """Ratio to an independent mean, with its error to first order."""
        value = self.value / other.value
        relative = math.hypot(self.error / self.value, other.error / other.value)
        return Mean(value, abs(value) * relative)


@dataclass(frozen=True)
class Difference:
    """How a mean differs from another.

    Parameters
    ----------
    value, error
        Difference, and its standard error.
    sigma
        Difference in errors.
    percent, percent_error
        Both in per cent of the reference.
    """

    value: float
    error: float
    sigma: float
    percent: float
    percent_error: float


def autocorrelation_time(samples: Array) -> float:
    """Integrated autocorrelation time, in samples; 1/2 if they are independent.

    Parameters
    ----------
    samples
        Shape (n,), n >= 2.
    """
    x = samples - samples.mean()
    n = len(x)
    power = np.abs(np.fft.rfft(x, 2 * n)) ** 2
    covariance = np.fft.irfft(power)[:n] / np.arange(n, 0, -1)
    if covariance[0] <= 0:
        return 0.5
    # The mean of the sample is subtracted, not the true one: each value is too low by about the
    # variance of the mean, which one correction puts right.
    tau = 0.5
    for _ in range(2):
        rho = (covariance + 2 * tau * covariance[0] / n) / (covariance[0] * (1 + 2 * tau / n))
        sums = 0.5 + np.cumsum(rho[1:]) if n > 1 else np.array([0.5])
        window = np.arange(1, n) >= _WINDOW * sums
        end = int(np.argmax(window)) if window.any() else len(sums) - 1
        tau = float(max(sums[end], 0.5))
        tau = min(tau, n / 2)
    return tau


def mean_with_error(samples: Array) -> Mean:
    """Mean of correlated samples and its standard error.

    Parameters
    ----------
    samples
        Shape (n,), evenly spaced in time.

    Raises
    ------
    DataError
        If there are fewer than two samples, or one is not a finite number.
    """
    x = np.asarray(samples, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise DataError(f"samples: wanted one row of at least 2, found shape {x.shape}")
    if not np.isfinite(x).all():
        raise DataError("samples: wanted finite numbers, found others")
    tau = autocorrelation_time(x)
    return Mean(float(x.mean()), float(x.std(ddof=1) * math.sqrt(2 * tau / len(x))))


def ratio_with_error(numerator: Array, denominator: Array) -> Mean:
    """Ratio of the means of two series of one run, correlations of both included.

    Parameters
    ----------
    numerator, denominator
        Shape (n,), sampled together.
    """
    bottom = float(np.mean(denominator))
    value = float(np.mean(numerator)) / bottom
    # To first order the ratio's deviation is the mean of this residual.
    residual = mean_with_error((numerator - value * denominator) / bottom)
    return Mean(value, residual.error)


def difference(found: Mean, reference: Mean) -> Difference:
    """Compare two independent means.

    Parameters
    ----------
    found, reference
        In the same unit; an exact reference has the error 0.
    """
    value = found.value - reference.value
    error = math.hypot(found.error, reference.error)
    sigma = value / error if error > 0 else math.copysign(math.inf, value) if value else 0.0
    scale = 100 / abs(reference.value) if reference.value else math.inf
    return Difference(value, error, sigma, value * scale, error * scale)
