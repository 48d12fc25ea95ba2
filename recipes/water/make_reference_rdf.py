"""Make the table of reference g(r) that the report of `innff run water` shows.

Usage: make_reference_rdf.py OUT.csv FRAMES.xyz.gz [FRAMES.xyz.gz ...]

The frames are periodic boxes of water. Which hydrogens belong to which oxygen is found from the
first frame: each to its nearest one.
"""

import sys
from pathlib import Path

import mdtraj
import numpy as np

from openmm_innff.analysis import radial_distribution, save_table
from openmm_innff.data import read_frames
from openmm_innff.units import ANGSTROM_TO_NM


def water_topology(numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> mdtraj.Topology:
    """Topology of waters in any order of atoms.

    Parameters
    ----------
    numbers
        Atomic numbers, shape (n_atoms,).
    positions
        Angstrom, shape (n_atoms, 3); unwrapped ones are fine.
    cell
        Rows are the box vectors, angstrom, shape (3, 3).
    """
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    atoms = [
        topology.add_atom(
            mdtraj.element.Element.getByAtomicNumber(int(z)).symbol,
            mdtraj.element.Element.getByAtomicNumber(int(z)),
            topology.add_residue("HOH", chain),
        )
        for z in numbers
    ]
    oxygens = np.flatnonzero(numbers == 8)
    for hydrogen in np.flatnonzero(numbers == 1):
        apart = (positions[oxygens] - positions[hydrogen]) @ np.linalg.inv(cell)
        distances = np.linalg.norm((apart - np.round(apart)) @ cell, axis=1)
        topology.add_bond(atoms[oxygens[np.argmin(distances)]], atoms[hydrogen])
    return topology


def main(out: Path, paths: list[Path]) -> None:
    """Write the table of g(r) over all frames of some files.

    Parameters
    ----------
    out
        CSV file to write.
    paths
        Extended XYZ files.
    """
    frames = [frame for path in paths for frame in read_frames(path)]
    first = frames[0]
    trajectory = mdtraj.Trajectory(
        np.stack([frame.positions for frame in frames]) * ANGSTROM_TO_NM,
        water_topology(first.numbers, first.positions, first.cell),
    )
    trajectory.unitcell_vectors = np.stack([frame.cell for frame in frames]) * ANGSTROM_TO_NM
    functions = [radial_distribution(trajectory, pair) for pair in ("O-O", "O-H", "H-H")]
    files = ", ".join(path.name for path in paths)
    edge = np.cbrt(np.linalg.det(first.cell))
    save_table(
        functions,
        out,
        [
            "Radial distribution functions of the reference data of water-pbe0,",
            f"{len(frames)} frames of {files}, {len(first.numbers) // 3} H2O, {edge:.6f} angstrom.",
            "Data: deepmodeling/deepmd-kit (LGPL-3.0), doi:10.1016/j.cpc.2018.03.016.",
            "Pairs within a molecule are left out; with standard errors.",
            "Made by recipes/water/make_reference_rdf.py.",
        ],
    )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
