r"""A component of bonds, angles and contacts: INN terms in internal coordinates.

.. math::

    E = \sum_{bonds} f(r) + \sum_{angles} \Big[ g(u) + \sum_m a_m(r_1) b_m(r_2) c_m(u) \Big]
        + \sum_{pairs} h(r), \qquad u = \frac{r_1^2 + r_2^2 - r_3^2}{2 r_1 r_2}

All functions are one-dimensional interpolants; the sum of products is a CP decomposition of the
coupling between an angle and its two bonds (arXiv:2505.18141). The cosine u, rather than the
angle, has no singularity where three atoms are in line. Pairs are atoms that are not connected by
one or two bonds; their functions end smoothly at the cutoff.
"""

import torch
from torch import Tensor, nn

from openmm_innff.engine.parameters import Terms
from openmm_innff.engine.reference import TINY
from openmm_innff.nn.functions import Functions, evaluate_rows, extend
from openmm_innff.nn.interpolant import smooth_nodal_values
from openmm_innff.potential.bonded_config import BondedConfig

SCALE = 0.1
"""Energy in eV of a nodal value of one: about what the terms vary by at room temperature."""
LENGTH_WALL = 200.0
"""eV/angstrom^3. A bond 0.1 angstrom out of its range is pulled by 6 eV/angstrom."""
COSINE_WALL = 50.0
"""eV."""


class Bonded(nn.Module):
    """Energy and forces of bonds, angles and pairs.

    Parameters
    ----------
    config : BondedConfig
    generator : torch.Generator
        Source of the initial parameters.
    """

    symmetric: Tensor

    def __init__(self, config: BondedConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.cutoff = config.cutoff
        nodes, angles, modes = config.nodes, len(config.angles), config.modes
        self.bonds = nn.Parameter(torch.zeros(len(config.bonds), nodes))
        self.angles = nn.Parameter(torch.zeros(angles, nodes))
        arms = smooth_nodal_values(angles * modes * 2, nodes, generator, 1.0)
        self.arms = nn.Parameter(arms.reshape(angles, modes, 2, nodes))
        self.cosines = nn.Parameter(torch.zeros(angles, modes, nodes))
        # The last three nodal values are zero: so are value, slope and curvature at the cutoff.
        self.pairs = nn.Parameter(torch.zeros(len(config.pairs), nodes - 3))
        same = [float(kind.atoms[0] == kind.atoms[2]) for kind in config.angles]
        self.register_buffer("symmetric", torch.tensor(same), persistent=False)
        self._ranges = _ranges(config)  # no buffers, which would follow the parameters' precision

    def roughness(self) -> Tensor:
        """Return the mean squared third difference of nodal values.

        Without it they would keep their first guess where no data are; with it a parabola goes on
        as one.
        """
        total = torch.zeros(())
        for values in (self.bonds, self.angles, self.arms, self.cosines, self.pairs):
            if values.numel():
                total = total + torch.diff(values, n=3).square().mean()
        return total

    def functions(self) -> Functions:
        """Return all functions in eV and angstrom, float64; gradients reach the parameters."""
        nodes = self.config.nodes
        bonds, angles, arms, cosines, pairs = (
            values.double()
            for values in (self.bonds, self.angles, self.arms, self.cosines, self.pairs)
        )
        first, second = arms[:, :, 0], arms[:, :, 1]
        # Alike ends: the same function for both bonds, and no angle has a left and a right.
        alike = self.symmetric.reshape(-1, 1, 1)
        products = torch.stack([first, second + alike * (first - second), SCALE * cosines], 2)
        rows = [
            extend(SCALE * bonds, "straight", "straight"),
            extend(SCALE * angles, "straight", "straight"),
            extend(products.reshape(-1, nodes), "constant", "constant"),
            extend(nn.functional.pad(SCALE * pairs, (0, 3)), "straight", "zero"),
        ]
        values = torch.cat(rows)
        return Functions(values, *(column.to(values.device) for column in self._ranges))

    def without_walls(self) -> None:
        """Take away what holds atoms where the data end, and does not depend on any parameter."""
        *grid, wall_low, wall_high = self._ranges
        self._ranges = [*grid, torch.zeros_like(wall_low), torch.zeros_like(wall_high)]

    def forward(self, positions: Tensor, terms: Terms) -> tuple[Tensor, Tensor]:
        """Return energies of the atoms (N,) in eV and forces (N, 3) in eV/angstrom, float64.

        Gradients reach the parameters; positions are constants.
        """
        return energies_and_forces(self.functions(), self.config.modes, positions, terms)


def energies_and_forces(
    functions: Functions, modes: int, positions: Tensor, terms: Terms, tiny: float = TINY
) -> tuple[Tensor, Tensor]:
    """Return energies of the atoms (N,) in eV and forces (N, 3) in eV/angstrom.

    Parameters
    ----------
    functions : Functions
    modes : int
        Products of each angle.
    positions : Tensor, shape (N, 3), float64
        In angstrom.
    terms : Terms
    tiny : float
        Added to squared distances, in square angstrom.
    """
    between = positions.index_select(0, terms.second) - positions.index_select(0, terms.first)
    between = between + terms.offsets
    r = torch.sqrt(between.square().sum(1) + tiny)
    energy, slope = torch.zeros_like(r), torch.zeros_like(r)
    for distances, rows in ((terms.bonds, terms.bond_rows), (terms.pairs, terms.pair_rows)):
        value, by_r = evaluate_rows(functions, rows, r.index_select(0, distances))
        energy = energy.index_add(0, distances, value)
        slope = slope.index_add(0, distances, by_r)
    value, by_sides = _angle_energies(functions, modes, terms, r)
    energy = energy.index_add(0, terms.angles[:, 0], value)
    slope = slope.index_add(0, terms.angles.reshape(-1), by_sides.reshape(-1))
    pull = (slope / r).unsqueeze(1) * between
    forces = torch.zeros_like(positions).index_add(0, terms.first, pull)
    forces = forces.index_add(0, terms.second, -pull)
    return torch.zeros_like(positions[:, 0]).index_add(0, terms.first, energy), forces


def _angle_energies(
    functions: Functions, modes: int, terms: Terms, r: Tensor
) -> tuple[Tensor, Tensor]:
    """Return energies (A,) and their derivatives by the three distances (A, 3)."""
    sides = r.index_select(0, terms.angles.reshape(-1)).reshape(-1, 3)
    first, second, across = sides[:, 0], sides[:, 1], sides[:, 2]
    area = first * second
    cosine = (first * first + second * second - across * across) / (2.0 * area)
    energy, by_cosine = evaluate_rows(functions, terms.angle_rows, cosine)
    by_first, by_second = torch.zeros_like(energy), torch.zeros_like(energy)
    for mode in range(modes):
        row = terms.product_rows + 3 * mode
        a, slope_a = evaluate_rows(functions, row, first)
        b, slope_b = evaluate_rows(functions, row + 1, second)
        c, slope_c = evaluate_rows(functions, row + 2, cosine)
        energy = energy + a * b * c
        by_first = by_first + slope_a * b * c
        by_second = by_second + a * slope_b * c
        by_cosine = by_cosine + a * b * slope_c
    by_first = by_first + by_cosine * (first - second * cosine) / area
    by_second = by_second + by_cosine * (second - first * cosine) / area
    return energy, torch.stack([by_first, by_second, -by_cosine * across / area], 1)


def _ranges(config: BondedConfig) -> list[Tensor]:
    """Return the fields of `Functions` after the values."""
    lengths = {kind.atoms: (kind.low, kind.high) for kind in config.bonds}
    rows = [(*limits, LENGTH_WALL, LENGTH_WALL) for limits in lengths.values()]
    rows += [(kind.low, kind.high, COSINE_WALL, COSINE_WALL) for kind in config.angles]
    for kind in config.angles:
        a, centre, b = kind.atoms
        ends = [lengths[min(end, centre), max(end, centre)] for end in (a, b)]
        rows += [(*limits, 0.0, 0.0) for limits in (*ends, (kind.low, kind.high))] * config.modes
    rows += [(kind.low, config.cutoff, LENGTH_WALL, 0.0) for kind in config.pairs]
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)
    low, high, wall_low, wall_high = (column.contiguous() for column in table.unbind(1))
    return [low, high, (high - low) / (config.nodes - 3), wall_low, wall_high]
