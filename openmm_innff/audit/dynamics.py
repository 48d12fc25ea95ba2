r"""Dynamic observables of a recorded run: vibrations and diffusion, each with its error.

A thermostat and long steps may change dynamics without harm to averages, so these are judged
apart from the static observables.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmm_innff.statistics import Mean, mean_with_error, ratio_with_error

Array = NDArray[np.float64]

BANDS_PER_CM = {
    "translation": (0.0, 350.0),
    "libration": (350.0, 1100.0),
    "bending": (1100.0, 2000.0),
    "stretching": (2000.0, 4200.0),
}
"""Bands of wavenumbers of a molecular liquid, 1/cm."""

_SEGMENT_FS = 1000.0
_PER_FS_TO_PER_CM = 1e15 / 2.99792458e10
_A2_PER_PS_TO_1E5_CM2_PER_S = 10.0
_FIRST_LAG_PS, _LAST_LAG_PS = 1.0, 5.0
_WINDOWS = 10
"""Successive windows of the last lag in a run at least: fewer would give no honest error."""


@dataclass(frozen=True)
class Band:
    """A band of the spectrum of velocities.

    Parameters
    ----------
    share
        Part of the whole intensity below the limit of the sampling.
    centre
        Mean wavenumber, 1/cm.
    """

    share: Mean
    centre: Mean


def velocity_spectrum(
    velocities: NDArray[np.float32], masses: Array, step_fs: float
) -> tuple[Array, Array]:
    """Mass-weighted power spectrum of velocities, the transform of their autocorrelation.

    Parameters
    ----------
    velocities
        Shape (n, n_atoms, 3), angstrom/fs.
    masses
        Shape (n_atoms,), amu.
    step_fs
        Time between two rows.

    Returns
    -------
    wavenumbers : ndarray, shape (n_bins,)
        1/cm.
    power : ndarray, shape (n_segments, n_bins)
        One spectrum for each successive ps, in arbitrary units.
    """
    size = max(8, min(round(_SEGMENT_FS / step_fs), len(velocities) // 2))
    window = np.hanning(size)[:, None]
    weights = np.repeat(np.sqrt(masses), 3)
    spectra = []
    for start in range(0, len(velocities) - size + 1, size):
        part = velocities[start : start + size].reshape(size, -1) * weights
        spectra.append((np.abs(np.fft.rfft(part * window, axis=0)) ** 2).sum(axis=1))
    wavenumbers = np.fft.rfftfreq(size, step_fs).astype(np.float64) * _PER_FS_TO_PER_CM
    return wavenumbers, np.array(spectra, dtype=np.float64)


def bands(velocities: NDArray[np.float32], masses: Array, step_fs: float) -> dict[str, Band]:
    """Share and centre of each band that the sampling resolves.

    Frequencies above half the sampling's come back as lower ones; two runs compare if they were
    sampled alike.

    Parameters
    ----------
    velocities, masses, step_fs
        As for `velocity_spectrum`.
    """
    wavenumbers, power = velocity_spectrum(velocities, masses, step_fs)
    if len(power) < 2:
        return {}
    found = {}
    for name, (low, high) in BANDS_PER_CM.items():
        inside = (wavenumbers >= low) & (wavenumbers < high)
        if high > wavenumbers[-1] * 1.001 or not inside.any():
            continue
        intensity = power[:, inside].sum(axis=1)
        found[name] = Band(
            ratio_with_error(intensity, power.sum(axis=1)),
            ratio_with_error(power[:, inside] @ wavenumbers[inside], intensity),
        )
    return found


def centres(positions: Array, masses: Array, molecules: list[NDArray[np.int64]]) -> Array:
    """Centres of mass of molecules, shape (n_samples, n_molecules, 3), angstrom.

    Parameters
    ----------
    positions
        Shape (n_samples, n_atoms, 3), unwrapped, angstrom.
    masses
        Shape (n_atoms,), amu.
    molecules
        Atoms of each.
    """
    return np.stack(
        [np.average(positions[:, atoms], axis=1, weights=masses[atoms]) for atoms in molecules],
        axis=1,
    )


def diffusion(paths: Array, step_ps: float) -> Mean | None:
    r"""Diffusion coefficient from mean square displacements, 1e-5 cm^2/s.

    The slope between two lags (1 and 5 ps; in short runs a fiftieth and a tenth of the run),
    :math:`6 D = [\mathrm{MSD}(t_2) - \mathrm{MSD}(t_1)] / (t_2 - t_1)`, over all time origins.
    It is that of the box: the correction for its size (Yeh and Hummer 2004,
    doi:10.1021/jp0477147) cancels where two runs of one box are compared.

    Parameters
    ----------
    paths
        Shape (n_samples, n_molecules, 3), unwrapped, angstrom.
    step_ps
        Time between two samples.

    Returns
    -------
    Mean or None
        None if the run is too short.
    """
    n = len(paths)
    last = min(round(_LAST_LAG_PS / step_ps), n // _WINDOWS)
    first = max(1, round(last * _FIRST_LAG_PS / _LAST_LAG_PS))
    if last <= first or n - last < 2:
        return None
    origins = n - last
    far, near = (
        np.square(paths[lag : lag + origins] - paths[:origins]).sum(axis=-1).mean(axis=-1)
        for lag in (last, first)
    )
    found = mean_with_error((far - near) / (6 * (last - first) * step_ps))
    factor = _A2_PER_PS_TO_1E5_CM2_PER_S
    return Mean(found.value * factor, found.error * factor)
