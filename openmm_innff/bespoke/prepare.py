"""Before the first training: conformers, their vibrations, a start set, and fresh structures.

All of it with GFN2-xTB, which is quick and good enough to say where atoms may go; the labels are of
the level that was asked for. Functions take the folder, the settings, minima (in angstrom, each of
shape (N, 3)) and the view; what is there already is read from the folder.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from openmm_innff.bespoke.config import BespokeConfig
from openmm_innff.bespoke.folder import Folder
from openmm_innff.bespoke.view import View
from openmm_innff.errors import SimulationError
from openmm_innff.sampling import dynamics, pool
from openmm_innff.sampling.forcefields import TightBinding
from openmm_innff.sampling.selection import farthest

FloatArray = NDArray[np.float64]
SCAN_SHARE = 0.25
"""Of the start set at most: structures along dihedral angles."""
SURPLUS = 3
"""So many times the structures that are wanted are drawn, to choose from."""
FRESH_RUNS = 4
FRESH_INTERVAL, FRESH_SETTLE = 50.0, 300.0  # fs


def minima(folder: Folder, config: BespokeConfig, view: View) -> list[FloatArray]:
    """Return the minima of GFN2-xTB that conformers lead to, see `pool.minima`."""
    kept = folder.structures("conformers.xyz")
    if kept is not None:
        return kept
    molecule = folder.molecule
    with folder.timed("sampling"):
        view.begin("minima of conformers with GFN2-xTB")
        found = pool.minima(molecule, TightBinding(molecule), seed=config.seed, tell=view.advance)
    return folder.keep("conformers.xyz", found)


def start_set(
    folder: Folder, config: BespokeConfig, bottoms: Sequence[FloatArray], view: View
) -> list[FloatArray]:
    """Return structures to be labelled first: vibrations of all minima, and dihedral angles."""
    kept = folder.structures("round-1/structures.xyz")
    if kept is not None:
        return kept
    molecule = folder.molecule
    random = np.random.default_rng(config.seed)
    with folder.timed("sampling"):
        turned = pool.turned(molecule, config.scans)
        share = int(SCAN_SHARE * config.start)
        chosen = [turned[i] for i in farthest(turned, share)]
        view.begin("normal modes of the minima")
        drawn = pool.vibrations(
            molecule, bottoms, TightBinding(molecule), (config.temperature, config.hot),
            SURPLUS * config.start, random, view.advance,
        )  # fmt: skip
        wanted = config.start - len(chosen)
        # Half at random, as heat has them; half farthest from all others.
        order = random.permutation(len(drawn))
        chosen += [drawn[i] for i in order[: wanted // 2]]
        rest = [drawn[i] for i in order[wanted // 2 :]]
        chosen += [rest[i] for i in farthest(rest, config.start - len(chosen), chosen)]
    return folder.keep("round-1/structures.xyz", chosen)


def fresh_set(
    folder: Folder, config: BespokeConfig, bottoms: Sequence[FloatArray], view: View
) -> list[FloatArray]:
    """Return structures to judge by: of dynamics with GFN2-xTB, never trained on."""
    kept = folder.structures("fresh.xyz")
    if kept is not None:
        return kept
    found: list[FloatArray] = []
    view.begin(f"fresh structures at {config.temperature:g} K with GFN2-xTB", config.fresh)
    with folder.timed("sampling"):
        for number in range(FRESH_RUNS):
            wanted = (config.fresh - len(found)) // (FRESH_RUNS - number)
            run = dynamics.run(
                folder.molecule,
                bottoms[number % len(bottoms)],
                TightBinding(folder.molecule),
                config.temperature,
                frames=wanted,
                interval_fs=FRESH_INTERVAL,
                settle_fs=FRESH_SETTLE,
                seed=1000 * (config.seed + 1) + number,
            )
            found += run.frames
            view.advance(len(found))
    if len(found) < config.fresh // 2:
        raise SimulationError(
            f"molecule: dynamics with GFN2-xTB at {config.temperature:g} K breaks it "
            f"({run.broken}); is it stable?"
        )
    return folder.keep("fresh.xyz", found)
