"""The `native` backend: a bonded fast part as OpenMM's own Custom forces, on any platform.

All interpolants lie in one long table. Any sequence of nodal values of uniform cubic B-splines is
one twice differentiable spline, and OpenMM's `Continuous1DFunction` makes the natural cubic spline
through given values: given those at the knots, it is the same function. A term finds its own piece
by an offset; clamps and walls are part of the expressions.
"""

from collections.abc import Sequence

import numpy as np
import openmm
import torch

from openmm_innff.engine.parameters import TermIndex
from openmm_innff.errors import BackendError
from openmm_innff.forces.groups import FAST
from openmm_innff.nn.functions import PADDING, Functions
from openmm_innff.potential import Potential
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.topology import Bonds
from openmm_innff.units import ANGSTROM_TO_NM, EV_TO_KJ_PER_MOL

PARAMETERS = ("start", "low", "high", "spacing", "left", "right", "wall_low", "wall_high")
"""Of a function: its first knot in the table, range, slopes beyond the grid, walls."""


def make_native_forces(
    potential: Potential,
    atomic_numbers: Sequence[int] | np.ndarray,
    bonds: Bonds,
    *,
    periodic: bool,
    force_group: int = FAST,
) -> list[openmm.Force]:
    """Make OpenMM forces that together are the bonded fast part of a potential.

    Parameters
    ----------
    potential
        The potential; later changes don't reach the forces.
    atomic_numbers
        Atomic numbers (N,) of all particles of the System.
    bonds
        Bonded atoms.
    periodic
        Whether the periodic box of the Context is used.
    force_group
        0 to 31.

    Returns
    -------
    list of openmm.Force
        Forces of bonds, angles and pairs.

    Raises
    ------
    BackendError
        If the fast part is not bonded.
    UnknownEnvironmentError
        If the fast part never saw an atom's bonded neighbours.
    """
    fast = potential.fast
    if not isinstance(fast, Bonded):
        raise BackendError(
            "backend 'native' needs a bonded fast part, found one of densities: use backend='auto'"
        )
    index = potential.term_index(potential.species_index(atomic_numbers), bonds)
    with torch.no_grad():
        table = Table(fast.functions())
    forces = [
        _bond_force(table, index, periodic),
        _angle_force(table, index, fast.config.modes, periodic),
        _pair_force(table, index, fast.cutoff, periodic),
    ]
    for force in forces:
        force.setForceGroup(force_group)
    return forces


class Table:
    """All functions in one table: eV, or no unit, over knots; arguments in nm, or cosines.

    Parameters
    ----------
    functions
        In eV and angstrom.
    """

    def __init__(self, functions: Functions) -> None:
        columns = [t.cpu().numpy() for t in functions]
        self.values, self.low, self.high, self.spacing, self.wall_low, self.wall_high = columns
        self.width = self.values.shape[1]
        flat = self.values.reshape(-1)
        self.knots = (flat[:-2] + 4.0 * flat[1:-1] + flat[2:]) / 6.0

    def add_to(self, force: openmm.CustomCompoundBondForce | openmm.CustomNonbondedForce) -> None:
        """Give a force the table, and the number of knots between the ends of a function."""
        function = openmm.Continuous1DFunction(self.knots, 0, len(self.knots) - 1)
        force.addTabulatedFunction("table", function)
        force.addGlobalParameter("last", self.width - 3)

    def parameters(self, row: int, x: float) -> list[float]:
        """Return `PARAMETERS` of a row.

        Parameters
        ----------
        row
            Of the functions.
        x
            Unit of the argument: nm per angstrom, or 1 for a cosine.
        """
        values, spacing = self.values[row], x * self.spacing[row]
        return [
            float(number)
            for number in (
                row * self.width,
                x * self.low[row],
                x * self.high[row],
                spacing,
                (values[1] - values[0]) / spacing,
                (values[-1] - values[-2]) / spacing,
                self.wall_low[row] / x**3,
                self.wall_high[row] / x**3,
            )
        ]


def _function(x: str) -> str:
    """Return definitions that end in f, the function of x with `PARAMETERS`."""
    return (
        "f = table(start + inside)"
        " + spacing * (grid - inside) * select(step(grid - last), right, left)"
        f" + wall_low * max(0, low - {x})^3 + wall_high * max(0, {x} - high)^3; "
        f"inside = min(max(grid, 0), last); grid = ({x} - low) / spacing + {PADDING}"
    )


def _bond_force(table: Table, index: TermIndex, periodic: bool) -> openmm.Force:
    """Bonds; a CustomBondForce takes no tables."""
    energy = f"{EV_TO_KJ_PER_MOL!r} * f; {_function('r')}; r = distance(p1, p2)"
    force = openmm.CustomCompoundBondForce(2, energy)
    table.add_to(force)
    for name in PARAMETERS:
        force.addPerBondParameter(name)
    # The ends of angles follow those of bonds.
    for first, second, row in zip(index.first, index.second, index.bond_rows, strict=False):
        force.addBond([int(first), int(second)], table.parameters(int(row), ANGSTROM_TO_NM))
    force.setUsesPeriodicBoundaryConditions(periodic)
    force.setName("INN-FF fast, bonds")
    return force


def _angle_force(table: Table, index: TermIndex, modes: int, periodic: bool) -> openmm.Force:
    """Angles and their coupling to bonds; the factors of a product are rows of one table."""
    factors = (("a", "r1"), ("b", "r2"), ("c", "u"))
    products = [
        "*".join(
            f"table(start_{name} + {3 * m * table.width} + inside_{name})" for name, _ in factors
        )
        for m in range(modes)
    ]
    clamps = [
        f"inside_{name} = min(max(({x} - low_{name}) / spacing_{name} + {PADDING}, 0), last)"
        for name, x in factors
    ]
    energy = (
        f"{EV_TO_KJ_PER_MOL!r} * ({' + '.join(['f', *products])}); {_function('u')}; "
        f"{'; '.join(clamps)}; u = (r1^2 + r2^2 - r3^2) / (2 * r1 * r2); "
        "r1 = distance(p1, p2); r2 = distance(p2, p3); r3 = distance(p1, p3)"
    )
    force = openmm.CustomCompoundBondForce(3, energy)
    table.add_to(force)
    for name in PARAMETERS:
        force.addPerBondParameter(name)
    for name, _ in factors:
        for parameter in ("start", "low", "spacing"):
            force.addPerBondParameter(f"{parameter}_{name}")
    for sides, row, product in zip(
        index.angles.tolist(), index.angle_rows.tolist(), index.product_rows.tolist(), strict=True
    ):
        values = table.parameters(row, 1.0)
        for k, x in enumerate((ANGSTROM_TO_NM, ANGSTROM_TO_NM, 1.0)):
            start, low, _, spacing, *_ = table.parameters(product + k, x) if modes else values
            values = [*values, start, low, spacing]
        force.addBond(_atoms_of_angle(index, sides), values)
    force.setUsesPeriodicBoundaryConditions(periodic)
    force.setName("INN-FF fast, angles")
    return force


def _atoms_of_angle(index: TermIndex, sides: Sequence[int]) -> list[int]:
    """Return end, centre, end."""
    first, last = int(index.first[sides[2]]), int(index.second[sides[2]])
    ends = int(index.first[sides[0]]), int(index.second[sides[0]])
    return [first, ends[0] + ends[1] - first, last]


def _pair_force(table: Table, index: TermIndex, cutoff: float, periodic: bool) -> openmm.Force:
    """Contacts of atoms that one or two bonds do not connect."""
    force = openmm.CustomNonbondedForce(f"{EV_TO_KJ_PER_MOL!r} * f; {_function('r')}; {_LOOKUPS}")
    table.add_to(force)
    species = len(index.pair_rows)
    rows = [table.parameters(row, ANGSTROM_TO_NM) for row in index.pair_rows.reshape(-1).tolist()]
    for name, column in zip(PARAMETERS, zip(*rows, strict=True), strict=True):
        force.addTabulatedFunction(
            f"{name}_of", openmm.Discrete2DFunction(species, species, list(column))
        )
    force.addPerParticleParameter("kind")
    for kind in index.species.tolist():
        force.addParticle([kind])
    for first, second in zip(index.first.tolist(), index.second.tolist(), strict=True):
        force.addExclusion(first, second)
    method = force.CutoffPeriodic if periodic else force.CutoffNonPeriodic
    force.setNonbondedMethod(method)
    force.setCutoffDistance(cutoff * ANGSTROM_TO_NM)
    force.setName("INN-FF fast, pairs")
    return force


_LOOKUPS = "; ".join(f"{name} = {name}_of(kind1, kind2)" for name in PARAMETERS)
