"""Watches the uncertainty of the model while a run goes on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import SimulationError
from openmm_innff.simulation.outputs import append_line, cut_table
from openmm_innff.trust import Monitor
from openmm_innff.trust.reporter import COLUMNS, cells
from openmm_innff.units import NM_TO_ANGSTROM

UNCERTAINTY = "uncertainty.csv"
DOUBTFUL = "doubtful.xyz"
_HEAD = ("stage", *COLUMNS[1:])


class Watcher(Protocol):
    """What looks at a run after each block."""

    def begin(self, stages: tuple[str, ...], stage: str, time_ps: float) -> None:
        """Prepare for a run that starts, or goes on, at a place."""

    def look(
        self,
        stage: str,
        block: int,
        time_ps: float,
        positions: NDArray[np.float64],
        box: NDArray[np.float64] | None,
    ) -> None:
        """Look at the frame after a block."""


class Watch:
    """Writes uncertainties; says once when they are beyond the limit, or stops the run there.

    Parameters
    ----------
    monitor
        Evaluates them.
    folder
        Of the run: for the table, and for the frame where the run is stopped.
    every
        Blocks of the schedule between two rows.
    stop
        Whether to stop the run.
    say
        Gets the warning.
    atoms
        Indices of the atoms that the monitor knows; None: all of them.
    """

    def __init__(
        self,
        monitor: Monitor,
        folder: Path,
        every: int,
        stop: bool,
        say: Callable[[str], None],
        atoms: Sequence[int] | None = None,
    ) -> None:
        self._monitor, self._folder = monitor, folder
        self._atoms = None if atoms is None else list(atoms)
        self._every, self._stop, self._say = every, stop, say
        self._warned = False

    def begin(self, stages: tuple[str, ...], stage: str, time_ps: float) -> None:
        """Start the table, or keep the rows before the place where a run goes on.

        Parameters
        ----------
        stages
            Names of all stages, in order.
        stage, time_ps
            The place.
        """
        cut_table(self._folder / UNCERTAINTY, _HEAD, stages, stage, time_ps)

    def look(
        self,
        stage: str,
        block: int,
        time_ps: float,
        positions: NDArray[np.float64],
        box: NDArray[np.float64] | None,
    ) -> None:
        """Look at the frame after a block, if it is due.

        Parameters
        ----------
        stage, block, time_ps
            Where the run is.
        positions
            Shape (n_atoms, 3), nm.
        box
            Rows are the periodic box vectors, shape (3, 3), nm; None if isolated.

        Raises
        ------
        SimulationError
            If the uncertainty is beyond the limit and the run shall stop there.
        """
        if block % self._every:
            return
        if self._atoms is not None:
            positions = positions[self._atoms]
        positions = positions * NM_TO_ANGSTROM
        box = None if box is None else box * NM_TO_ANGSTROM
        reading = self._monitor.read(positions, box)
        append_line(self._folder / UNCERTAINTY, [stage, f"{time_ps:.4f}", *cells(reading)])
        if not reading.doubtful:
            return
        where = f"{time_ps:g} ps of {stage}: {self._monitor.describe(reading)}"
        if self._stop:
            frame = self._folder / DOUBTFUL
            self._monitor.save_frame(frame, positions, box, reading)
            raise SimulationError(f"{where}; the run stops there, and the frame is in '{frame}'")
        if not self._warned:
            self._warned = True
            self._say(f"Warning: {where}; more in {UNCERTAINTY}.")
