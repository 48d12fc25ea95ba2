"""Size and range of a bonded component, and the kinds of bonds and angles that it knows."""

from dataclasses import dataclass

from openmm_innff.errors import ConfigError


@dataclass(frozen=True)
class BondType:
    """Bonds between two environments.

    Attributes
    ----------
    atoms : tuple of two str
        Environments such as "H(O)" and "O(HH)", in alphabetical order.
    low, high : float
        Range of lengths in angstrom that the training data cover.
    """

    atoms: tuple[str, str]
    low: float
    high: float


@dataclass(frozen=True)
class AngleType:
    """Angles between three environments.

    Attributes
    ----------
    atoms : tuple of three str
        Environments: end, centre, end; of the ends, the one first in the alphabet comes first.
    low, high : float
        Range of cosines that the training data cover.
    """

    atoms: tuple[str, str, str]
    low: float
    high: float


@dataclass(frozen=True)
class PairType:
    """Contacts of two elements.

    Attributes
    ----------
    atoms : tuple of two str
        Symbols, by atomic number.
    low : float
        Shortest distance in angstrom that the training data cover.
    """

    atoms: tuple[str, str]
    low: float


@dataclass(frozen=True)
class BondedConfig:
    """Hyper-parameters of a bonded component.

    Attributes
    ----------
    cutoff : float
        Of the pairs, in angstrom.
    modes : int
        CP modes that couple each angle with its two bonds.
    nodes : int
        Nodal values of each function.
    environments : tuple of str
        Environments of atoms that the component knows, see `topology.environments`; these and the
        types below a training run finds in its data.
    bonds, angles, pairs : tuple of BondType, AngleType and PairType
    kind : str
        "bonded".
    """

    cutoff: float = 3.3
    modes: int = 4
    nodes: int = 14
    environments: tuple[str, ...] = ()
    bonds: tuple[BondType, ...] = ()
    angles: tuple[AngleType, ...] = ()
    pairs: tuple[PairType, ...] = ()
    kind: str = "bonded"

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_kind(self.kind, "bonded")
        check_range("cutoff", self.cutoff, 0.5, 20.0)
        check_range("modes", self.modes, 0, 100)
        check_range("nodes", self.nodes, 8, 200)
        for pair in self.pairs:
            if not pair.low < self.cutoff:
                raise ConfigError(
                    f"cutoff: wanted more than the shortest distance of {'-'.join(pair.atoms)}, "
                    f"{pair.low} angstrom, found {self.cutoff}"
                )


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value that is out of range."""
    if not low <= value <= high:
        raise ConfigError(f"{name}: wanted a value from {low} to {high}, found {value}")


RANGES = {
    "cutoff": (0.5, 20.0),
    "channels": (1, 1024),
    "nodes": (5, 100),
    "radials": (1, 100),
    "warp": (0.1, 20.0),
    "projections": (2, 4096),
    "intervals": (2, 1000),
}
"""Of what all components have that see the neighbours of each atom."""


def check_sizes(config: object) -> None:
    """Refuse sizes out of `RANGES`, and an odd number of projections."""
    for name, (low, high) in RANGES.items():
        check_range(name, getattr(config, name), low, high)
    projections = getattr(config, "projections")  # noqa: B009 - of either kind
    if projections % 2:
        raise ConfigError(f"projections: wanted an even number, found {projections}")


def check_kind(found: str, wanted: str) -> None:
    """Refuse a component of another kind."""
    if found != wanted:
        raise ConfigError(f"kind: wanted {wanted!r}, found {found!r}")
