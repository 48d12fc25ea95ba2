"""What dear labels start from: a model of GFN2-xTB, which knows the shape of the potential already.

Thousands of its labels cost minutes. Half of the structures are drawn from the vibrations of the
minima, half come from short runs of dynamics; each part is kept when it is finished.
"""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import iread
from numpy.typing import NDArray

from openmm_innff.bespoke.config import BespokeConfig
from openmm_innff.bespoke.folder import Folder
from openmm_innff.bespoke.view import View
from openmm_innff.errors import SimulationError
from openmm_innff.reference.store import write_frames
from openmm_innff.sampling import pool
from openmm_innff.sampling.forcefields import TightBinding
from openmm_innff.sampling.molecule import Molecule

FloatArray = NDArray[np.float64]
BASE = "base"
PARTS = f"{BASE}/parts"
MIDDLE = 0.5
"""Of the way from the temperature to the hot one: a third temperature of the dynamics."""
MOST_RUNS = 3.0
"""Times the runs that would do if none broke."""


def base_set(
    folder: Folder, config: BespokeConfig, bottoms: Sequence[FloatArray], view: View
) -> list[Atoms]:
    """Return structures with energies and forces of GFN2-xTB.

    Parameters
    ----------
    folder : Folder
    config : BespokeConfig
    bottoms : sequence of array, shape (N, 3)
        Minima, in angstrom.
    view : View
    """
    view.begin("structures of the base with GFN2-xTB", config.base_frames)
    with folder.timed("base"):
        found = _drawn(folder, config, bottoms, view)
        runs = -(-(config.base_frames - len(found)) // pool.PER_RUN)
        for number in range(round(MOST_RUNS * runs)):
            found += _run(folder, config, bottoms, number)
            view.advance(len(found))
            if len(found) >= config.base_frames:
                break
    if len(found) < 0.5 * config.base_frames:
        raise SimulationError(
            f"base: dynamics with GFN2-xTB at up to {config.hot:g} K breaks the molecule; a lower "
            f"--hot may help, or --base-frames 0 does without"
        )
    return found[: config.base_frames]


def cheap_labels(molecule: Molecule, structures: Sequence[FloatArray]) -> list[Atoms]:
    """Return structures with energies and forces of GFN2-xTB.

    Parameters
    ----------
    molecule : Molecule
    structures : sequence of array, shape (N, 3)
        In angstrom.
    """
    force_field = TightBinding(molecule)
    return [_atoms(molecule, positions, *force_field(positions)) for positions in structures]


def _drawn(
    folder: Folder, config: BespokeConfig, bottoms: Sequence[FloatArray], view: View
) -> list[Atoms]:
    file, molecule = folder.file(PARTS, "vibrations.xyz"), folder.molecule
    if not file.is_file():
        made = pool.vibrations(
            molecule, bottoms, TightBinding(molecule), (config.temperature, config.hot),
            config.base_frames // 2, np.random.default_rng([config.seed, 1]),
        )  # fmt: skip
        write_frames(file, cheap_labels(molecule, made))
    found = list(iread(file, ":"))
    view.advance(len(found))
    return found


def _run(
    folder: Folder, config: BespokeConfig, bottoms: Sequence[FloatArray], number: int
) -> list[Atoms]:
    file, molecule = folder.file(PARTS, f"run-{number}.xyz"), folder.molecule
    if not file.is_file():
        middle = config.temperature + MIDDLE * (config.hot - config.temperature)
        heats = (config.temperature, middle, config.hot)
        force_field = TightBinding(molecule)
        made = pool.heated(molecule, bottoms, force_field, heats, number, config.seed + 1)
        parts = zip(made.frames, made.energies, made.forces, strict=True)
        write_frames(file, [_atoms(molecule, *part) for part in parts])
    return list(iread(file, ":")) if file.stat().st_size else []


def _atoms(molecule: Molecule, positions: FloatArray, energy: float, forces: FloatArray) -> Atoms:
    made = molecule.atoms(positions)
    made.calc = SinglePointCalculator(made, energy=energy, forces=forces)
    return made
