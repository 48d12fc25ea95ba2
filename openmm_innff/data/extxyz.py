"""Reading extended XYZ files, plain or gzip-compressed, with every check that catches mistakes.

ASE parses each frame. It accepts files in silence that would train a wrong model (a key given
twice, rows with too many columns, an empty line that ends the file early), so the text is
checked first.
"""

import gzip
import io
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.io.extxyz import read_xyz

from openmm_innff.data import consistency
from openmm_innff.data.frames import Frame, FrameSet
from openmm_innff.errors import DataError

MAX_FORCE_RMS: Final = 100.0
"""Typical (median) force RMS of a file above which its unit can't be eV/angstrom."""

_KEY_VALUE: Final = re.compile(
    r"""([^\s="'{}\[\]]+)\s*=\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\{[^}]*\}|\[[^\]]*\]|\S+)"""
)


def read_frames(
    path: str | os.PathLike[str],
    index: str | int | slice = ":",
    isolated: bool | None = None,
    *,
    energy_key: str = "energy",
    forces_key: str = "forces",
    check_labels: bool = True,
) -> FrameSet:
    """Read labelled frames from an extended XYZ file (``.xyz``, ``.extxyz``, also ``.gz``).

    Parameters
    ----------
    path
        The file; positions and cells in angstrom, energies in eV, forces in eV/angstrom.
    index
        Which frames: a number, a slice, or its text (``":"``, ``"0"``, ``"::10"``).
    isolated
        True: ignore any box. False: a box is required. None: as `pbc` says (a file with a
        lattice and no `pbc` is periodic).
    energy_key
        Key of the total energy in the comment line.
    forces_key
        Name of the three columns of the forces. A single isolated atom may lack them.
    check_labels
        Whether to compare energies with forces between similar frames.

    Returns
    -------
    FrameSet
        The frames; `info` of each has `source` (file name), `index` and the file's own keys.

    Raises
    ------
    DataError
        If the file can't be read or a check fails; names file and frame, wanted and found.
    """
    path = Path(path)
    blocks = list(enumerate(_blocks(path)))
    chosen = _choose(blocks, index, path)
    frames = []
    for number, block in chosen:
        try:
            frames.append(_to_frame(block, number, path.name, isolated, energy_key, forces_key))
        except DataError as error:
            raise DataError(f"{path}, frame {number}: {error}") from error
    if not frames:
        raise DataError(f"{path}: no frames found for index {index!r} of {len(blocks)} frames")
    _check_force_unit(frames, path)
    result = FrameSet(frames)
    if check_labels:
        try:
            consistency.check_labels(result)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    return result


def _blocks(path: Path) -> Iterator[list[str]]:
    """Cut the text into frames, as lists of lines."""
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"can't read '{path}': {reason}") from error
    start, number = 0, 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        header = lines[start].strip()
        if not header.isdecimal():
            raise DataError(
                f"{path}, frame {number}, line {start + 1}: wanted the number of atoms, "
                f"found {header!r:.60}"
            )
        stop = start + 2 + int(header)
        if stop > len(lines):
            raise DataError(
                f"{path}, frame {number}: the file ends early, wanted {header} atoms, "
                f"found {max(0, len(lines) - start - 2)}"
            )
        yield lines[start:stop]
        start, number = stop, number + 1


def _choose(
    blocks: list[tuple[int, list[str]]], index: str | int | slice, path: Path
) -> list[tuple[int, list[str]]]:
    """Apply `index`, in any of its forms."""
    if isinstance(index, str):
        parts = index.split(":")
        try:
            numbers = [int(part) if part.strip() else None for part in parts]
            index = slice(*numbers) if len(parts) > 1 else int(index)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"index must be a number or a slice such as '::10', found {index!r}"
            ) from error
    if isinstance(index, slice):
        return blocks[index]
    if not -len(blocks) <= index < len(blocks):
        raise DataError(f"{path}: frame {index} wanted, found {len(blocks)} frames")
    return [blocks[index]]


def _to_frame(
    block: list[str],
    number: int,
    source: str,
    isolated: bool | None,
    energy_key: str,
    forces_key: str,
) -> Frame:
    _check_text(block, energy_key)
    atoms = _parse(block)
    results = {} if atoms.calc is None else atoms.calc.results
    periodic = _periodic(atoms, isolated)
    energy = {**atoms.info, **results}.get(energy_key)
    if energy is None:
        found = sorted({*atoms.info, *results} - {forces_key})
        raise DataError(_missing("energy", "key", energy_key, found))
    forces = {**atoms.arrays, **results}.get(forces_key)
    if forces is None:
        if len(atoms) > 1 or periodic:
            found = sorted({*atoms.arrays, *results} - {"numbers", "positions", energy_key})
            raise DataError(_missing("forces", "column", forces_key, found))
        forces = np.zeros((1, 3))  # exact, by symmetry
    if isinstance(energy, (bool, str)):
        raise DataError(f"the energy ({energy_key}) must be a number, found {energy!r:.60}")
    info: dict[str, Any] = {k: v for k, v in atoms.info.items() if k != energy_key}
    if "source" in info:  # the file's own notes must not hide where the frame was read
        info["file_source"] = info.pop("source")
    info |= {"source": source, "index": number}
    return Frame(atoms.numbers, atoms.positions, atoms.cell.array, periodic, energy, forces, info)


def _missing(quantity: str, place: str, key: str, found: list[str]) -> str:
    hint = f"; choose another with {quantity}_key" if found else ""
    return f"no {quantity}: wanted the {place} '{key}', found {', '.join(found) or 'none'}{hint}"


def _check_text(block: list[str], energy_key: str) -> None:
    """Check what ASE would pass over: repeated keys and columns, length of the rows."""
    pairs = _KEY_VALUE.findall(block[1])
    values = {key: value.strip("\"'") for key, value in pairs}
    fields = values.get("Properties", "species:S:1:pos:R:3").split(":")
    names, widths = fields[0::3], fields[2::3]
    if len(fields) % 3 or not all(width.isdecimal() for width in widths):
        raise DataError(
            f"Properties must be triples name:type:columns, found {values['Properties']!r}"
        )
    repeated = [n for n, c in Counter([*(key for key, _ in pairs), *names]).items() if c > 1]
    if repeated:
        raise DataError(f"the key or column '{repeated[0]}' is there twice, wanted once")
    energies = {k: v for k, v in values.items() if k.lower() == energy_key.lower()}
    if energy_key in energies and len(set(energies.values())) > 1:
        variants = sorted(energies.keys() - {energy_key})
        raise DataError(
            f"two energies: '{energy_key}' = {values[energy_key]} and '{variants[0]}' = "
            f"{values[variants[0]]}, wanted one"
        )
    wanted = sum(int(width) for width in widths)
    for atom, row in enumerate(block[2:]):
        found = len(row.split())
        if found != wanted:
            raise DataError(f"atom {atom}: wanted {wanted} columns, found {found}: {row!r:.60}")


def _parse(block: list[str]) -> Atoms:
    try:
        atoms: Atoms = next(read_xyz(io.StringIO("\n".join(block) + "\n"), index=0))
    except KeyError as error:  # ASE looks symbols up in a dictionary
        raise DataError(f"unknown element or column type {error}") from error
    except (ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        raise DataError(f"not valid extended XYZ: {error}") from error
    return atoms


def _periodic(atoms: Atoms, isolated: bool | None) -> bool:
    """Decide whether the frame has a box, which must be whole and repeat in all directions."""
    if isolated is True:
        return False
    pbc = atoms.pbc
    if isolated is None and pbc.any() and not pbc.all():
        found = " ".join("T" if flag else "F" for flag in pbc)
        raise DataError(f"pbc must be 'T T T' or 'F F F', found '{found}'")
    if isolated is None and not pbc.any():
        return False
    if not atoms.cell.array.any():
        raise DataError("a periodic frame needs a box, found no Lattice")
    return True


def _check_force_unit(frames: list[Frame], path: Path) -> None:
    typical = float(np.median([np.sqrt(np.mean(frame.forces**2)) for frame in frames]))
    if typical > MAX_FORCE_RMS:
        raise DataError(
            f"{path}: the forces have a typical RMS of {typical:.4g}, wanted at most "
            f"{MAX_FORCE_RMS:g} eV/angstrom: are they in another unit?"
        )
