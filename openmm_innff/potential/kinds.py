"""All kinds of components."""

from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.component import Component
from openmm_innff.potential.equivariant import Equivariant

AnyComponent = Component | Equivariant | Bonded
"""What a part of a potential can be made of."""
EnvironmentComponent = Component | Equivariant
"""Those that need nothing but the neighbours of each atom, and have readouts."""
