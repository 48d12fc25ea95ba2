"""Conformers and dihedral scans, made by RDKit with MMFF94 (or UFF where it lacks parameters)."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import DataError
from openmm_innff.sampling.molecule import Molecule
from openmm_innff.sampling.structure import silent, to_rdkit

FloatArray = NDArray[np.float64]
ALIKE = 0.25
"""Conformers are one if atoms differ by less than this root mean square, in angstrom."""
HIGHEST = 0.6
"""Conformers that lie higher above the lowest one, in eV, are left out."""
STIFFNESS = 500.0  # of the dihedral in a scan, kcal/mol/rad^2
KCAL_PER_MOL = 0.0433641  # eV
STEPS = 2000


def conformers(molecule: Molecule, most: int, seed: int = 0) -> list[FloatArray]:
    """Return the structure as given and other conformers, lowest first, shapes (N, 3).

    Parameters
    ----------
    molecule : Molecule
    most : int
        How many at most, the given one included.
    seed : int
    """
    from rdkit.Chem import rdDistGeom

    made = to_rdkit(molecule)
    options: Any = rdDistGeom.ETKDGv3()
    options.randomSeed, options.clearConfs = seed + 1, True
    numbers = list(rdDistGeom.EmbedMultipleConfs(made, 8 * most, options))
    energies = [_relax(made, number) for number in numbers]
    found = [molecule.positions]
    lowest = min(energies, default=0.0)
    for place in np.argsort(energies):
        positions = np.array(made.GetConformer(numbers[place]).GetPositions())
        if len(found) == most or energies[place] > lowest + HIGHEST:
            break
        new = all(_rmsd(positions, other, molecule) > ALIKE for other in found)
        if new and molecule.intact(positions):
            found.append(positions)
    return found


def scan(
    molecule: Molecule, torsion: Sequence[int], angles: Iterable[float]
) -> list[FloatArray | None]:
    """Return structures along a dihedral angle, otherwise relaxed; None where bonds break.

    Parameters
    ----------
    molecule : Molecule
        The scan starts from its structure.
    torsion : sequence of int, length 4
    angles : iterable of float
        In degrees.
    """
    from rdkit.Chem import rdMolTransforms

    turn: Any = rdMolTransforms.SetDihedralDeg
    found: list[FloatArray | None] = []
    for angle in angles:
        made = to_rdkit(molecule)
        turn(made.GetConformer(), *map(int, torsion), float(angle))
        _relax(made, 0, [(tuple(map(int, torsion)), float(angle))])
        positions = np.array(made.GetConformer().GetPositions())
        found.append(positions if molecule.intact(positions) else None)
    return found


def check_parameters(molecule: Molecule) -> None:
    """Check that a molecule can be sampled, before anything is made.

    Parameters
    ----------
    molecule : Molecule

    Raises
    ------
    DataError
        If it is a single atom, or has an element or a bond that no force field knows.
    """
    if len(molecule.numbers) < 2:
        raise DataError("molecule: wanted at least 2 atoms, found 1, which has no forces")
    _properties(to_rdkit(molecule))


def _properties(made: Any) -> Any:
    """Return parameters of MMFF94; None if UFF has to do."""
    from rdkit.Chem import rdForceFieldHelpers as helpers

    with silent():
        properties = helpers.MMFFGetMoleculeProperties(made)
        known = properties is not None or helpers.UFFHasAllMoleculeParams(made)
    if not known:
        elements = " ".join(sorted({atom.GetSymbol() for atom in made.GetAtoms()}))
        raise DataError(
            f"molecule: neither MMFF94 nor UFF has parameters for it (elements: {elements}), and "
            f"conformers need them"
        )
    return properties


def _relax(made: Any, conformer: int, held: Sequence[tuple[tuple[int, ...], float]] = ()) -> float:
    """Minimise the energy with dihedrals held; return it in eV."""
    from rdkit.Chem import rdForceFieldHelpers as helpers

    properties = _properties(made)
    if properties is not None:
        field = helpers.MMFFGetMoleculeForceField(made, properties, confId=conformer)
        hold = field.MMFFAddTorsionConstraint
    else:
        field = helpers.UFFGetMoleculeForceField(made, confId=conformer)
        hold = field.UFFAddTorsionConstraint
    field.Initialize()
    for torsion, angle in held:
        hold(*torsion, False, angle, angle, STIFFNESS)
    field.Minimize(maxIts=STEPS)
    return float(field.CalcEnergy()) * KCAL_PER_MOL


def _rmsd(first: FloatArray, second: FloatArray, molecule: Molecule) -> float:
    """Root mean square difference of heavy atoms when laid upon each other, in angstrom."""
    heavy = molecule.numbers > 1
    chosen = heavy if heavy.sum() > 2 else np.ones(len(heavy), dtype=bool)
    a, b = (x[chosen] - x[chosen].mean(0) for x in (first, second))
    u, _, vt = np.linalg.svd(a.T @ b)
    u[:, -1] *= np.sign(np.linalg.det(u @ vt))
    return float(np.sqrt(np.mean(np.sum((a @ u @ vt - b) ** 2, axis=1))))
