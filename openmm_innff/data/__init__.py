"""Reference data: frames, extended XYZ files, splits and composition baselines."""

from openmm_innff.data.baseline import Baseline, fit_baseline
from openmm_innff.data.extxyz import read_frames
from openmm_innff.data.frames import Frame, FrameSet
from openmm_innff.data.split import split_frames

__all__ = ["Baseline", "Frame", "FrameSet", "fit_baseline", "read_frames", "split_frames"]
