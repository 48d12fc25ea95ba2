"""What a component is made of, in the form that the compiled engine takes."""

from typing import NamedTuple

from torch import Tensor


class Shape(NamedTuple):
    """Sizes of a component.

    Attributes
    ----------
    species, l_max, nodes, channels, projections, intervals : int
    cutoff, warp : float
        In angstrom.
    bound : float
        Of the soft-clipped projections.
    """

    species: int
    l_max: int
    nodes: int
    channels: int
    projections: int
    intervals: int
    cutoff: float
    warp: float
    bound: float


class FoldedParameters(NamedTuple):
    """Parameters with all factors and deviations multiplied out.

    With the nodal density D of an atom of species z: A[lm, k] = sum_g D[lm, g] C[z, l, g, k], its
    invariants less their mean x, projections u = x.W[z] + b[z], interpolants f_p of the
    soft-clipped u_p,

        e = linear[z].x + sum_p single[z, p] f_p + sum_p paired[z, p] f_p f_(p + P/2).

    Attributes
    ----------
    nodal_values : Tensor, shape (species, l_max + 1, species * nodes, channels)
    mean : Tensor, shape (species, inputs)
        A constant: no gradient reaches it.
    weights : Tensor, shape (species, inputs, projections)
    bias : Tensor, shape (species, projections)
    linear : Tensor, shape (species, inputs)
    table : Tensor, shape (species, projections, intervals + 3)
    single : Tensor, shape (species, projections)
    paired : Tensor, shape (species, projections / 2)
    """

    nodal_values: Tensor
    mean: Tensor
    weights: Tensor
    bias: Tensor
    linear: Tensor
    table: Tensor
    single: Tensor
    paired: Tensor


class CoreTables(NamedTuple):
    """Core repulsion of each pair of species; shape (species, species) each.

    Attributes
    ----------
    radius : Tensor
        In angstrom.
    strength : Tensor
        In eV angstrom.
    inverse_length : Tensor
        In 1/angstrom.
    """

    radius: Tensor
    strength: Tensor
    inverse_length: Tensor
