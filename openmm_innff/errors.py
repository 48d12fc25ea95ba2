"""The errors that users meet: one base, a handful of kinds.

Every message names the argument, what was wanted and what was found.
"""


class InnffError(Exception):
    """Base of all errors that this package raises on purpose."""


class DataError(InnffError, ValueError):
    """Reference data that can't be used."""


class ConfigError(InnffError, ValueError):
    """A configuration with an unknown, missing or impossible entry."""


class ModelFileError(InnffError, ValueError):
    """A model file that is truncated, foreign, or newer than this package."""


class UnsupportedElementError(InnffError, ValueError):
    """An element that the model never saw."""


class UnknownEnvironmentError(InnffError, ValueError):
    """Bonded neighbours of an atom that the model never saw."""


class SystemSetupError(InnffError, ValueError):
    """A System, Topology or integrator that would give wrong forces or statistics."""


class BackendError(InnffError, RuntimeError):
    """A backend that is missing, or that would crash with the installed versions."""


class SimulationError(InnffError, RuntimeError):
    """A simulation or training that can't go on."""


class MissingDependencyError(InnffError, ImportError):
    """An optional dependency that one feature needs is not installed."""
