"""Force fields of interpolating neural networks for multiple-time-step dynamics in OpenMM.

The names below are loaded when first used: importing the package loads neither torch nor openmm.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openmm_innff.errors import InnffError
    from openmm_innff.integrators import mts_langevin_integrator, mts_nve_integrator
    from openmm_innff.middle import mts_middle_integrator
    from openmm_innff.mixed import create_mixed_system
    from openmm_innff.model import Model, load_model
    from openmm_innff.system import create_system

    __version__: str

__all__ = [
    "InnffError",
    "Model",
    "__version__",
    "create_mixed_system",
    "create_system",
    "load_model",
    "mts_langevin_integrator",
    "mts_middle_integrator",
    "mts_nve_integrator",
]

_HOME = {
    "InnffError": "errors",
    "Model": "model",
    "create_mixed_system": "mixed",
    "create_system": "system",
    "load_model": "model",
    "mts_langevin_integrator": "integrators",
    "mts_middle_integrator": "middle",
    "mts_nve_integrator": "integrators",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("openmm-innff")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
