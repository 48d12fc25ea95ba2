"""Structures of the study: water molecules, dimers to learn from, and a binding curve to judge by.

    python recipes/water-ccsdt/structures.py --out runs/water-ccsdt

Molecules come from dynamics with GFN2-xTB. Dimers are two of them: half near the orientation of the
hydrogen bond, half turned at random, and further ones pressed together. Some are for the dear level
(dear.xyz), many for a cheap one to begin with (pool.xyz). The curve has the molecules and the
orientation of the water dimer of the S22 set (doi:10.1039/b600027d), and none of its structures is
trained on.
"""

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data.s22 import create_s22_system
from scipy.spatial.transform import Rotation

from openmm_innff.files import make_folder
from openmm_innff.reference.store import write_frames
from openmm_innff.sampling import dynamics
from openmm_innff.sampling.forcefields import TightBinding
from openmm_innff.sampling.structure import load_molecule

CURVE = (2.5, 2.7, 3.1, 3.4, 3.8, 4.3, 5.0, 6.0, 7.0)  # O-O, angstrom
NEAREST = {(1, 1): 1.55, (1, 8): 1.55, (8, 8): 2.35}
"""Between molecules, angstrom."""
PRESSED = 0.85
"""Pressed together, they may be this much nearer."""
TEMPERATURES = (300.0, 600.0)
TILT = 25.0
"""Degrees about each axis, root mean square, by which hydrogen bonds are bent."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/water-ccsdt"))
    parser.add_argument("--dimers", type=int, default=48, help="for the dear level")
    parser.add_argument("--pressed", type=int, default=32, help="more, pressed together")
    parser.add_argument("--molecules", type=int, default=30, help="for the dear level")
    parser.add_argument("--pool", type=int, default=3000, help="dimers for the cheap level")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    make_folder(given.out)
    random = np.random.default_rng(given.seed)
    pool = molecules(200, random)
    bonded = create_s22_system("Water_dimer")
    ends = [bonded[:3], bonded[3:]]
    dimers = [dimer(pool, ends, k % 2 == 0, random) for k in range(given.dimers)]
    chosen = [*ends, *pool[: given.molecules]]
    many = [dimer(pool, ends, k % 2 == 0, random) for k in range(given.pool)]
    pressed = [
        dimer(pool, ends, True, random, 2.3 + 0.5 * random.random(), PRESSED)
        for _ in range(given.pressed + given.pool // 6)
    ]
    write_frames(given.out / "dear.xyz", [*chosen, *dimers, *pressed[: given.pressed]])
    write_frames(given.out / "pool.xyz", [*pool, *many, *pressed[given.pressed :]])
    write_frames(given.out / "curve.xyz", [*ends, bonded, *(stretched(bonded, r) for r in CURVE)])


def molecules(count: int, random: np.random.Generator) -> list[Atoms]:
    """Return molecules of dynamics at several temperatures, oxygen first."""
    water = load_molecule("O")
    found: list[Atoms] = []
    for temperature in TEMPERATURES:
        run = dynamics.run(
            water, water.positions, TightBinding(water), temperature,
            frames=count // len(TEMPERATURES), interval_fs=25.0, settle_fs=200.0,
            seed=int(temperature),
        )  # fmt: skip
        found += [Atoms(water.numbers, positions) for positions in run.frames]
    return [found[i] for i in random.permutation(len(found))]


def dimer(
    pool: list[Atoms],
    ends: list[Atoms],
    bonded: bool,
    random: np.random.Generator,
    apart: float | None = None,
    closer: float = 1.0,
) -> Atoms:
    """Return two molecules at a distance of 2.4 to 7 angstrom, most of them near, or the given."""
    while True:
        pair = [pool[i].copy() for i in random.integers(len(pool), size=2)]
        distance = apart or 2.4 + 4.6 * random.random() ** 2
        for molecule, end in zip(pair, ends, strict=True):
            molecule.positions -= molecule.positions[0]
            if bonded:
                _lay_upon(molecule, end)
                turn = Rotation.from_rotvec(np.radians(TILT) * random.standard_normal(3))
            else:
                turn = Rotation.random(random_state=random)
            molecule.positions = turn.apply(molecule.positions)
        axis = ends[1].positions[0] - ends[0].positions[0]
        pair[1].positions += distance * axis / np.linalg.norm(axis)
        if _far_enough(*pair, closer):
            return pair[0] + pair[1]


def stretched(bonded: Atoms, distance: float) -> Atoms:
    """Return a dimer whose molecules are moved along the line of their oxygens."""
    made = bonded.copy()
    axis = made.positions[3] - made.positions[0]
    length = np.linalg.norm(axis)
    made.positions[3:] += axis / length * (distance - length)
    return made


def _lay_upon(molecule: Atoms, other: Atoms) -> None:
    """Turn a molecule about its oxygen so that its hydrogens point where the other's do."""
    targets = other.positions[1:] - other.positions[0]
    turn, _ = Rotation.align_vectors(targets, molecule.positions[1:])
    molecule.positions = turn.apply(molecule.positions)


def _far_enough(first: Atoms, second: Atoms, closer: float) -> bool:
    distances = np.linalg.norm(first.positions[:, None] - second.positions, axis=2)
    pairs = np.sort(np.stack(np.broadcast_arrays(first.numbers[:, None], second.numbers)), axis=0)
    least = np.array([NEAREST[a, b] for a, b in zip(*pairs.reshape(2, -1), strict=True)])
    return bool((distances.ravel() > closer * least).all())


if __name__ == "__main__":
    main()
