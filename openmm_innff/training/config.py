"""Settings of a training run, read from TOML."""

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmm_innff.errors import ConfigError
from openmm_innff.potential import BondedConfig, ComponentConfig, EquivariantConfig, PotentialConfig
from openmm_innff.settings import build, read_toml


@dataclass(frozen=True)
class DataConfig:
    """Reference data.

    Attributes
    ----------
    train : str
        Extended XYZ file (plain or gz); relative to the TOML file. ``$NAME`` is taken from the
        environment.
    validation : str or float
        A file, or a fraction of the training file that is held out.
    isolated_atoms : str
        File with single atoms for the reference energies; empty: least squares.
    frames : int
        Training frames that are used, chosen at random by the seed: fewer are among those of more.
        0: all.
    """

    train: str
    validation: str | float = 0.1
    isolated_atoms: str = ""
    frames: int = 0


@dataclass(frozen=True)
class CardConfig:
    """What can't be read off the data: goes to the model card."""

    name: str
    description: str = ""
    level_of_theory: str = "unknown"
    data: str = "unknown"
    data_licence: str = "unknown"
    licence: str = "unknown"
    valid_range: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OptimizerConfig:
    """How the parameters are found.

    Attributes
    ----------
    fast_epochs, joint_epochs : int
        Length of the stage that trains the fast part alone and of the one that trains both, or,
        if distilled, the whole.
    batch_size : int
        Frames per step.
    learning_rate, final_rate : float
        At the start of each stage (after warm-up) and, as a fraction of it, at its end.
    warmup_steps : int
    ema : float
        Decay per step of the averaged parameters that make the model.
    clip : float
        Largest norm of the gradient.
    energy_weight, late_energy_weight : float
        Weight of (E - E_ref)^2 / N against the mean squared force component; the late one holds
        from ``late_from`` of a stage on.
    late_from : float
        Fraction of a stage.
    curvature : float
        Weight of the roughness of nodal values, see `roughness` of the components.
    seed : int
    dtype : str
        "float32" or "float64".
    validate_every : int
        Epochs between validations.
    """

    fast_epochs: int = 20
    joint_epochs: int = 150
    batch_size: int = 2
    learning_rate: float = 4e-3
    final_rate: float = 0.01
    warmup_steps: int = 50
    ema: float = 0.998
    clip: float = 10.0
    energy_weight: float = 0.2
    late_energy_weight: float = 5.0
    late_from: float = 0.6
    curvature: float = 3e-5
    seed: int = 0
    dtype: str = "float32"
    validate_every: int = 1


@dataclass(frozen=True)
class SmoothnessConfig:
    """Penalties on the slow force: on its change along thermal motion, and on its size.

    The change is that of arXiv:2310.13756. The size matters because kicks by a slow force, however
    smooth, make stiff vibrations swing about the place where a steady force would hold them; what
    of it the fast part can take over costs nothing.

    Attributes
    ----------
    weight : float
        lambda in fs^2, of the mean squared change over tau, divided by tau^2; 0 switches it off.
    magnitude : float
        Weight of the mean squared slow force.
    bonds : float
        Weight of the mean squared slow force along bonds of hydrogen, which a mollified slow part
        lacks, see `forces.mollified`.
    tau_fs : float
        Time over which atoms move freely.
    temperature : float
        In K, of the velocities.
    every : int
        Steps between evaluations; the weight is multiplied by it.
    """

    weight: float = 5.0
    magnitude: float = 0.0
    bonds: float = 0.0
    tau_fs: float = 2.0
    temperature: float = 300.0
    every: int = 2


@dataclass(frozen=True)
class StretchConfig:
    """Frames with stretched bonds of hydrogen, see `training.stretch`.

    Attributes
    ----------
    weight : float
        Of the mean squared lack of pull; 0 switches it off.
    longest : float
        In angstrom; bonds become this long at most.
    pull : float
        Smallest force towards the other atom, in eV/angstrom.
    fraction : float
        Of the bonds in a frame.
    """

    weight: float = 0.0
    longest: float = 1.5
    pull: float = 2.0
    fraction: float = 0.08


@dataclass(frozen=True)
class UncertaintyConfig:
    """How the uncertainty of the model is found in the end, see `training.uncertainty`.

    Attributes
    ----------
    frames : int
        Training frames from which it is found, chosen at random: the time grows with them. 0: all.
    """

    frames: int = 400


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of a training run.

    Attributes
    ----------
    fast : ComponentConfig or BondedConfig
    slow : ComponentConfig or EquivariantConfig
        Components; if ``distilled``, the slow one is that of the whole energy.
    distilled : bool
        Whether the whole energy is learned first and then the fast part from it, see
        `potential.PotentialConfig`; else the fast part first, and then both together.
    """

    data: DataConfig
    card: CardConfig
    fast: ComponentConfig | BondedConfig
    slow: ComponentConfig | EquivariantConfig
    distilled: bool = False
    optimizer: OptimizerConfig = OptimizerConfig()
    smoothness: SmoothnessConfig = SmoothnessConfig()
    stretch: StretchConfig = StretchConfig()
    uncertainty: UncertaintyConfig = UncertaintyConfig()

    def __post_init__(self) -> None:
        """Check the ranges."""
        optimizer = self.optimizer
        if optimizer.dtype not in ("float32", "float64"):
            raise ConfigError(
                f"optimizer.dtype: wanted float32 or float64, found {optimizer.dtype!r}"
            )
        for name in ("batch_size", "validate_every", "joint_epochs"):
            if getattr(optimizer, name) < 1:
                raise ConfigError(
                    f"optimizer.{name}: wanted at least 1, found {getattr(optimizer, name)}"
                )
        if self.stretch.weight and isinstance(self.fast, BondedConfig):
            raise ConfigError("stretch: a bonded fast part has walls of its own; leave it out")
        if self.uncertainty.frames < 0:
            raise ConfigError(
                f"uncertainty.frames: wanted 0 or more, found {self.uncertainty.frames}"
            )
        if self.smoothness.every < 1 or self.smoothness.tau_fs <= 0:
            raise ConfigError("smoothness: wanted every >= 1 and tau_fs > 0")


def load_config(
    path: str | os.PathLike[str], base: PotentialConfig | None = None
) -> TrainingConfig:
    """Read a training configuration.

    Parameters
    ----------
    path : path
    base : PotentialConfig
        Of a model that training goes on from: it says what both parts are, and the file does not.

    Raises
    ------
    ConfigError
        If the file is missing, not TOML, or has an unknown, missing or impossible entry.
    """
    source = Path(path)
    entries = read_toml(source)
    try:
        config = _build_on(base, entries) if base else build(TrainingConfig, entries)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
    return _resolve_paths(config, source.parent)


def _build_on(base: PotentialConfig, entries: dict[str, Any]) -> TrainingConfig:
    """Return the configuration of a run whose parts are those of a base model."""
    shape = {"fast": base.fast, "slow": base.slow, "distilled": base.distilled}
    given = [name for name in shape if name in entries]
    if given:
        raise ConfigError(f"{given[0]}: the base model says what it is; leave it out with --from")
    anything: dict[str, Any] = {"cutoff": 1.0}
    config = build(TrainingConfig, {**entries, "fast": anything, "slow": anything})
    return dataclasses.replace(config, **shape)  # type: ignore[arg-type]


def _resolve_paths(config: TrainingConfig, folder: Path) -> TrainingConfig:
    def resolve(name: str) -> str:
        expanded = os.path.expandvars(name)
        if "$" in expanded:
            raise ConfigError(f"data: the environment has no variable for {name!r}")
        return str((folder / expanded).resolve()) if expanded else ""

    data = config.data
    validation = data.validation
    resolved = dataclasses.replace(
        data,
        train=resolve(data.train),
        validation=resolve(validation) if isinstance(validation, str) else validation,
        isolated_atoms=resolve(data.isolated_atoms),
    )
    return dataclasses.replace(config, data=resolved)
