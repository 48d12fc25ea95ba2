"""Bonds and molecules, guessed from distances."""

import numpy as np
from ase import Atoms
from ase.build import molecule

from openmm_innff.connectivity import bonds_of, molecule_numbers


def test_bonds_of_a_molecule():
    ethanol = molecule("CH3CH2OH")
    symbols = ethanol.get_chemical_symbols()
    pairs = sorted("".join(sorted((symbols[i], symbols[j]))) for i, j in bonds_of(ethanol))
    assert pairs == ["CC", *["CH"] * 5, "CO", "HO"]


def test_bonds_across_the_faces_of_a_box():
    split = Atoms("OHH", [[0.1, 0, 0], [9.3, 0, 0], [0.1, 0.9, 0]], cell=[10] * 3, pbc=True)
    assert bonds_of(split) == [(0, 1), (0, 2)]
    split.pbc = False
    assert bonds_of(split) == [(0, 2)]


def test_molecules_are_numbered_by_their_first_atoms():
    assert molecule_numbers(6, [(2, 5), (0, 3), (3, 4)]).tolist() == [0, 1, 2, 0, 0, 2]
    assert np.array_equal(molecule_numbers(3, []), [0, 1, 2])
