"""An OpenMM reporter of uncertainties."""

import csv
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openmm import State, app, unit

from openmm_innff.errors import SimulationError
from openmm_innff.files import FileWriteError
from openmm_innff.model import Model
from openmm_innff.potential.uncertainty import MEMBERS
from openmm_innff.trust.monitor import Monitor, Reading

COLUMNS = (
    "step",
    "time_ps",
    "largest_force_uncertainty_eV_per_A",
    "atom",
    "mean_force_uncertainty_eV_per_A",
    "energy_uncertainty_eV",
    "inputs_outside",
)


class UncertaintyWarning(UserWarning):
    """A simulation has come to where its model is uncertain."""


def cells(reading: Reading) -> list[str]:
    """Return what tables hold of a reading, in the order of `COLUMNS`."""
    return [
        f"{reading.force:.5f}",
        str(reading.atom),
        f"{reading.mean_force:.5f}",
        f"{reading.energy:.5f}",
        str(reading.outside),
    ]


class UncertaintyReporter:
    """Writes how uncertain the forces are, warns once beyond a limit, or stops there.

    Add it to ``simulation.reporters``.

    Parameters
    ----------
    file : path
        Table to write, as CSV.
    interval : int
        Steps between two rows.
    model : Model
        That the simulation uses, calibrated.
    topology : openmm.app.Topology
        Of the simulation.
    limit : float, optional
        In eV/angstrom, see `Monitor`.
    stop : bool
        Whether to raise an error beyond the limit, when the frame has been saved.
    frame_file : path, optional
        Where to save it, as extended XYZ; by default beside ``file``, with the suffix ``.xyz``.
    atoms : sequence of int, optional
        Those that the model acts on; all of them by default.
    members : int
        See `Monitor`.
    append : bool
        Whether rows are added to those of an existing file.

    Raises
    ------
    ModelFileError
        If the model was never calibrated.
    FileWriteError
        If the file can't be written.
    """

    def __init__(
        self,
        file: str | os.PathLike[str],
        interval: int,
        model: Model,
        topology: app.Topology,
        *,
        limit: float | None = None,
        stop: bool = False,
        frame_file: str | os.PathLike[str] | None = None,
        atoms: Sequence[int] | None = None,
        members: int = MEMBERS,
        append: bool = False,
    ) -> None:
        self.monitor = Monitor(model, topology, atoms=atoms, limit=limit, members=members)
        self.interval, self.stop = interval, stop
        self.path = Path(file)
        self.frame_file = self.path.with_suffix(".xyz") if frame_file is None else Path(frame_file)
        self._warned = False
        fresh = not (append and self.path.is_file())
        try:
            # Appended to row by row, so that a look into it shows how far the run is.
            self._file = self.path.open("w" if fresh else "a", newline="", encoding="utf-8")
        except OSError as error:
            raise FileWriteError(f"can't write '{self.path}': {error.strerror}") from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        if fresh:
            self._write(COLUMNS)

    def describeNextReport(self, simulation: app.Simulation) -> dict[str, Any]:
        """Say when the next report is due, and what it needs."""
        steps = self.interval - simulation.currentStep % self.interval
        return {"steps": steps, "periodic": False, "include": ["positions"]}

    def report(self, simulation: app.Simulation, state: State) -> None:
        """Write a row.

        Raises
        ------
        SimulationError
            Beyond the limit, with ``stop``.
        """
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        box = None
        if self.monitor.periodic:
            box = state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.angstrom)
        reading = self.monitor.read(positions, box)
        time = state.getTime().value_in_unit(unit.picosecond)
        self._write([str(simulation.currentStep), f"{time:.4f}", *cells(reading)])
        if not reading.doubtful:
            return
        where = f"step {simulation.currentStep}: {self.monitor.describe(reading)}"
        if self.stop:
            self.monitor.save_frame(self.frame_file, positions, box, reading)
            raise SimulationError(
                f"{where}; stopped, and the frame is saved in '{self.frame_file}': label it, add "
                f"it to the training data, and train again"
            )
        if not self._warned:
            self._warned = True
            warnings.warn(f"{where}; further rows are in '{self.path}'", UncertaintyWarning, 2)

    def _write(self, row: Sequence[str]) -> None:
        try:
            self._writer.writerow(row)
            self._file.flush()
        except OSError as error:
            raise FileWriteError(f"can't write '{self.path}': {error.strerror}") from error

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()
