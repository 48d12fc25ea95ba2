"""The frames that all potentials are timed on: boxes of water, alanine dipeptide in vacuum."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peers.description import Array

DIPEPTIDE = "dipeptide"
WATER = (192, 1536, 12288)
_SHIFT = 0.002
"""Of the second set of positions against the first, angstrom: dynamics moves atoms about so."""


def names(sizes: list[int]) -> list[str]:
    """Return the names of frames of these numbers of atoms, small ones first."""
    known = {22: DIPEPTIDE, **{n: f"water{n}" for n in WATER}}
    unknown = [n for n in sizes if n not in known]
    if unknown:
        raise SystemExit(f"--sizes: wanted some of {', '.join(map(str, known))}, found {unknown}")
    return [known[n] for n in sorted(sizes)]


def write(path: Path) -> None:
    """Write all frames to an npz file: copies of one box of 64 waters, settled at 300 K."""
    from openmm import app, unit

    from openmm_innff.boxes import settle_classically, water_box

    content: dict[str, NDArray[np.generic]] = {}
    topology, lattice = water_box(64)
    positions = settle_classically(topology, lattice)
    edge = topology.getUnitCellDimensions().value_in_unit(unit.angstrom)[0]
    numbers = [atom.element.atomic_number for atom in topology.atoms()]
    for n in WATER:
        copies = round((n / len(numbers)) ** (1 / 3))
        shifts = edge * np.stack(np.meshgrid(*[np.arange(copies)] * 3), -1).reshape(-1, 1, 3)
        content[f"water{n}_numbers"] = np.array(numbers * copies**3)
        content[f"water{n}_positions"] = (positions + shifts).reshape(-1, 3)
        content[f"water{n}_box"] = np.eye(3) * edge * copies
    pdb = app.PDBFile(str(Path(__file__).with_name("alanine.pdb")))
    content[f"{DIPEPTIDE}_numbers"] = np.array(
        [atom.element.atomic_number for atom in pdb.topology.atoms()]
    )
    content[f"{DIPEPTIDE}_positions"] = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **content)


def read(path: Path, name: str) -> tuple[list[int], Array, Array | None]:
    """Return atomic numbers, positions (angstrom) and box (None in vacuum) of a frame."""
    with np.load(path) as content:
        box = content.get(f"{name}_box")
        return content[f"{name}_numbers"].tolist(), content[f"{name}_positions"], box


def pair_of_positions(positions: Array) -> list[Array]:
    """Return the positions, and the same moved a little, at random."""
    noise = np.random.default_rng(0).normal(0.0, _SHIFT, positions.shape)
    return [np.ascontiguousarray(positions), positions + noise]
