"""Before the first training: conformers, their vibrations, a start set, and fresh structures.

All of it with GFN2-xTB, which is quick and good enough to say where atoms may go; the labels are of
the level that was asked for.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from openmm_innff.bespoke.config import BespokeConfig
from openmm_innff.bespoke.folder import Folder
from openmm_innff.bespoke.view import View
from openmm_innff.errors import SimulationError
from openmm_innff.sampling import dynamics, modes
from openmm_innff.sampling.conformers import conformers, scan
from openmm_innff.sampling.forcefields import TightBinding
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.sampling.selection import farthest, without_doubles

FloatArray = NDArray[np.float64]
MOST_CONFORMERS = 10
SCANNED = np.arange(-180.0, 180.0, 30.0)
SCAN_SHARE = 0.25
"""Of the start set at most: structures along dihedral angles."""
SURPLUS = 3
"""So many times the structures that are wanted are drawn, to choose from."""
FRESH_RUNS = 4
FRESH_INTERVAL, FRESH_SETTLE = 50.0, 300.0  # fs


def minima(folder: Folder, config: BespokeConfig, view: View) -> list[FloatArray]:
    """Return the minima of GFN2-xTB that conformers lead to, the given structure's first.

    Parameters
    ----------
    folder : Folder
    config : BespokeConfig
    view : View
    """
    kept = folder.structures("conformers.xyz")
    if kept is not None:
        return kept
    molecule, found, fault = folder.molecule, [], ""
    with folder.timed("sampling"):
        guesses = conformers(molecule, MOST_CONFORMERS, config.seed)
        view.begin("minima of conformers with GFN2-xTB", len(guesses))
        for number, guess in enumerate(guesses):
            relaxed = modes.minimize(guess, TightBinding(molecule))
            fault = molecule.fault(relaxed)
            if not fault:
                found.append(relaxed)
            view.advance(number + 1)
        if not found:
            raise SimulationError(
                f"molecule: with GFN2-xTB every structure of {molecule.smiles!r} goes over into "
                f"another molecule ({fault}); is it stable alone, with charge "
                f"{molecule.charge:+d}?"
            )
        chosen = [found[i] for i in without_doubles(found)]
    return folder.keep("conformers.xyz", chosen)


def start_set(
    folder: Folder, config: BespokeConfig, bottoms: Sequence[FloatArray], view: View
) -> list[FloatArray]:
    """Return structures to be labelled first: vibrations of all minima, and dihedral angles.

    Parameters
    ----------
    folder : Folder
    config : BespokeConfig
    bottoms : sequence of array, shape (N, 3)
        Minima, in angstrom.
    view : View
    """
    kept = folder.structures("round-1/structures.xyz")
    if kept is not None:
        return kept
    molecule = folder.molecule
    random = np.random.default_rng(config.seed)
    with folder.timed("sampling"):
        turned = _turned(molecule, config)
        share = int(SCAN_SHARE * config.start)
        chosen = [turned[i] for i in farthest(turned, share)]
        drawn: list[FloatArray] = []
        view.begin("normal modes of the minima", len(bottoms))
        each = -(-SURPLUS * config.start // len(bottoms))
        force_field = TightBinding(molecule)
        for number, minimum in enumerate(bottoms):
            second = modes.hessian(minimum, force_field)
            for temperature in (config.temperature, config.hot):
                drawn += modes.draw(molecule, minimum, second, temperature, -(-each // 2), random)
            view.advance(number + 1)
        wanted = config.start - len(chosen)
        # Half at random, as heat has them; half farthest from all others.
        order = random.permutation(len(drawn))
        chosen += [drawn[i] for i in order[: wanted // 2]]
        rest = [drawn[i] for i in order[wanted // 2 :]]
        chosen += [rest[i] for i in farthest(rest, config.start - len(chosen), chosen)]
    return folder.keep("round-1/structures.xyz", chosen)


def _turned(molecule: Molecule, config: BespokeConfig) -> list[FloatArray]:
    found: list[FloatArray] = []
    for torsion in molecule.torsions[: config.scans]:
        found += [p for p in scan(molecule, torsion, SCANNED) if p is not None]
    return [found[i] for i in without_doubles(found)]


def fresh_set(
    folder: Folder, config: BespokeConfig, bottoms: Sequence[FloatArray], view: View
) -> list[FloatArray]:
    """Return structures to judge by: of dynamics with GFN2-xTB, never trained on.

    Parameters
    ----------
    folder : Folder
    config : BespokeConfig
    bottoms : sequence of array, shape (N, 3)
        Minima, in angstrom.
    view : View
    """
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
