"""Systems of which a part is machine-learned and the rest is a conventional force field (ML/MM).

Mechanical embedding: the potential gives the energy within the chosen atoms, the force field
everything else, the interactions between the two included.
"""

from openmm_innff.mixed.build import create_mixed_system
from openmm_innff.mixed.grouping import group_forces
from openmm_innff.mixed.subset import residue_atoms

__all__ = ["create_mixed_system", "group_forces", "residue_atoms"]
