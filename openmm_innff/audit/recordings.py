"""Runs that the tests of one audit share, kept in memory and, segment by segment, on disk."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from openmm_innff.audit.recording import Plan, Recording, Run, Segment
from openmm_innff.audit.sampling import Record
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import Subject
from openmm_innff.errors import ConfigError
from openmm_innff.files import atomic_write, make_folder

_PREFIX = "record_"


class Recordings:
    """Runs of one subject.

    Parameters
    ----------
    folder
        Where finished segments are kept, so that a stopped audit goes on from the last; None:
        nowhere. Made when there is something to keep.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._found: dict[Any, Any] = {}

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what was made for a key, or make it."""
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]

    def find(
        self, subject: Subject, structure: Structure, plan: Plan, tick: Callable[[], None]
    ) -> Recording:
        """Return the run of a structure, which is made at the first call.

        Parameters
        ----------
        subject, structure, plan, tick
            See `recording.Run`.
        """
        key = (structure.name, plan)
        recording: Recording = self.once(key, lambda: self._make(subject, structure, plan, tick))
        return recording

    def _make(
        self, subject: Subject, structure: Structure, plan: Plan, tick: Callable[[], None]
    ) -> Recording:
        run = Run(subject, structure, plan, tick)
        name = re.sub(r"[^\w.-]+", "_", structure.name)
        segments = [self._kept(f"{name}-0", run.rest)]
        for number, length in enumerate(run.lengths(), start=1):
            last = segments[-1]
            if last.failure:
                break
            segments.append(
                self._kept(
                    f"{name}-{number}",
                    lambda n=number, s=last, ps=length: run.record(n, s, ps),  # type: ignore[misc]
                )
            )
        return run.whole(segments)

    def _kept(self, name: str, make: Callable[[], Segment]) -> Segment:
        try:
            return _segment(self.keep(name, lambda: _arrays(make())))
        except KeyError as error:
            raise ConfigError(f"{name}: wanted a part of a run, found none: {error}") from error

    def keep(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return arrays that are on disk under a name, or make and write them.

        Raises
        ------
        ConfigError
            If the file holds something else.
        """
        if self._folder is None:
            return make()
        file = self._folder / f"{name}.npz"
        if not file.is_file():
            arrays = make()
            make_folder(self._folder)
            with atomic_write(file, "wb") as stream:
                np.savez(stream, **arrays)
            return arrays
        try:
            with np.load(file) as kept:
                return {key: kept[key] for key in kept.files}
        except (ValueError, OSError) as error:
            raise ConfigError(f"{file}: wanted a part of a run, found none: {error}") from error


def _arrays(segment: Segment) -> dict[str, Any]:
    arrays = {
        name: np.asarray(getattr(segment, name))
        for name in ("positions", "velocities", "survived_ps", "failure")
    }
    if segment.record is not None:
        for field in fields(Record):
            arrays[_PREFIX + field.name] = np.asarray(getattr(segment.record, field.name))
    return arrays


def _segment(arrays: dict[str, Any]) -> Segment:
    record = None
    if _PREFIX + "positions" in arrays:
        seen = {field.name: arrays[_PREFIX + field.name] for field in fields(Record)}
        seen |= {name: float(seen[name]) for name in ("sample_fs", "velocity_fs")}
        record = Record(**seen)
    return Segment(
        record,
        arrays["positions"],
        arrays["velocities"],
        float(arrays["survived_ps"]),
        str(arrays["failure"]),
    )
