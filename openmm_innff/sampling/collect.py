"""A set of structures from all sources, without doubles, and as different as possible."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import ConfigError, DataError, SimulationError
from openmm_innff.sampling import pool
from openmm_innff.sampling.forcefields import Forces
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.sampling.selection import farthest, without_doubles

FloatArray = NDArray[np.float64]
SURPLUS = 3
"""So many times the structures that are wanted are drawn, to choose from."""
MOST_TORSIONS = 6


@dataclass(frozen=True)
class Wish:
    """What is wanted.

    Attributes
    ----------
    frames : int
        To be chosen.
    temperatures : tuple of float
        In K: of normal modes and of dynamics.
    sources : tuple of str
        Of "modes", "dynamics" and "scans".
    conformers : int
        To start from, at most.
    seed : int
    """

    frames: int = 200
    temperatures: tuple[float, ...] = (300.0, 600.0)
    sources: tuple[str, ...] = ("modes", "dynamics", "scans")
    conformers: int = pool.MOST_CONFORMERS
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("frames", "conformers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: wanted at least 1, found {getattr(self, name)}")
        if not self.temperatures or min(self.temperatures) <= 0.0:
            raise ConfigError(f"temperatures: wanted above 0 K, found {self.temperatures}")


@dataclass(frozen=True, eq=False)
class Collection:
    """What was found.

    Attributes
    ----------
    structures : list of array, shape (N, 3)
        Those chosen, in angstrom.
    counts : dict
        How many there were, by what they are.
    """

    structures: list[FloatArray]
    counts: dict[str, int]


def collect(
    molecule: Molecule,
    force_field: Forces,
    wish: Wish,
    known: Sequence[FloatArray] = (),
    tell: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Collection:
    """Return structures that resemble neither what is known nor each other.

    Parameters
    ----------
    molecule : Molecule
    force_field : callable
        What moves the atoms, see `forcefields`.
    wish : Wish
    known : sequence of array, shape (N, 3)
        In angstrom.
    tell : callable
        Called with what is done, how much of it, and of how much.
    """

    def telling(what: str) -> pool.Tell:
        return lambda done, total: tell(what, done, total)

    minimising = telling("minima of conformers")
    bottoms = pool.minima(molecule, force_field, wish.conformers, wish.seed, minimising)
    found: dict[str, list[FloatArray]] = {"minima": bottoms}
    share = -(-SURPLUS * wish.frames // len(wish.sources))
    if "scans" in wish.sources:
        found["along dihedral angles"] = pool.turned(molecule, MOST_TORSIONS)
    if "modes" in wish.sources:
        found["normal modes"] = pool.vibrations(
            molecule, bottoms, force_field, wish.temperatures, share,
            np.random.default_rng(wish.seed), telling("normal modes"),
        )  # fmt: skip
    if "dynamics" in wish.sources:
        found["dynamics"] = _moved(molecule, bottoms, force_field, wish, share, telling("dynamics"))
    everything = [positions for part in found.values() for positions in part]
    new = without_doubles(everything, known)
    chosen = farthest([everything[i] for i in new], wish.frames, known)
    counts = {name: len(part) for name, part in found.items()}
    counts |= {"without doubles": len(new), "chosen": len(chosen)}
    if not chosen:
        raise SimulationError("sample: all structures found resemble those that are known")
    return Collection([everything[new[i]] for i in chosen], counts)


def _moved(
    molecule: Molecule,
    bottoms: Sequence[FloatArray],
    force_field: Forces,
    wish: Wish,
    count: int,
    tell: pool.Tell,
) -> list[FloatArray]:
    """Return structures of dynamics; runs that break leave fewer."""
    found: list[FloatArray] = []
    for number in range(-(-count // pool.PER_RUN)):
        run = pool.heated(molecule, bottoms, force_field, wish.temperatures, number, wish.seed)
        found += run.frames
        tell(len(found), count)
    return found[:count]


def read_known(path: Path, molecule: Molecule) -> list[FloatArray]:
    """Read structures of a molecule.

    Raises
    ------
    DataError
        If they can't be read, or are of other atoms.
    """
    from openmm_innff.reference.command import read_targets

    targets = read_targets([path], ":", None, None)
    for number, target in enumerate(targets):
        if not np.array_equal(target.numbers, molecule.numbers):
            raise DataError(
                f"known: frame {number} of '{path}' is {target.formula}, with its atoms in their "
                f"order; wanted {molecule.formula}"
            )
    return [target.positions for target in targets]
