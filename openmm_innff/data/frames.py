"""One labelled structure, and an immutable sequence of them.

Units: positions and cells in angstrom, energies in eV, forces in eV/angstrom.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, overload

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from openmm_innff.errors import DataError

MIN_DISTANCE: Final = 0.3
"""Atoms closer than this (angstrom) overlap: in most cases positions given in nm."""
MIN_VOLUME_PER_ATOM: Final = 1.0
"""The densest matter on Earth has more than this (angstrom^3): in most cases a cell in nm."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """Atoms, their box, and the reference energy and forces.

    Parameters
    ----------
    numbers
        Atomic numbers, shape (N,).
    positions
        Positions in angstrom, shape (N, 3); atoms may lie outside the box.
    cell
        Box vectors as rows in angstrom, shape (3, 3); stored as zeros if not periodic.
    periodic
        Whether the box repeats, in all three directions.
    energy
        Reference energy of the whole frame in eV.
    forces
        Reference forces in eV/angstrom, shape (N, 3).
    info
        Where the frame comes from: `source` and `index`, and what else the file says.

    Raises
    ------
    DataError
        If shapes disagree, a value is not finite, an element is unknown, atoms overlap, or the
        box is flat or far too small.
    """

    numbers: NDArray[np.int64]
    positions: FloatArray
    cell: FloatArray
    periodic: bool
    energy: float
    forces: FloatArray
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Convert to the documented types and check the values."""
        numbers = _as_array("numbers", self.numbers, np.int64, (None,))
        n_atoms = len(numbers)
        cell = self.cell if self.periodic else np.zeros((3, 3))
        values = {
            "numbers": numbers,
            "positions": _as_array("positions", self.positions, np.float64, (n_atoms, 3)),
            "cell": _as_array("cell", cell, np.float64, (3, 3)),
            "periodic": bool(self.periodic),
            "energy": float(_as_array("energy", self.energy, np.float64, ())),
            "forces": _as_array("forces", self.forces, np.float64, (n_atoms, 3)),
            "info": dict(self.info),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if len(self) == 0:
            raise DataError("a frame needs at least one atom, found none")
        unknown = self.numbers[(self.numbers < 1) | (self.numbers >= len(chemical_symbols))]
        if len(unknown):
            raise DataError(
                f"atomic numbers must be 1 to {len(chemical_symbols) - 1}, found {unknown[0]}"
            )
        for name in ("positions", "cell", "energy", "forces"):
            bad = ~np.isfinite(getattr(self, name))
            if np.any(bad):
                where = f" of atom {np.argwhere(bad)[0][0]}" if name in _PER_ATOM else ""
                raise DataError(f"the {name} must be finite, found NaN or infinity{where}")
        if self.periodic and abs(np.linalg.det(self.cell)) < MIN_VOLUME_PER_ATOM * len(self):
            raise DataError(
                f"the box has a volume of {abs(np.linalg.det(self.cell)):.4g} angstrom^3 for "
                f"{len(self)} atoms, wanted at least {MIN_VOLUME_PER_ATOM:g} per atom: "
                "is the cell in angstrom?"
            )
        self._check_overlap()

    def _check_overlap(self) -> None:
        distance, pair = self._closest_pair()
        if distance < MIN_DISTANCE:
            raise DataError(
                f"atoms {pair[0]} and {pair[1]} are {distance:.3g} angstrom apart, wanted at "
                f"least {MIN_DISTANCE:g}: are the positions in angstrom?"
            )

    def _closest_pair(self) -> tuple[float, list[int]]:
        """Closest pair, any image, if nearer than MIN_DISTANCE: a sweep along one axis."""
        box = self.cell if self.periodic else np.eye(3)
        inverse = np.linalg.inv(box)
        fractions = self.positions @ inverse
        if self.periodic:
            fractions -= np.floor(fractions)
        width = 1.0 / np.linalg.norm(inverse[:, 0])
        order = np.argsort(fractions[:, 0])
        best = np.inf, [0, 0]
        for shift in range(1, len(self) // 2 + 1):
            other = np.roll(order, shift)
            delta = fractions[order] - fractions[other]
            if self.periodic:
                delta -= np.round(delta)
            distances = np.linalg.norm(delta @ box, axis=1)
            row = int(np.argmin(distances))
            if distances[row] < best[0]:
                best = float(distances[row]), sorted((int(order[row]), int(other[row])))
            if np.abs(delta[:, 0]).min() * width > MIN_DISTANCE:
                break
        return best

    def __len__(self) -> int:
        """Return the number of atoms."""
        return len(self.numbers)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Chemical symbol of each atom."""
        return tuple(chemical_symbols[z] for z in self.numbers)

    def update_hash(self, digest: "hashlib._Hash") -> None:
        """Feed everything but `info` to a hash, as little-endian bytes."""
        digest.update(np.array([len(self), self.periodic], "<i8").tobytes())
        digest.update(self.numbers.astype("<i8").tobytes())
        for values in (self.positions, self.cell, np.array(self.energy), self.forces):
            digest.update(values.astype("<f8").tobytes())


_PER_ATOM: Final = ("positions", "forces")


def _as_array(
    name: str, value: ArrayLike, dtype: type, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Copy to an array of `dtype`, and check its shape (None: any length)."""
    try:
        array: NDArray[Any] = np.array(value, dtype=dtype, order="C")
    except (TypeError, ValueError) as error:
        raise DataError(f"the {name} must be numbers, found {value!r:.80}") from error
    fits = array.ndim == len(shape) and all(
        wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = tuple("N" if n is None else n for n in shape)
        raise DataError(f"the {name} must have shape {wanted}, found {array.shape}")
    return array


@dataclass(frozen=True, eq=False)
class FrameSet(Sequence[Frame]):
    """An immutable sequence of frames; slices and sums are frame sets again."""

    frames: tuple[Frame, ...]

    def __init__(self, frames: Iterable[Frame]) -> None:
        object.__setattr__(self, "frames", tuple(frames))

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over the frames."""
        return iter(self.frames)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> "FrameSet": ...
    def __getitem__(self, index: int | slice) -> "Frame | FrameSet":
        """Return one frame, or a frame set for a slice."""
        if isinstance(index, slice):
            return FrameSet(self.frames[index])
        return self.frames[index]

    def __add__(self, other: "FrameSet") -> "FrameSet":
        """Return the frames of both, one after the other."""
        return FrameSet((*self.frames, *other.frames))

    def __repr__(self) -> str:
        """Say how much of what there is."""
        kinds = {True: "periodic", False: "isolated"}
        kind = " and ".join(sorted({kinds[frame.periodic] for frame in self}))
        return f"<FrameSet: {len(self)} {kind} frames, {self.n_atoms} atoms of {self.elements}>"

    @property
    def one_molecule(self) -> bool:
        """Whether all frames are the same atoms in the vacuum."""
        kinds = {tuple(sorted(frame.numbers.tolist())) for frame in self}
        return len(kinds) == 1 and not any(frame.periodic for frame in self)

    def select(self, indices: Iterable[int]) -> "FrameSet":
        """Return the frames of these indices, in this order."""
        return FrameSet(self.frames[int(index)] for index in indices)

    @property
    def n_atoms(self) -> int:
        """Number of atoms in all frames together."""
        return sum(len(frame) for frame in self)

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that occur, sorted by atomic number."""
        numbers = {int(z) for frame in self for z in np.unique(frame.numbers)}
        return tuple(chemical_symbols[z] for z in sorted(numbers))

    @property
    def energies(self) -> FloatArray:
        """Reference energies in eV, shape (frames,)."""
        return np.array([frame.energy for frame in self], dtype=np.float64)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of atoms of each frame, shape (frames,)."""
        return np.array([len(frame) for frame in self], dtype=np.int64)

    def counts(self, elements: Sequence[str]) -> NDArray[np.int64]:
        """Atoms of each of `elements` in each frame, shape (frames, elements)."""
        numbers = [chemical_symbols.index(symbol) for symbol in elements]
        rows = [np.bincount(f.numbers, minlength=len(chemical_symbols))[numbers] for f in self]
        return np.array(rows, dtype=np.int64).reshape(len(self), len(numbers))

    @property
    def sha256(self) -> str:
        """SHA-256 of numbers, positions, cells, energies and forces, in order; not of `info`."""
        digest = hashlib.sha256()
        for frame in self:
            frame.update_hash(digest)
        return digest.hexdigest()
