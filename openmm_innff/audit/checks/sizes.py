"""Time and memory of an evaluation of ever more copies of a structure, for the tests of cost."""

import resource
import sys
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.clock import own_time
from openmm_innff.audit.memory import peak_memory
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import Evaluate, Options

REPEATS = 5
"""Evaluations in a row; there are two rows."""
SMALLEST_FITTED = 100
"""Smaller systems are dominated by what each call costs, whatever its size."""
_LONGEST_S = {"quick": 1.0, "default": 10.0, "full": 60.0}
"""If the next size is expected to take longer, this one is the last; preparing it counts."""
_LOOKS = 2
"""At the memory; the larger one counts, since free memory of the process may be used unseen."""
_MUCH_LONGER = 10
"""Times as long, and it is so even if there are too few sizes then."""
_MOST_ATOMS = 20_000
_SPACING = 12.0
"""Between copies of isolated structures, angstrom."""
FEWEST_FITTED = 3


@dataclass(frozen=True)
class Size:
    """An evaluation.

    Parameters
    ----------
    atoms
        Their number.
    seconds
        Of the shortest evaluation.
    memory
        By which resident memory grows at most while an evaluation is prepared and done, MB; None
        where that can't be told.
    peak
        Largest resident memory that the process ever had, MB.
    """

    atoms: int
    seconds: float
    memory: float | None
    peak: float


def sizes(bench: Bench) -> list[Size]:
    """Measure ever more copies of the largest structure, once for all tests."""
    found: list[Size] = bench.recordings.once("sizes", lambda: _measure(bench))
    return found


def _measure(bench: Bench) -> list[Size]:
    source = max(bench.structures, key=lambda s: (s.periodic, len(s)))
    prepared: list[_Prepared] = []
    for doublings in range(20):
        structure = copies(source, doublings)
        reason = bench.subject.obstacle(structure) if doublings == 1 else ""
        if reason:
            raise NotApplicable(f"there is one size: {reason}")
        if len(structure) > _MOST_ATOMS:
            break
        began = own_time()
        prepared.append(_prepare(bench, structure))
        prepared[-1].run()
        next_s, limit = 2 * (own_time() - began), _LONGEST_S[bench.effort]
        if next_s > limit * (1 if len(prepared) >= FEWEST_FITTED else _MUCH_LONGER):
            break
    for one in prepared:  # once more: what else ran on the machine may be over
        one.run()
    return [Size(len(one.structure), min(one.times), one.memory, one.peak) for one in prepared]


@dataclass
class _Prepared:
    """An evaluation that is ready to be timed."""

    structure: Structure
    evaluate: Evaluate
    random: np.random.Generator
    memory: float | None
    peak: float
    times: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Take the time of some evaluations."""
        for _ in range(REPEATS):
            moved = self.structure.rattled(self.random, 0.01).positions
            began = own_time()
            self.evaluate(moved, self.structure.cell)
            self.times.append(own_time() - began)


def _prepare(bench: Bench, structure: Structure) -> _Prepared:
    made: list[Evaluate] = []

    def work() -> None:
        made.append(bench.bind(structure, Options(precision="single")))
        made[-1](structure.positions, structure.cell)

    found = [peak_memory(work) for _ in range(_LOOKS)]
    memory = None if None in found else max(mb for mb in found if mb is not None)
    return _Prepared(structure, made[-1], bench.random(), memory, _peak_mb())


def copies(structure: Structure, doublings: int) -> Structure:
    """Return two to the power of ``doublings`` copies of a structure, side by side."""
    counts = np.full(3, doublings // 3) + (np.arange(3) < doublings % 3)
    numbers = 2**counts
    cell = np.diag(np.ptp(structure.positions, axis=0) + _SPACING)
    if structure.cell is not None:
        cell = structure.cell
    grid = np.argwhere(np.ones(numbers)).astype(float)
    box = None if structure.cell is None else structure.cell * numbers[:, None]
    return structure.with_copies(grid @ cell, box, f"{structure.name}, {len(grid)} times")


def power_law(found: dict[int, float]) -> tuple[float, float, float]:
    """Fit y = c N^a to the sizes that are large enough.

    Parameters
    ----------
    found
        Seconds, or MB, of each number of atoms.

    Returns
    -------
    tuple of float
        Exponent a, its standard error, and factor c in the unit of y.
    """
    if len(found) < FEWEST_FITTED:
        raise NotApplicable(f"fewer than {FEWEST_FITTED} sizes were quick enough: {list(found)}")
    atoms = np.array(list(found), float)
    fitted = large(atoms)
    x, y = np.log(atoms[fitted]), np.log(np.array(list(found.values()))[fitted])
    slope, offset = np.polyfit(x, y, 1)
    left = y - slope * x - offset
    error = np.sqrt(np.sum(left**2) / (len(x) - 2) / np.sum((x - x.mean()) ** 2))
    return float(slope), float(error), float(np.exp(offset))


def large(atoms: Array) -> NDArray[np.bool_]:
    """Sizes that are fitted: all, where too few are large."""
    chosen = atoms >= SMALLEST_FITTED
    return chosen if np.sum(chosen) >= FEWEST_FITTED else np.ones_like(chosen)


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
