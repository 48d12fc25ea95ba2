"""The folder of a run: one run each, one process at a time, nothing overwritten."""

import contextlib
import dataclasses
import fcntl
import shlex
from collections.abc import Iterator
from pathlib import Path

from openmm_innff.errors import ConfigError, SimulationError
from openmm_innff.files import make_folder
from openmm_innff.recipe import RunConfig, load_recipe, write_recipe
from openmm_innff.simulation.checkpoint import Checkpoint, load_checkpoint

RECIPE = "recipe.toml"
_LOCK = ".lock"
_MAY_CHANGE = {
    *("title", "length_ps", "speed_test_s", "compare_torsions_ps"),
    *("rdf_pairs", "rdf_reference", "threads"),
    *("uncertainty_every_fs", "uncertainty_limit_eV_per_angstrom", "uncertainty_stop"),
}
"""Entries of a recipe that don't change what was run so far."""


def resume_command(folder: Path, *more: str) -> str:
    """Tell what to type to go on with a run.

    Parameters
    ----------
    folder
        Of the run.
    *more
        Further options.
    """
    parts = ["innff", "run", str(folder / RECIPE), "--out", str(folder), "--resume", *more]
    return shlex.join(parts)


def open_folder(
    folder: Path, config: RunConfig, resume: bool
) -> tuple[RunConfig, Checkpoint | None]:
    """Make the folder of a new run, or find the checkpoint of one to go on with.

    Parameters
    ----------
    folder
        Of the run; made if missing.
    config
        What shall be run. Its recipe is written into the folder.
    resume
        Whether a run that is there shall be gone on with.

    Returns
    -------
    RunConfig
        The recipe; on resuming with the same number of threads as before, if it gives none.
    Checkpoint or None
        None if the run starts.

    Raises
    ------
    SimulationError
        If the folder holds something that would be overwritten.
    ConfigError
        If the run there is another one.
    FileWriteError
        If the folder can't be written to.
    """
    make_folder(folder)
    there = folder / RECIPE
    checkpoint = load_checkpoint(folder)
    if not there.is_file() and any(item.name != _LOCK for item in folder.iterdir()):
        raise SimulationError(
            f"'{folder}' is not empty, and holds no run; choose another folder with --out"
        )
    if checkpoint is not None:
        if not resume:
            raise SimulationError(
                f"'{folder}' holds a run already. To go on with it: {resume_command(folder)} . "
                "To start another: choose another folder with --out"
            )
        before = load_recipe(there)
        _check_same(before, config, folder)
        config = dataclasses.replace(config, threads=config.threads or before.threads)
    write_recipe(config, there)
    return config, checkpoint


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder.

    Parameters
    ----------
    folder
        Of the run; made if missing.

    Raises
    ------
    SimulationError
        If another process is at work there.
    """
    make_folder(folder)
    try:
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise SimulationError(f"can't write to the folder '{folder}': {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SimulationError(
                f"another process is running in '{folder}'; wait for it, or stop it"
            ) from error
        yield


def _check_same(there: RunConfig, wanted: RunConfig, folder: Path) -> None:
    old, new = dataclasses.asdict(there), dataclasses.asdict(wanted)
    changed = [key for key in old if old[key] != new[key] and key not in _MAY_CHANGE]
    if changed:
        listed = ", ".join(f"{key} = {old[key]} (now {new[key]})" for key in changed)
        raise ConfigError(
            f"'{folder}' holds another run: {listed}; choose another folder with --out, or go on "
            f"with that run: {resume_command(folder)}"
        )
