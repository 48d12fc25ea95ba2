"""Splitting frames into a training and a validation part."""

import numpy as np

from openmm_innff.data.frames import FrameSet
from openmm_innff.errors import DataError


def split_frames(
    frames: FrameSet, validation: float | int = 0.1, seed: int = 0
) -> tuple[FrameSet, FrameSet]:
    """Draw validation frames at random; both parts keep the order of `frames`.

    Parameters
    ----------
    frames
        At least two frames.
    validation
        A fraction between 0 and 1 (float), or a number of frames (int).
    seed
        Seed of the draw.

    Returns
    -------
    tuple of FrameSet
        Training and validation frames; neither is empty.

    Raises
    ------
    DataError
        If either part would be empty.
    """
    total = len(frames)
    is_fraction = isinstance(validation, float)
    if is_fraction and not 0.0 < validation < 1.0:
        raise DataError(
            "validation must be a fraction between 0 and 1 or a whole number of frames, "
            f"found {validation!r}"
        )
    count = max(1, round(validation * total)) if is_fraction else int(validation)
    if not 0 < count < total:
        raise DataError(
            f"validation must leave at least one frame for each part of {total} frames, "
            f"found {validation!r} = {count} frames"
        )
    chosen = np.random.default_rng(seed).permutation(total)[:count]
    is_validation = np.isin(np.arange(total), chosen)
    return frames.select(np.flatnonzero(~is_validation)), frames.select(
        np.flatnonzero(is_validation)
    )
