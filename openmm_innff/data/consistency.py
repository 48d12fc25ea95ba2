"""Do energies and forces belong together? Catches gradients given as forces, and mixed units.

Between two similar frames a and b the energy changes by about -(F_a + F_b)/2 . (x_b - x_a), which
is exact if the energy is quadratic. Over the most similar pairs of a file, measured and expected
changes must agree; in five sets of liquid water and molecules their ratio was 0.68 to 1.00, with
a correlation above 0.85.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from openmm_innff.data.frames import Frame, FrameSet
from openmm_innff.errors import DataError

MAX_FRAMES: Final = 100
N_PAIRS: Final = 20
MAX_RMSD: Final = 0.5  # angstrom
MIN_CORRELATION: Final = 0.8
RATIOS: Final = (0.25, 4.0)

FloatArray = NDArray[np.float64]


def check_labels(frames: FrameSet) -> None:
    """Compare changes of the energy with the work of the forces, where frames are similar enough.

    Raises
    ------
    DataError
        If they are proportional, but by a factor far from one. Nothing is said if there are too
        few similar frames to tell.
    """
    similar = [frame for frame in frames if _comparable(frame, frames[0])][:MAX_FRAMES]
    rows = [_changes(first, similar[:i]) for i, first in enumerate(similar) if i]
    if not rows:
        return
    rmsd, expected, measured = np.concatenate(rows, axis=1)
    nearest = np.argsort(rmsd)[:N_PAIRS]
    expected, measured = expected[nearest], measured[nearest]
    size = np.sqrt(np.sum(expected**2) * np.sum(measured**2))
    if len(nearest) < N_PAIRS or rmsd[nearest[-1]] > MAX_RMSD or size == 0.0:
        return
    correlation = np.sum(expected * measured) / size
    ratio = np.sum(expected * measured) / np.sum(expected**2)
    if abs(correlation) > MIN_CORRELATION and not RATIOS[0] < ratio < RATIOS[1]:
        reason = "have the opposite sign" if ratio < 0 else "are in units that don't match"
        raise DataError(
            f"energies and forces {reason}: between similar frames the energy changes by "
            f"{ratio:.3g} times -F.dx, wanted about 1; forces must be minus the gradient, in "
            "eV/angstrom, with energies in eV (check_labels=False skips this test)"
        )


def _comparable(frame: Frame, first: Frame) -> bool:
    return (
        np.array_equal(frame.numbers, first.numbers)
        and frame.periodic == first.periodic
        and np.array_equal(frame.cell, first.cell)
    )


def _changes(first: Frame, others: list[Frame]) -> FloatArray:
    """RMSD, expected and measured change of energy from `first` to each other, shape (3, n)."""
    positions = np.stack([frame.positions for frame in others])
    forces = np.stack([frame.forces for frame in others])
    measured = np.array([frame.energy for frame in others]) - first.energy
    if first.periodic:
        fractions = (positions - first.positions) @ np.linalg.inv(first.cell)
        moved = (fractions - np.round(fractions)) @ first.cell
    else:
        start = first.positions - first.positions.mean(axis=0)
        centred = positions - positions.mean(axis=1, keepdims=True)
        rotations = _rotations(centred, start)
        moved, forces = centred @ rotations - start, forces @ rotations
    rmsd = np.sqrt(np.mean(np.sum(moved**2, axis=2), axis=1))
    expected = -0.5 * np.sum((forces + first.forces) * moved, axis=(1, 2))
    return np.stack([rmsd, expected, measured])


def _rotations(positions: FloatArray, target: FloatArray) -> FloatArray:
    """Rotations R, shape (n, 3, 3), for which positions @ R is nearest to target (Kabsch)."""
    u, _, vt = np.linalg.svd(np.swapaxes(positions, 1, 2) @ target)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return np.asarray(u @ vt)
