"""The integrators that can be audited, by name."""

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import openmm

from openmm_innff.errors import ConfigError
from openmm_innff.middle import mts_middle_integrator
from openmm_innff.units import FS_TO_PS


class MakeIntegrator(Protocol):
    """Makes the integrator of a candidate.

    Arguments: System, temperature (K), friction (1/ps), outer and inner step (fs), seed.
    """

    def __call__(
        self,
        system: openmm.System,
        temperature: float,
        friction: float,
        outer: float,
        inner: float,
        seed: int,
    ) -> openmm.Integrator:
        """Return a new integrator."""


def _langevin(
    system: openmm.System,
    temperature: float,
    friction: float,
    outer: float,
    inner: float,
    seed: int,
    vibrational_friction: float = 0.0,
) -> openmm.Integrator:
    return mts_middle_integrator(
        system,
        temperature,
        friction,
        outer * FS_TO_PS,
        inner * FS_TO_PS,
        vibrational_friction=vibrational_friction,
        seed=seed,
    )


DEFAULT = "langevin"
COLOURED = "coloured"
"""The same with friction on vibrations, by coloured noise."""
VIBRATIONAL_FRICTION = 150.0
"""Of that scheme, 1/ps. With 50, kicks each 8 fs still heat the bends of water."""
SCHEMES: Mapping[str, MakeIntegrator] = {
    DEFAULT: _langevin,
    COLOURED: partial(_langevin, vibrational_friction=VIBRATIONAL_FRICTION),
}
CONSERVING = frozenset({DEFAULT})
"""Schemes whose deterministic part is `mts_nve_integrator`: its energy drift tells of them."""


def find_scheme(name: str) -> MakeIntegrator:
    """Return the factory of a scheme.

    Parameters
    ----------
    name
        One of `SCHEMES`.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    if name not in SCHEMES:
        raise ConfigError(f"scheme: wanted one of {', '.join(SCHEMES)}; found {name!r}")
    return SCHEMES[name]
