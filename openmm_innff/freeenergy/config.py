"""What free energy is calculated, and how: a frozen configuration, read from TOML."""

from dataclasses import dataclass
from pathlib import Path

from openmm_innff.errors import ConfigError
from openmm_innff.settings import build, check_fields, read_toml

BINDING, CORRECTION = "binding", "correction"


@dataclass(frozen=True)
class FreeEnergyConfig:
    """One free energy.

    Parameters
    ----------
    title
        Heading of the report.
    kind
        "binding": that of binding, absolute, by double decoupling. "correction": by how much the
        model changes a binding free energy of the force field ("book-ending").
    complex
        Recipe of ``innff run`` with a ligand. Its model, force field and steps are used.
    solvent
        The same for the ligand in solvent. Not given: the complex without the largest molecules
        that are not the ligand, that is with its water and ions.
    temperature_K, pressure_bar
        Of all; the pressure where there is a box.
    friction_per_ps
        Of Langevin dynamics.
    restraints, electrostatics, sterics
        Of a binding free energy: values that the restraint of the complex takes (rising from 0 to
        1), then charges and then Lennard-Jones interactions of the ligand (falling from 1 to 0).
    restraint_angstrom
        Spread along each axis that the restraint leaves to the ligand's centre.
    stages
        Of a correction: values of ``lambda_interpolate``, rising from 0 to 1.
    settle_ps, length_ps
        Of each replica: before the samples, and with them.
    exchange_every_ps
        Time between exchanges, each of which gives a sample.
    checkpoint_every
        Exchanges between two checkpoints: no more is ever lost.
    platform, precision, threads
        Of OpenMM, as in a recipe of ``innff run``.
    """

    complex: str
    title: str = "Free energy"
    kind: str = BINDING
    solvent: str | None = None
    temperature_K: float = 300.0
    pressure_bar: float = 1.0
    friction_per_ps: float = 2.0
    restraints: tuple[float, ...] = (0.0, 0.1, 0.4, 1.0)
    electrostatics: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25, 0.0)
    sterics: tuple[float, ...] = (
        *(1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.0),
    )
    restraint_angstrom: float = 1.5
    stages: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    settle_ps: float = 10.0
    length_ps: float = 1000.0
    exchange_every_ps: float = 1.0
    checkpoint_every: int = 10
    platform: str = "auto"
    precision: str = "single"
    threads: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kind not in (BINDING, CORRECTION):
            raise ConfigError(f"kind: wanted {BINDING} or {CORRECTION}, found '{self.kind}'")
        for name, first in (
            *(("restraints", 0), ("electrostatics", 1), ("sterics", 1), ("stages", 0)),
        ):
            values = list(getattr(self, name))
            ends = (values[:1], values[-1:]) == ([first], [1 - first])
            if not ends or values != sorted(set(values), reverse=first == 1):
                raise ConfigError(
                    f"{name}: wanted {'falling' if first else 'rising'} values from {first} to "
                    f"{1 - first}, found {values}"
                )
        for name in (
            *("temperature_K", "pressure_bar", "friction_per_ps", "restraint_angstrom"),
            *("length_ps", "exchange_every_ps", "checkpoint_every"),
        ):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}: wanted more than 0, found {getattr(self, name)}")

    @property
    def exchanges(self) -> int:
        """Number of exchanges, and of samples of each state."""
        return max(2, round(self.length_ps / self.exchange_every_ps))


def load_config(path: str | Path) -> FreeEnergyConfig:
    """Read a TOML file. The recipes that it names are sought from its own folder.

    Raises
    ------
    ConfigError
        If it isn't TOML, or a key or value can't be used.
    """
    table = read_toml(path)
    for key in ("complex", "solvent"):
        beside = Path(path).parent / str(table.get(key))
        if key in table and beside.is_file():
            table[key] = str(beside.resolve())
    try:
        return build(FreeEnergyConfig, table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
