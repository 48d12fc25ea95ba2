"""The command `innff calibrate`: gives a model file the uncertainty of its model."""

import dataclasses
import os
from pathlib import Path

from rich.console import Console

from openmm_innff.data import FrameSet, read_frames, split_frames
from openmm_innff.errors import ConfigError
from openmm_innff.model import load_model, shipped_models
from openmm_innff.potential import Potential
from openmm_innff.potential.uncertainty import Uncertainty
from openmm_innff.training.batch import make_batches
from openmm_innff.training.log import progress_bar
from openmm_innff.training.uncertainty import calibrate_uncertainty


def calibrate_model(
    name: str,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    validation: str | os.PathLike[str] = "0.1",
    *,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Find the uncertainty of a model and write the model with it.

    Parameters
    ----------
    name : str
        Name of a shipped model, or a model file. Nothing else of it is changed.
    data : path
        Training data: those that the model was trained on.
    out : path, optional
        Model file to write; that of the model by default.
    validation : str or path
        Other frames of the same kind: a file, or a fraction of ``data``, which then is the one
        that `innff train` holds out with the same fraction and seed.
    seed : int
    progress : bool
        Whether to show how it goes.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        If it would be written over a shipped model.
    DataError
        If the frames can't be used.
    FileWriteError
        If the file can't be written.
    """
    if out is None and name in shipped_models():
        raise ConfigError("out: a shipped model is not overwritten; say where to with --out FILE")
    model = load_model(name)
    training, held_out = _read(data, validation, seed)
    console = Console(quiet=not progress)
    if model.card.data_sha256 and training.sha256 != model.card.data_sha256:
        console.print(
            "note: these are not the frames that the model was trained on (another hash in its "
            "card); its uncertainty is about what the frames given tell of it",
            soft_wrap=True,
        )
    found = uncertainty_of(model.potential, training, held_out, console, seed)
    path = dataclasses.replace(model, uncertainty=found).save(name if out is None else out)
    console.print(f"{summary(found)}\nwritten: {path}", soft_wrap=True)
    return path


def uncertainty_of(
    potential: Potential,
    training: FrameSet,
    validation: FrameSet,
    console: Console,
    seed: int = 0,
    most: int = 0,
) -> Uncertainty:
    """Calibrate with a progress bar, see `calibrate_uncertainty`."""
    sets = [make_batches(potential, frames) for frames in (training, validation)]
    with progress_bar("frames", console) as bar:
        total = min(len(training), most or len(training)) + len(validation)
        task = bar.add_task("uncertainty", total=total)
        found = calibrate_uncertainty(
            potential, *sets, seed=seed, most=most, on_frame=lambda: bar.advance(task)
        )
    return dataclasses.replace(found, origin={**found.origin, "data_sha256": training.sha256})


def summary(found: Uncertainty) -> str:
    """Say in one line what was found."""
    return (
        f"uncertainty of the force on an atom in the validation data: at most "
        f"{1000 * found.largest:.1f} meV/A"
    )


def _read(
    data: str | os.PathLike[str], validation: str | os.PathLike[str], seed: int
) -> tuple[FrameSet, FrameSet]:
    frames = read_frames(data)
    try:
        fraction = float(validation)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return frames, read_frames(validation)
    return split_frames(frames, fraction, seed)
