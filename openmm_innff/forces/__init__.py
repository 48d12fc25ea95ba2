"""A potential as OpenMM Forces: fast and slow parts, two backends with the same numbers."""

from openmm_innff.forces.backend import Backend, default_backend
from openmm_innff.forces.factory import Precision, make_force
from openmm_innff.forces.groups import FAST, SLOW

__all__ = ["FAST", "SLOW", "Backend", "Precision", "default_backend", "make_force"]
