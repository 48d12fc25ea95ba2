"""Size and range of a potential."""

from dataclasses import dataclass

from openmm_innff.elements import atomic_number
from openmm_innff.errors import ConfigError
from openmm_innff.potential.bonded_config import BondedConfig, check_kind, check_range, check_sizes
from openmm_innff.potential.equivariant_config import EquivariantConfig


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
    messages : int
        Messages that neighbours pass on to a second layer; 0: there is none. They need l_max = 2.
    vectors : bool
        Whether each message is a scalar and a vector, or a scalar alone.
    message_cutoff : float
        Of the second layer in angstrom, at most ``cutoff``; 0: the same.
    kind : str
        "density".
    """

    cutoff: float
    channels: int = 32
    l_max: int = 2
    nodes: int = 12
    radials: int = 8
    warp: float = 1.5
    projections: int = 64
    intervals: int = 12
    messages: int = 0
    vectors: bool = True
    message_cutoff: float = 0.0
    kind: str = "density"

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_kind(self.kind, "density")
        check_sizes(self)
        check_range("l_max", self.l_max, 0, 2)
        check_range("messages", self.messages, 0, 1024)
        check_range("message_cutoff", self.message_cutoff, 0.0, self.cutoff)
        if self.messages and self.l_max < 2:
            raise ConfigError(f"l_max: wanted 2 where there are messages, found {self.l_max}")


@dataclass(frozen=True)
class PotentialConfig:
    """Elements and components of a potential.

    Attributes
    ----------
    elements : tuple of str
        Symbols of the elements that the potential knows.
    fast : ComponentConfig or BondedConfig
        The short-range component.
    slow : ComponentConfig or EquivariantConfig
        The long-range component.
    distilled : bool
        False: the energy is the sum of both components. True: the slow component describes the
        whole energy and the fast one its stiff part, so that the slow part of the potential is
        their difference.
    """

    elements: tuple[str, ...]
    fast: ComponentConfig | BondedConfig
    slow: ComponentConfig | EquivariantConfig
    distilled: bool = False

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
