"""Size and range of an equivariant component."""

from dataclasses import dataclass

from openmm_innff.potential.bonded_config import check_kind, check_range, check_sizes


@dataclass(frozen=True)
class EquivariantConfig:
    """Hyper-parameters of a component of two layers of tensors.

    Attributes
    ----------
    cutoff : float
        Of each layer, in angstrom: atoms see what lies within twice that.
    channels : int
        Of each of the three factors of products.
    features : int
        Channels of the tensors that neighbours pass on.
    nodes : int
        Nodal values of each radial function.
    radials : int
        Radial functions shared by the channels of a degree.
    warp : float
        Distance in angstrom where the radial grid is densest.
    projections : int
        Interpolants in the readout of each layer, even.
    intervals : int
        Grid intervals of each of these.
    kind : str
        "equivariant".
    """

    cutoff: float
    channels: int = 32
    features: int = 16
    nodes: int = 12
    radials: int = 8
    warp: float = 1.5
    projections: int = 16
    intervals: int = 12
    kind: str = "equivariant"

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_kind(self.kind, "equivariant")
        check_sizes(self)
        check_range("features", self.features, 1, 1024)
