"""From a protein and a ligand to a System in a force field: solvated, and checked."""

from openmm_innff.prepare.build import Options, Prepared, prepare
from openmm_innff.prepare.ligand import Ligand, check_ligand, read_ligand
from openmm_innff.prepare.write import write_prepared

__all__ = [
    "Ligand",
    "Options",
    "Prepared",
    "check_ligand",
    "prepare",
    "read_ligand",
    "write_prepared",
]
