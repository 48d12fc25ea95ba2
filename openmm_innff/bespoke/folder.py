"""The folder of a run: what is finished is there, and the state says what it cost."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import read
from numpy.typing import NDArray

from openmm_innff.bespoke.config import BespokeConfig, training_file
from openmm_innff.errors import SimulationError
from openmm_innff.files import atomic_write, make_folder
from openmm_innff.reference.molecule import Target
from openmm_innff.reference.store import write_frames
from openmm_innff.sampling.molecule import Molecule

FloatArray = NDArray[np.float64]
STATE, LABELS, TRAINING = "state.json", "labels.db", "training.toml"
BUDGETS = ("target", "labels", "minutes", "rounds", "stability_ps", "scans")
"""Settings that may be others when a run goes on."""


@dataclass
class State:
    """What has happened so far.

    Attributes
    ----------
    settings : dict
    molecule : dict
        Which it is.
    rounds : list of dict
        Errors and sizes after each finished round.
    seconds, cpu : dict
        By kind of work: by the clock, and of processors in this process.
    facts : dict
        Further results by name.
    """

    settings: dict[str, Any]
    molecule: dict[str, Any]
    rounds: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class Folder:
    """The folder of a run.

    Parameters
    ----------
    path : Path
    config : BespokeConfig
    molecule : Molecule
    resume : bool

    Attributes
    ----------
    config : BespokeConfig
        Its training file is the folder's own copy, so that a run goes on as it began.

    Raises
    ------
    SimulationError
        If there is a run already and it is not to go on, or it is another one.
    """

    def __init__(self, path: Path, config: BespokeConfig, molecule: Molecule, resume: bool) -> None:
        self.path = make_folder(path)
        self.molecule = molecule
        settings = dataclasses.asdict(config)
        identity = {
            "smiles": molecule.smiles,
            "charge": molecule.charge,
            "numbers": molecule.numbers.tolist(),
        }
        self.state = State(settings, identity)
        file = self.path / STATE
        if file.is_file():
            if not resume:
                raise SimulationError(
                    f"{self.path}: holds a run already; add --resume to go on with it, or choose "
                    f"another folder with --out"
                )
            self.state = State(**json.loads(file.read_text(encoding="utf-8")))
            self._compare(settings, identity)
            self.state.settings = settings
        self.config = self._with_training(config)
        self.save()

    def _with_training(self, config: BespokeConfig) -> BespokeConfig:
        copy, source = self.path / TRAINING, training_file(config)
        if not copy.is_file():
            with atomic_write(copy) as file:
                file.write(source.read_text(encoding="utf-8"))
        elif config.training and copy.read_text(encoding="utf-8") != source.read_text("utf-8"):
            raise SimulationError(
                f"{copy}: is how this run is trained, and {source} differs; leave --training out "
                f"to go on with it, or choose another folder with --out"
            )
        return dataclasses.replace(config, training=str(copy))

    def _compare(self, settings: dict[str, Any], identity: dict[str, Any]) -> None:
        if identity != self.state.molecule:
            raise SimulationError(
                f"{self.path}: holds a run of {self.state.molecule['smiles']}, found "
                f"{identity['smiles']}; choose another folder with --out"
            )
        old = self.state.settings
        free = (*BUDGETS, "training")
        changed = [k for k, v in settings.items() if k not in free and old.get(k, v) != v]
        if changed:
            key = changed[0]
            raise SimulationError(
                f"{self.path}: holds a run with {key} = {old.get(key)!r}, found "
                f"{settings[key]!r}; choose another folder with --out"
            )

    def save(self) -> None:
        """Write the state."""
        with atomic_write(self.path / STATE) as file:
            json.dump(dataclasses.asdict(self.state), file, indent=1)

    def file(self, *names: str) -> Path:
        """Return the path of a file, in a folder that exists."""
        path = self.path.joinpath(*names)
        make_folder(path.parent)
        return path

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add the seconds of a block to the cost, also when it is interrupted."""
        clocks = {"seconds": time.perf_counter, "cpu": time.process_time}
        start = {name: clock() for name, clock in clocks.items()}
        try:
            yield
        finally:
            for name, clock in clocks.items():
                table = getattr(self.state, name)
                table[what] = round(table.get(what, 0.0) + clock() - start[name], 2)
            self.save()

    @property
    def minutes(self) -> float:
        """Time spent so far."""
        return sum(self.state.seconds.values()) / 60.0

    def structures(self, name: str) -> list[FloatArray] | None:
        """Return the structures of a file, in angstrom; None if it isn't there."""
        path = self.path / name
        if not path.is_file():
            return None
        return [np.asarray(atoms.positions) for atoms in read(path, ":")]

    def keep(self, name: str, structures: Sequence[FloatArray]) -> list[FloatArray]:
        """Write structures, and return them as they will be read."""
        path = self.file(name)
        write_frames(path, [self.molecule.atoms(positions) for positions in structures])
        return self.structures(name) or []

    def targets(self, structures: Sequence[FloatArray]) -> list[Target]:
        """Return what is to be calculated."""
        m = self.molecule
        return [Target(m.numbers, positions, m.charge, m.unpaired) for positions in structures]
