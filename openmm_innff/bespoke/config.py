"""Settings of a bespoke potential."""

import dataclasses
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from openmm_innff.errors import ConfigError
from openmm_innff.settings import check_fields, read_toml
from openmm_innff.training.config import TrainingConfig

CHEAP_LABELS, DEAR_LABELS = 1600, 300
BASE_FRAMES = 2000
"""Of GFN2-xTB, to learn from before dear labels."""
LEAST_BASE = 20


@dataclass(frozen=True)
class BespokeConfig:
    """What is wanted, and what it may cost.

    Attributes
    ----------
    name : str
        Of the model.
    level : str
        Key of the level of theory.
    target : float
        Mean absolute error of the force components in fresh frames, meV/angstrom.
    labels : int
        Structures to train on, at most.
    minutes : float
        Budget of time: no new round begins after it, and the last training fits into it. 0: none.
    rounds : int
        In which labels are added to those of the start.
    fresh : int
        Labelled structures that are never trained on, to judge by.
    temperature, hot : float
        In K: of the fresh structures, and the highest of the dynamics that find what to learn.
    round_steps, final_steps, distil_steps : int
        Optimiser steps: in each round, at the end, and for the fast part.
    stability_ps : float
        Length of the dynamics that test the model at each of both temperatures.
    scans : int
        Dihedral angles whose profiles are compared, at most.
    seed : int
    licence : str
        Of the model and of its labels, for the card.
    base : str
        Model that the first training goes on from, such as one of a cheaper level of theory: the
        name of a shipped one, or a file; empty: none.
    base_frames, base_steps : int
        Otherwise the first training goes on from a model of so many structures with GFN2-xTB, which
        is made by itself in so many optimiser steps; 0: from random numbers.
    training : str
        TOML file of how it is trained, like the shipped ``bespoke/training.toml``; empty: that.
    """

    name: str
    level: str
    target: float = 20.0
    labels: int = CHEAP_LABELS
    minutes: float = 0.0
    rounds: int = 3
    fresh: int = 60
    temperature: float = 300.0
    hot: float = 600.0
    round_steps: int = 1500
    final_steps: int = 10000
    distil_steps: int = 500
    stability_ps: float = 20.0
    scans: int = 6
    seed: int = 0
    licence: str = "unknown"
    base: str = ""
    base_frames: int = 0
    base_steps: int = 10000
    training: str = ""

    def __post_init__(self) -> None:
        """Check types and ranges."""
        check_fields(self)
        if not self.name or "/" in self.name:
            raise ConfigError(f"name: wanted one without slashes, found {self.name!r}")
        least = {"labels": 20, "rounds": 1, "fresh": 5, "round_steps": 1, "final_steps": 1,
                 "distil_steps": 1, "base_steps": 1}  # fmt: skip
        for key, smallest in least.items():
            if getattr(self, key) < smallest:
                raise ConfigError(f"{key}: wanted at least {smallest}, found {getattr(self, key)}")
        for key in ("target", "temperature", "hot", "stability_ps"):
            if not getattr(self, key) > 0.0:
                raise ConfigError(f"{key}: wanted more than 0, found {getattr(self, key)}")
        if self.minutes < 0.0 or self.scans < 0:
            raise ConfigError("minutes, scans: wanted 0 or more")
        if self.base_frames and self.base:
            raise ConfigError("base_frames: there is a base already; wanted 0 with --from")
        if self.base_frames and self.base_frames < LEAST_BASE:
            raise ConfigError(
                f"base_frames: wanted 0 or at least {LEAST_BASE}, found {self.base_frames}"
            )
        if self.hot < self.temperature:
            raise ConfigError(
                f"hot: wanted at least the temperature of {self.temperature:g} K, "
                f"found {self.hot:g} K"
            )

    @property
    def start(self) -> int:
        """Structures that are labelled before the first training."""
        return max(10, self.labels // 4)


def training_file(config: BespokeConfig) -> Path:
    """Return the file of how it is trained."""
    if config.training:
        return Path(config.training)
    return Path(str(resources.files(__package__) / "training.toml"))


def training_entries(config: BespokeConfig) -> dict[str, Any]:
    """Return the tables of the training file.

    Raises
    ------
    ConfigError
        If it can't be read, or says what is not its business.
    """
    source = training_file(config)
    entries = read_toml(source)
    foreign = {"data", "card"} & entries.keys()
    if foreign:
        raise ConfigError(f"{source}: {sorted(foreign)[0]}: is filled in; leave it out")
    return entries


def with_epochs(config: TrainingConfig, joint: int, fast: int) -> TrainingConfig:
    """Return a training configuration with other lengths of its stages.

    Parameters
    ----------
    config : TrainingConfig
    joint, fast : int
        Epochs of the whole and of the fast part.
    """
    optimizer = dataclasses.replace(config.optimizer, joint_epochs=joint, fast_epochs=fast)
    return dataclasses.replace(config, optimizer=optimizer)
