"""Model files: a safetensors file whose metadata hold the model card and the configuration.

Data only, never code: a file from a stranger can be opened safely.
"""

import dataclasses
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from openmm_innff.errors import ConfigError, ModelFileError
from openmm_innff.files import atomic_write
from openmm_innff.potential import (
    BondedConfig,
    ComponentConfig,
    EquivariantConfig,
    Potential,
    PotentialConfig,
)
from openmm_innff.potential.bonded_config import AngleType, BondType, PairType
from openmm_innff.potential.uncertainty import Uncertainty

FORMAT = "innff"
FORMAT_VERSION = 3
"""3 if calibrated; else 2 if bonded, distilled or of two layers: older versions of the package
don't know these."""
UNCERTAINTY = "uncertainty"
"""Key in the header, and first word of the names of its tensors."""
_TENSORS = ("draws", "low", "high")

T = TypeVar("T")
_SAME_MASS = 0.01
"""Masses of hydrogen that differ less are the same, amu."""


@dataclass(frozen=True)
class SafeSteps:
    """Time steps that were measured to be safe.

    Attributes
    ----------
    inner_fs, outer_fs : float
        Steps of the fast and of the slow part in fs.
    hydrogen_mass : float
        Mass of hydrogen in amu for which they hold.
    evidence : str
        How they were found.
    mollified : bool
        Whether they need a mollified slow part, see `forces.mollified`.
    vibrational_friction : float
        In 1/ps, of `integrators.mts_langevin_integrator`.
    """

    inner_fs: float
    outer_fs: float
    hydrogen_mass: float = 1.008
    evidence: str = ""
    mollified: bool = False
    vibrational_friction: float = 0.0

    def at_most(self, outer_fs: float) -> "SafeSteps":
        """Return these steps with an outer one that is no longer than some other force allows.

        Parameters
        ----------
        outer_fs : float
            In fs; the new one is the largest multiple of the inner step below.
        """
        if self.outer_fs <= outer_fs:
            return self
        count = max(1, int(outer_fs / self.inner_fs + 1e-6))
        return dataclasses.replace(self, outer_fs=count * self.inner_fs)


@dataclass(frozen=True)
class ModelCard:
    """What a user must know of a model: origin, licence, errors, where it may be used.

    Attributes
    ----------
    name, description : str
    level_of_theory : str
        Method and basis of the reference data.
    data, data_licence, data_sha256 : str
        Origin of the training data, its licence, and the hash of its content.
    licence : str
        Licence of the model itself.
    errors : dict
        Errors on validation data, by name with the unit in the name.
    valid_range : dict
        Conditions that the training data cover.
    safe_steps : tuple of SafeSteps
        Multiple-time-step defaults, one for each hydrogen mass; the first is for those who ask
        for none. One entry alone, or None, is taken as a tuple too.
    hydrogen_bond_lengths : dict
        Mean length in angstrom of the bonds of hydrogen in the training data, by the other element.
    hydrogen_bond_forces : dict
        Mean slow force along these bonds in eV/angstrom, positive where it stretches them, and its
        slope with the length in eV/angstrom^2.
    molecule : dict
        Where all training frames are one molecule in the vacuum: its atomic ``numbers``, and its
        ``positions`` in angstrom in the frame of the lowest energy.
    training : dict
        Settings that made the model.
    created, version : str
        Date, and version of the package that wrote the file.
    """

    name: str
    description: str = ""
    level_of_theory: str = "unknown"
    data: str = "unknown"
    data_licence: str = "unknown"
    data_sha256: str = ""
    licence: str = "unknown"
    errors: dict[str, float] = field(default_factory=dict)
    valid_range: dict[str, Any] = field(default_factory=dict)
    safe_steps: tuple[SafeSteps, ...] = ()
    hydrogen_bond_lengths: dict[str, float] = field(default_factory=dict)
    hydrogen_bond_forces: dict[str, tuple[float, float]] = field(default_factory=dict)
    molecule: dict[str, list[Any]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d"))
    version: str = ""

    def __post_init__(self) -> None:
        steps: SafeSteps | tuple[SafeSteps, ...] | None = self.safe_steps
        if not isinstance(steps, tuple):
            object.__setattr__(self, "safe_steps", () if steps is None else (steps,))

    def steps_for(self, hydrogen_mass: float) -> SafeSteps | None:
        """Return the safe steps for a mass of hydrogen, or None if none are known.

        Steps that are safe for lighter hydrogen are safe for heavier, so those of the nearest mass
        that is not above it are taken.

        Parameters
        ----------
        hydrogen_mass : float
            amu.
        """
        fitting = [s for s in self.safe_steps if s.hydrogen_mass <= hydrogen_mass + _SAME_MASS]
        return max(fitting, key=lambda steps: steps.hydrogen_mass, default=None)


def save_model(
    path: str | os.PathLike[str],
    potential: Potential,
    card: ModelCard,
    uncertainty: Uncertainty | None = None,
) -> Path:
    """Write a model file; an old file stays whole if this fails.

    Parameters
    ----------
    path : path
        Usually ends in ``.innff``.
    potential : Potential
    card : ModelCard
    uncertainty : Uncertainty, optional
        Of this potential.
    """
    header = {
        "format_version": 2 if _is_new(potential.config) else 1,
        "units": {"energy": "eV", "length": "angstrom"},
        "config": dataclasses.asdict(potential.config),
        "card": dataclasses.asdict(card),
    }
    tensors = {key: value.contiguous().cpu() for key, value in potential.state_dict().items()}
    if uncertainty is not None:
        known = dict(vars(uncertainty))
        for key in _TENSORS:
            tensors[f"{UNCERTAINTY}.{key}"] = known.pop(key).contiguous().cpu()
        header |= {"format_version": FORMAT_VERSION, UNCERTAINTY: known}
    content = save(tensors, metadata={FORMAT: json.dumps(header)})
    target = Path(path)
    with atomic_write(target, "wb") as file:
        file.write(content)
    return target


def _is_new(config: PotentialConfig) -> bool:
    parts = (config.fast, config.slow)
    return config.distilled or any(
        not isinstance(part, ComponentConfig) or part.messages > 0 for part in parts
    )


def read_model(path: str | os.PathLike[str]) -> tuple[Potential, ModelCard]:
    """Read a model file, but for its uncertainty.

    Raises
    ------
    ModelFileError
        If the file is missing, truncated, foreign, damaged, or newer than this package.
    """
    source = Path(path)
    header, tensors = _read(source)
    own = {key: value for key, value in tensors.items() if not key.startswith(f"{UNCERTAINTY}.")}
    try:
        potential = Potential(_parse_config(header["config"]))
        potential.load_state_dict(own)
        card = _parse_card(header["card"])
    except (KeyError, TypeError, ValueError, ConfigError, RuntimeError) as error:
        raise ModelFileError(f"{source}: damaged: {error}") from error
    return potential.eval(), card


def read_uncertainty(path: str | os.PathLike[str]) -> Uncertainty | None:
    """Read the uncertainty in a model file; None if it was never calibrated.

    Raises
    ------
    ModelFileError
        As `read_model`.
    """
    source = Path(path)
    header, tensors = _read(source)
    if UNCERTAINTY not in header:
        return None
    try:
        found = {key: tensors[f"{UNCERTAINTY}.{key}"] for key in _TENSORS}
        return Uncertainty(**{**header[UNCERTAINTY], **found})
    except (KeyError, TypeError) as error:
        raise ModelFileError(f"{source}: the uncertainty is damaged: {error}") from error


def _read(source: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of a file."""
    if not source.is_file():
        raise ModelFileError(f"{source}: there is no such file")
    try:
        with safe_open(source, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelFileError(
            f"{source}: not a whole model file (truncated, or of another kind): {error}"
        ) from error
    if FORMAT not in metadata:
        raise ModelFileError(f"{source}: a safetensors file, but not a model of this package")
    return _parse_header(source, metadata[FORMAT]), tensors


def _parse_header(source: Path, text: str) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(text)
        version = header["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{source}: the header is damaged: {error}") from error
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{source}: written in format {version}, this version of openmm-innff reads up to "
            f"format {FORMAT_VERSION}; install a newer openmm-innff"
        )
    return header


def _parse_config(config: dict[str, Any]) -> PotentialConfig:
    return PotentialConfig(
        elements=tuple(config["elements"]),
        fast=_parse_fast(config["fast"]),
        slow=_parse_slow(config["slow"]),
        distilled=config.get("distilled", False),
    )


def _parse_slow(config: dict[str, Any]) -> ComponentConfig | EquivariantConfig:
    kind = EquivariantConfig if config.get("kind") == "equivariant" else ComponentConfig
    return kind(**config)


def _parse_fast(config: dict[str, Any]) -> ComponentConfig | BondedConfig:
    if config.get("kind") != "bonded":
        return ComponentConfig(**config)

    def types(kind: type[T], name: str) -> tuple[T, ...]:
        return tuple(kind(**{**entry, "atoms": tuple(entry["atoms"])}) for entry in config[name])

    known = {
        "environments": tuple(config["environments"]),
        "bonds": types(BondType, "bonds"),
        "angles": types(AngleType, "angles"),
        "pairs": types(PairType, "pairs"),
    }
    return BondedConfig(**{**config, **known})


def _parse_card(card: dict[str, Any]) -> ModelCard:
    steps = card["safe_steps"]
    if not isinstance(steps, list):  # files from before there were several
        steps = [] if steps is None else [steps]
    forces = {key: tuple(pair) for key, pair in card.get("hydrogen_bond_forces", {}).items()}
    known = {"safe_steps": tuple(SafeSteps(**entry) for entry in steps)}
    return ModelCard(**{**card, **known, "hydrogen_bond_forces": forces})


def parameter_count(potential: Potential) -> dict[str, int]:
    """Return the number of trainable numbers of each part."""
    count = {
        part: sum(p.numel() for p in getattr(potential, part).parameters())
        for part in ("fast", "slow")
    }
    return {**count, "total": sum(count.values())}
