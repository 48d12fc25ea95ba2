"""The learned potential: a fast and a slow component, core repulsion, their sum."""

from openmm_innff.potential.bonded_config import BondedConfig
from openmm_innff.potential.config import ComponentConfig, PotentialConfig
from openmm_innff.potential.equivariant_config import EquivariantConfig
from openmm_innff.potential.evaluator import Evaluator
from openmm_innff.potential.potential import PARTS, Potential

__all__ = [
    "PARTS",
    "BondedConfig",
    "ComponentConfig",
    "EquivariantConfig",
    "Evaluator",
    "Potential",
    "PotentialConfig",
]
