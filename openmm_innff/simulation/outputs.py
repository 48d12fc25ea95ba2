"""Trajectory and table of a run: appended to as it goes, cut back to a checkpoint on resuming."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from openmm import app

from openmm_innff.errors import SimulationError
from openmm_innff.files import FileWriteError, atomic_write

TRAJECTORY = "trajectory.dcd"
TABLE = "thermo.csv"

_DCD_FRAMES, _DCD_LAST_STEP = 8, 20
"""Offsets in the header of a DCD file, bytes."""


@dataclass(frozen=True)
class Sample:
    """State of a run at one time: a row of the table.

    Parameters
    ----------
    stage
        Such as "equilibration".
    time_ps
        Since the stage began.
    potential_eV, kinetic_eV
        Energies of the box.
    temperature_K
        From the kinetic energy and the number of degrees of freedom.
    density_g_per_cm3
        Mass over volume; NaN without a periodic box.
    ns_per_day
        Speed since the row before.
    """

    stage: str
    time_ps: float
    potential_eV: float
    kinetic_eV: float
    temperature_K: float
    density_g_per_cm3: float
    ns_per_day: float

    def row(self) -> list[str]:
        """Cells of the table's row."""
        return [
            self.stage,
            f"{self.time_ps:.4f}",
            f"{self.potential_eV:.6f}",
            f"{self.kinetic_eV:.6f}",
            f"{self.temperature_K:.3f}",
            f"{self.density_g_per_cm3:.5f}",
            f"{self.ns_per_day:.4g}",
        ]


COLUMNS = tuple(Sample.__dataclass_fields__)


@dataclass(frozen=True)
class Sizes:
    """How much of the files belongs to a checkpoint.

    Parameters
    ----------
    frames
        Frames of the trajectory.
    trajectory_bytes, table_bytes
        Sizes of the files.
    """

    frames: int
    trajectory_bytes: int
    table_bytes: int


class Outputs:
    """The two files that grow while a run goes on.

    Parameters
    ----------
    folder
        Where they are.
    topology
        Of the atoms in the trajectory.
    frame_interval_ps
        Time between frames.
    keep
        What of existing files stays; None starts new ones.

    Raises
    ------
    SimulationError
        If an existing file is shorter than what should stay.
    FileWriteError
        If the folder can't be written to.
    """

    def __init__(
        self,
        folder: Path,
        topology: app.Topology,
        frame_interval_ps: float,
        keep: Sizes | None = None,
    ) -> None:
        self._folder = folder
        self._files = contextlib.ExitStack()
        self._frames = keep.frames if keep else 0
        try:
            with _explained(folder):
                self._open(topology, frame_interval_ps, keep)
        except BaseException:
            self.close()
            raise

    def write_row(self, sample: Sample) -> None:
        """Append a row to the table."""
        with _explained(self._folder):
            self._write_row(sample.row())

    def write_frame(self, positions: NDArray[np.float64], box: Any) -> None:
        """Append a frame to the trajectory.

        Parameters
        ----------
        positions
            Shape (n_atoms, 3), nm.
        box
            Periodic box vectors as OpenMM gives them.
        """
        with _explained(self._folder):
            self._dcd.writeModel(positions, periodicBoxVectors=box)
        self._frames += 1

    def sync(self) -> Sizes:
        """Bring everything written so far to the disk, and say how much it is."""
        with _explained(self._folder):
            for file in (self._trajectory, self._table):
                file.flush()
                os.fsync(file.fileno())
        return Sizes(self._frames, _size(self._trajectory), _size(self._table))

    def close(self) -> None:
        """Close both files; errors were raised when writing."""
        with contextlib.suppress(OSError):
            self._files.close()

    def _open(self, topology: app.Topology, frame_interval_ps: float, keep: Sizes | None) -> None:
        mode = "w+b" if keep is None else "r+b"
        keep_open = self._files.enter_context
        self._trajectory: IO[bytes] = keep_open((self._folder / TRAJECTORY).open(mode))
        self._table: IO[bytes] = keep_open((self._folder / TABLE).open(mode))
        if keep is None:
            self._write_row(COLUMNS)
        else:
            _cut(self._trajectory, keep.trajectory_bytes)
            _cut(self._table, keep.table_bytes)
            _set_dcd_frames(self._trajectory, keep.frames)
        append = keep is not None
        self._dcd = app.DCDFile(self._trajectory, topology, frame_interval_ps, append=append)

    def _write_row(self, cells: Any) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        self._table.write(line.getvalue().encode())
        self._table.flush()  # so that a look into the file shows how far the run is


def append_line(path: Path, cells: Sequence[str]) -> None:
    """Append a row to a table that may be looked into at any time.

    Raises
    ------
    FileWriteError
        If it can't be written.
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    with _explained(path.parent), path.open("a", encoding="utf-8", newline="") as file:
        file.write(line.getvalue())


def cut_table(
    path: Path, head: Sequence[str], stages: Sequence[str], stage: str, time_ps: float
) -> None:
    """Start a table whose first columns are stage and time, or keep its rows up to a place.

    Parameters
    ----------
    path
        Of the table.
    head
        Names of its columns.
    stages
        Names of all stages, in order.
    stage, time_ps
        The place where a run goes on.
    """
    rows = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
    here = stages.index(stage)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        there = stages.index(row[0])
        if there < here or (there == here and float(row[1]) <= time_ps + 1e-6):
            writer.writerow(row)
    with atomic_write(path) as target:
        target.write(text.getvalue())


@contextlib.contextmanager
def _explained(folder: Path) -> Any:
    try:
        yield
    except OSError as error:
        if isinstance(error, FileWriteError):
            raise
        reason = error.strerror or str(error)
        raise FileWriteError(f"can't write the trajectory and table in '{folder}': {reason}") from (
            error
        )


def _size(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


def _cut(file: IO[bytes], size: int) -> None:
    found = _size(file)
    if found < size:
        raise SimulationError(
            f"'{file.name}' was changed since the checkpoint: wanted at least {size} bytes, "
            f"found {found}"
        )
    file.truncate(size)
    file.seek(size)


def _set_dcd_frames(file: IO[bytes], frames: int) -> None:
    for offset, value in ((_DCD_FRAMES, frames), (_DCD_LAST_STEP, max(0, frames - 1))):
        file.seek(offset)
        file.write(struct.pack("<i", value))
    file.seek(0, os.SEEK_END)
