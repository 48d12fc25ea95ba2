"""What a test gets: the subject, structures, random numbers, and how thorough to be."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

from openmm_innff.audit.recording import Plan, Recording
from openmm_innff.audit.recordings import Recordings
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import Evaluate, Evaluation, Options, Subject

Effort = Literal["quick", "default", "full"]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Labelled:
    """A structure with its reference energy (eV) and forces (eV/angstrom), shape (N, 3)."""

    structure: Structure
    energy: float
    forces: Array


def _go_on() -> None:
    """Do nothing between two evaluations."""


@dataclass(frozen=True, eq=False)
class Bench:
    """What a test gets.

    Parameters
    ----------
    subject
        The potential.
    structures
        Those that it is asked for.
    effort
        How thorough to be.
    seed, name
        Each test has random numbers of its own, which depend on these alone.
    frames
        Reference data, if the user gave any.
    series
        Models of the same kind that were trained on fewer or more data.
    recordings
        Runs of this subject, which its tests share.
    tick
        Called before each evaluation; stops the test after Ctrl-C by KeyboardInterrupt.
    """

    subject: Subject
    structures: tuple[Structure, ...]
    effort: Effort = "default"
    seed: int = 1
    name: str = ""
    frames: tuple[Labelled, ...] = ()
    series: tuple[Subject, ...] = ()
    tick: Callable[[], None] = _go_on
    recordings: Recordings = field(default_factory=Recordings)

    def random(self) -> np.random.Generator:
        """Return the random numbers of this test, from their beginning."""
        return np.random.default_rng([self.seed, zlib.crc32(self.name.encode())])

    def pick(self, quick: T, default: T, full: T) -> T:
        """Return what belongs to the effort."""
        return {"quick": quick, "default": default, "full": full}[self.effort]

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        """Return the function that evaluates a structure's atoms, see `Subject.bind`."""
        evaluate = self.subject.bind(structure, options)

        def ticking(positions: Array, cell: Array | None) -> Evaluation:
            self.tick()
            return evaluate(positions, cell)

        return ticking

    def evaluate(self, structure: Structure, options: Options = Options()) -> Evaluation:  # noqa: B008
        """Evaluate one structure."""
        return self.bind(structure, options)(structure.positions, structure.cell)

    def plan(self, structure: Structure) -> Plan:
        """Return how long a structure is simulated at constant temperature."""
        rest, length, small = self.pick((1.0, 2.0, 1.0), (2.0, 30.0, 5.0), (20.0, 300.0, 100.0))
        friction = self.pick(10.0, 2.0, 1.0)
        return Plan(rest, length if structure.periodic else small, friction, self.seed)

    def recording(self, structure: Structure) -> Recording:
        """Return the run at constant temperature of one structure, which all tests share."""
        return self.recordings.find(self.subject, structure, self.plan(structure), self.tick)

    def lasting(self, structure: Structure) -> Recording:
        """Return the same run; NotApplicable if it ended early, which `stability` reports."""
        recording = self.recording(structure)
        if recording.failure:
            raise NotApplicable(
                f"the run of {structure.name} ended after {recording.survived_ps:.2f} ps: "
                f"{recording.failure}"
            )
        return recording

    def largest(self) -> Structure:
        """Return the structure with most atoms: its averages have the smallest errors."""
        return max(self.structures, key=len)

    def isolated(self) -> list[Structure]:
        """Structures of two atoms or more without a box; NotApplicable if there are none."""
        return self._chosen("isolated structure", lambda s: not s.periodic and len(s) > 1)

    def boxes(self) -> list[Structure]:
        """Structures in a periodic box; NotApplicable if there are none."""
        return self._chosen("periodic structure", lambda s: s.periodic)

    def _chosen(self, kind: str, wanted: Callable[[Structure], bool]) -> list[Structure]:
        chosen = [structure for structure in self.structures if wanted(structure)]
        if not chosen:
            raise NotApplicable(f"no {kind} among: {', '.join(s.name for s in self.structures)}")
        return chosen
