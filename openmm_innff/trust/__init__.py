"""How far a running simulation can be trusted: uncertainties on the fly, warnings, stops."""

from openmm_innff.trust.monitor import Monitor, Reading
from openmm_innff.trust.reporter import UncertaintyReporter

__all__ = ["Monitor", "Reading", "UncertaintyReporter"]
