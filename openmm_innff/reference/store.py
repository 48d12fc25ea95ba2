"""Labels in a file that survives anything: an ASE database on SQLite.

SQLite was chosen over HDF5 because each label is one transaction: a process that is killed while it
writes leaves a whole file, which an HDF5 file is not. ASE's layout lets ``ase db labels.db`` look
into it, and ASE is needed anyway. Rows hold method, basis, charge, unpaired electrons, convergence,
seconds and versions; a frame that failed has its reason instead of results.
"""

import io
import os
import sqlite3
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from openmm_innff.errors import DataError
from openmm_innff.files import FileWriteError, atomic_write, make_folder
from openmm_innff.reference.level import Level
from openmm_innff.reference.molecule import Label, Target


@dataclass(frozen=True)
class Failure:
    """A frame that has no label.

    Attributes
    ----------
    key : str
        Name of the frame at its level, see `Target.key`.
    formula : str
    reason : str
    """

    key: str
    formula: str
    reason: str


class LabelStore:
    """Labels in a file; only one process may write to it.

    Parameters
    ----------
    path : path
        Ends in ``.db``; made if it isn't there.

    Raises
    ------
    DataError
        If the file is something else.
    FileWriteError
        If it can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from ase.db import connect

        self.path = Path(path)
        if self.path.suffix != ".db":
            raise DataError(f"labels: wanted a file that ends in .db, found '{self.path}'")
        make_folder(self.path.parent)
        # SQLite locks by itself; the lock of ASE is a file that a killed process leaves behind.
        self._database = connect(self.path, type="db", use_lock_file=False)
        try:
            self._database.count()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise FileWriteError(f"can't open '{self.path}': {error}") from error
            raise DataError(f"labels: '{self.path}' is no database of labels: {error}") from error

    def add(self, target: Target, level: Level, result: Label | str, seconds: float) -> None:
        """Write a label, or the reason why there is none.

        Parameters
        ----------
        target : Target
        level : Level
        result : Label or str
        seconds : float
            That it took.
        """
        atoms = _to_atoms(target)
        data: dict[str, Any] = {}
        if isinstance(result, str):
            data["reason"] = result
        else:
            found = {"energy": result.energy, "forces": result.forces, "dipole": result.dipole}
            kept = {name: value for name, value in found.items() if value is not None}
            atoms.calc = SinglePointCalculator(atoms, **kept)
            data["details"] = result.details
        row = {
            "frame": target.key(level.key),
            "level": level.key,
            "method": level.method,
            "basis": level.basis or "none",
            "converged": not isinstance(result, str),
            "seconds": round(seconds, 3),
            "total_charge": target.charge,
            "unpaired": target.unpaired,
        }
        try:
            self._database.write(atoms, data=data, **row)
        except sqlite3.OperationalError as error:
            raise FileWriteError(f"can't write '{self.path}': {error}") from error

    def known(self, level: Level, failed: bool = True) -> set[str]:
        """Return the keys of the frames that are there.

        Parameters
        ----------
        level : Level
        failed : bool
            Whether frames without a label count.
        """
        chosen = {"level": level.key} | ({} if failed else {"converged": True})
        return {row.frame for row in self._rows(**chosen)}

    def failures(self, level: Level) -> list[Failure]:
        """Return the frames without a label."""
        rows = self._rows(level=level.key, converged=False, include_data=True)
        return [Failure(row.frame, row.formula, row.data["reason"]) for row in rows]

    def forget_failures(self, level: Level) -> int:
        """Take frames without a label out, so that they are tried again; return their number."""
        failed = [row.id for row in self._rows(level=level.key, converged=False)]
        self._database.delete(failed)
        return len(failed)

    def labelled(self, level: Level, targets: Sequence[Target] | None = None) -> list[Atoms]:
        """Return the frames with energies, forces and dipoles.

        Parameters
        ----------
        level : Level
        targets : sequence of Target, optional
            Only those of them that have a label, in this order; by default all.
        """
        rows = self._rows(level=level.key, converged=True)
        found = {row.frame: _of_row(row) for row in rows}
        if targets is None:
            return list(found.values())
        keys = (target.key(level.key) for target in targets)
        return [found[key] for key in keys if key in found]

    def seconds(self, level: Level) -> float:
        """Return the time that all calculations took, failed ones as well."""
        return float(sum(row.seconds for row in self._rows(level=level.key)))

    def export(
        self, path: str | os.PathLike[str], level: Level, targets: Sequence[Target] | None = None
    ) -> int:
        """Write extended XYZ that `innff train` reads, and return the number of frames.

        Parameters
        ----------
        path : path
        level : Level
        targets : sequence of Target, optional
            See `labelled`.
        """
        frames = self.labelled(level, targets)
        if frames:
            write_frames(path, frames)
        return len(frames)

    def _rows(self, **chosen: Any) -> list[Any]:
        # ASE reads a value such as "HF/6-31g" as text, but keys with commas only as keywords.
        include = chosen.pop("include_data", False)
        return list(self._database.select(include_data=include, **chosen))


def write_frames(path: str | os.PathLike[str], frames: Sequence[Atoms]) -> None:
    """Write frames as extended XYZ, whole or not at all.

    Parameters
    ----------
    path : path
    frames : sequence of Atoms
    """
    text = io.StringIO()
    write(text, list(frames), format="extxyz")
    with atomic_write(path) as file:
        file.write(text.getvalue())


def _to_atoms(target: Target) -> Atoms:
    periodic = target.cell is not None
    return Atoms(target.numbers, target.positions, cell=target.cell, pbc=periodic)


def _of_row(row: Any) -> Atoms:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms: Atoms = row.toatoms()
    atoms.info = {"level": row.level, "charge": row.total_charge, "spin": row.unpaired}
    return atoms
