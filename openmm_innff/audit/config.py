"""What the step advisor does: a frozen configuration."""

from dataclasses import dataclass, field, replace

from openmm_innff.audit.schemes import DEFAULT
from openmm_innff.audit.verdict import Tolerances
from openmm_innff.errors import ConfigError

HYDROGEN = 1.008
_STEPS_LIGHT = ((0.5, 2.0), (0.5, 3.0), (0.5, 4.0), (1.0, 4.0), (0.5, 5.0), (0.5, 6.0))
_STEPS_HEAVY = ((1.0, 4.0), (1.0, 6.0), (2.0, 6.0), (1.0, 8.0), (1.0, 10.0))
_HEAVY = 2.0
_STEP_TOLERANCE = 1e-6


@dataclass(frozen=True)
class AuditConfig:
    """What the step advisor does.

    Parameters
    ----------
    waters, structure
        Number of waters of a new box, or a PDB file with a box.
    hydrogen_masses
        amu.
    steps
        Pairs of inner and outer step, fs; empty: a choice that suits each mass.
    length_ps, equilibration_ps, nve_ps
        Length of each run (the reference is twice as long), of the run before, and of those
        at constant energy.
    temperature, friction
        Of the bath: K, 1/ps.
    scheme
        One of `schemes.SCHEMES`.
    mollified
        Whether the candidates' slow part sees bonds of hydrogen at their mean lengths. The
        reference stays as it is.
    platform, threads
        OpenMM platform; CPU threads of the potential, 0: as many as are quickest.
    seed
        Of box, velocities and noise.
    tolerances
        What counts as agreement.
    """

    waters: int | None = 64
    structure: str | None = None
    hydrogen_masses: tuple[float, ...] = (HYDROGEN, 3.024)
    steps: tuple[tuple[float, float], ...] = ()
    length_ps: float = 50.0
    equilibration_ps: float = 100.0
    nve_ps: float = 10.0
    temperature: float = 300.0
    friction: float = 2.0
    scheme: str = DEFAULT
    mollified: bool = False
    platform: str = "auto"
    threads: int = 0
    seed: int = 1
    tolerances: Tolerances = field(default_factory=Tolerances)

    def __post_init__(self) -> None:
        for inner, outer in self.steps:
            n = round(outer / inner) if inner > 0 else 0
            if n < 1 or abs(n * inner - outer) > _STEP_TOLERANCE * outer:
                raise ConfigError(
                    "steps: wanted IN/OUT in fs with OUT a whole multiple of IN, "
                    f"found {inner:g}/{outer:g}"
                )

    def candidates(self, mass: float) -> tuple[tuple[float, float], ...]:
        """Pairs of inner and outer step for a hydrogen mass, fs."""
        return self.steps or (_STEPS_HEAVY if mass >= _HEAVY else _STEPS_LIGHT)


def quick(config: AuditConfig) -> AuditConfig:
    """Shorten everything to a trial of some minutes, too short to settle anything."""
    return replace(config, length_ps=4.0, equilibration_ps=1.0, nve_ps=2.0)
