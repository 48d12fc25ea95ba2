"""Checkpoints: OpenMM's binary state and a JSON file that says what belongs to it.

The JSON file is the one that counts. It names its binary file, which is written first and never
overwritten, so that whenever the program is killed, one whole checkpoint can be read.
"""

import contextlib
import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import openmm

from openmm_innff.errors import SimulationError
from openmm_innff.files import atomic_write
from openmm_innff.simulation.outputs import Sizes

CHECKPOINT = "checkpoint.json"
_FORMAT = 1


@dataclass(frozen=True)
class Place:
    """How far a run is.

    Parameters
    ----------
    stage
        Index of the stage, from 0.
    block
        Blocks of that stage that are done.
    """

    stage: int
    block: int


@dataclass(frozen=True)
class Checkpoint:
    """A run that can be gone on with.

    Parameters
    ----------
    place
        How far the run is.
    sizes
        What of the output files belongs to it.
    state
        OpenMM's binary checkpoint.
    platform, openmm_version
        Where it was made, and the only place where it can be read.
    fingerprint
        Of the forces it was made with.
    """

    place: Place
    sizes: Sizes
    state: bytes
    platform: str
    openmm_version: str
    fingerprint: str


def save_checkpoint(
    folder: Path, context: openmm.Context, place: Place, sizes: Sizes, fingerprint: str = ""
) -> Checkpoint:
    """Write a checkpoint, then remove the one before.

    Parameters
    ----------
    folder
        Of the run.
    context
        Its present state.
    place, sizes
        How far it is, and what of the output files belongs to it.
    fingerprint
        Of the forces.

    Raises
    ------
    FileWriteError
        If it can't be written; the checkpoint before is then still whole.
    """
    checkpoint = Checkpoint(
        place,
        sizes,
        context.createCheckpoint(),
        context.getPlatform().getName(),
        openmm.Platform.getOpenMMVersion(),
        fingerprint,
    )
    name = f"checkpoint-{place.stage}-{place.block}.chk"
    with atomic_write(folder / name, "wb") as file:
        file.write(checkpoint.state)
    entries = {
        "format": _FORMAT,
        "state": name,
        "state_sha256": hashlib.sha256(checkpoint.state).hexdigest(),
        "place": dataclasses.asdict(place),
        "sizes": dataclasses.asdict(sizes),
        "platform": checkpoint.platform,
        "openmm_version": checkpoint.openmm_version,
        "fingerprint": fingerprint,
    }
    with atomic_write(folder / CHECKPOINT) as text:
        json.dump(entries, text, indent=2)
    for old in folder.glob("checkpoint-*.chk"):
        if old.name != name:
            with contextlib.suppress(OSError):
                old.unlink()
    return checkpoint


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the checkpoint of a folder.

    Parameters
    ----------
    folder
        Of the run.

    Returns
    -------
    Checkpoint or None
        None if there is none.

    Raises
    ------
    SimulationError
        If it is damaged, or of a newer version of this package.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if entries["format"] > _FORMAT:
            raise SimulationError(
                f"'{path}' was written by a newer version: wanted format {_FORMAT}, "
                f"found {entries['format']}"
            )
        state = (folder / entries["state"]).read_bytes()
        if hashlib.sha256(state).hexdigest() != entries["state_sha256"]:
            raise ValueError(f"{entries['state']} is not the file that was written")
        return Checkpoint(
            Place(**entries["place"]),
            Sizes(**entries["sizes"]),
            state,
            entries["platform"],
            entries["openmm_version"],
            entries["fingerprint"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, SimulationError):
            raise
        raise SimulationError(f"can't read the checkpoint '{path}': {error}") from error


def check_readable_here(
    checkpoint: Checkpoint, context: openmm.Context, fingerprint: str = ""
) -> None:
    """Refuse a checkpoint of another platform or version of OpenMM, or of other forces.

    Parameters
    ----------
    checkpoint
        What was read.
    context
        Where the run shall go on.
    fingerprint
        Of its forces.

    Raises
    ------
    SimulationError
        Naming both platforms and versions.
    """
    if checkpoint.fingerprint != fingerprint:
        raise SimulationError(
            "the model is not the one that the run was started with; go on with that model, or "
            "start another run in another folder"
        )
    here = (context.getPlatform().getName(), openmm.Platform.getOpenMMVersion())
    there = (checkpoint.platform, checkpoint.openmm_version)
    if here != there:
        raise SimulationError(
            f"the checkpoint was written on platform {there[0]} by OpenMM {there[1]} and can only "
            f"go on there, found platform {here[0]} and OpenMM {here[1]}"
        )
