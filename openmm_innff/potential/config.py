"""Size and range of a potential."""

from dataclasses import dataclass

from openmm_innff.elements import atomic_number
from openmm_innff.errors import ConfigError


@dataclass(frozen=True)
class ComponentConfig:
    """Hyper-parameters of one component.

    Attributes
    ----------
    cutoff : float
        In angstrom.
    channels : int
        CP channels per degree.
    l_max : int
        Highest degree of the angular functions, 0 to 2.
    nodes : int
        Nodal values of each radial function.
    radials : int
        Radial functions shared by the channels of a degree.
    warp : float
        Distance in angstrom where the radial grid is densest.
    projections : int
        Interpolants in the readout, even.
    intervals : int
        Grid intervals of each of these.
    """

    cutoff: float
    channels: int = 32
    l_max: int = 2
    nodes: int = 12
    radials: int = 8
    warp: float = 1.5
    projections: int = 64
    intervals: int = 12

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check("cutoff", self.cutoff, 0.5, 20.0)
        _check("channels", self.channels, 1, 1024)
        _check("l_max", self.l_max, 0, 2)
        _check("nodes", self.nodes, 5, 100)
        _check("radials", self.radials, 1, 100)
        _check("warp", self.warp, 0.1, 20.0)
        _check("projections", self.projections, 2, 4096)
        _check("intervals", self.intervals, 2, 1000)
        if self.projections % 2:
            raise ConfigError(f"projections: wanted an even number, found {self.projections}")


@dataclass(frozen=True)
class PotentialConfig:
    """Elements and components of a potential.

    Attributes
    ----------
    elements : tuple of str
        Symbols of the elements that the potential knows.
    fast, slow : ComponentConfig
        The short-range and the long-range component.
    """

    elements: tuple[str, ...]
    fast: ComponentConfig
    slow: ComponentConfig

    def __post_init__(self) -> None:
        """Sort the elements by atomic number; refuse repeated ones."""
        if not self.elements or len(set(self.elements)) != len(self.elements):
            raise ConfigError(f"elements: wanted distinct symbols, found {self.elements}")
        ordered = tuple(sorted(self.elements, key=atomic_number))
        object.__setattr__(self, "elements", ordered)
        if self.fast.cutoff > self.slow.cutoff:
            raise ConfigError(
                f"fast.cutoff: wanted at most slow.cutoff = {self.slow.cutoff} angstrom, "
                f"found {self.fast.cutoff}"
            )


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name}: wanted a value from {low} to {high}, found {value}")
