"""What a component is made of, in the form that the compiled engine takes."""

from typing import NamedTuple

from torch import Tensor


class Shape(NamedTuple):
    """Sizes of a component.

    Attributes
    ----------
    species, l_max, nodes, channels, projections, intervals : int
        ``l_max`` is 3 in an equivariant component, and there alone.
    messages : int
        Passed to a second layer; 0: there is none. Of an equivariant component: its features.
    cutoff, warp : float
        In angstrom.
    bound : float
        Of the soft-clipped projections.
    message_cutoff : float
        In angstrom.
    """

    species: int
    l_max: int
    nodes: int
    channels: int
    projections: int
    intervals: int
    messages: int
    cutoff: float
    warp: float
    bound: float
    message_cutoff: float


INTEGERS = 7
"""The first fields of a `Shape` are integers, the others lengths."""


class FoldedParameters(NamedTuple):
    """Parameters with all factors and deviations multiplied out.

    With the nodal density D of an atom of species z: A[lm, k] = sum_g D[lm, g] C[z, l, g, k], its
    invariants less their mean x, projections u = x.W[z] + b[z], interpolants f_p of the
    soft-clipped u_p,

        e = linear[z].x + sum_p single[z, p] f_p + sum_p paired[z, p] f_p f_(p + P/2).

    Attributes
    ----------
    nodal_values : Tensor, shape (species, l_max + 1, species * nodes, channels)
        Empty in a second layer.
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


class FoldedLayer(NamedTuple):
    """The second layer with all factors multiplied out; paths are those of `nn.messages`.

    Attributes
    ----------
    radial : Tensor, shape (paths, species * nodes, messages)
    from_inputs : Tensor, shape (species, inputs, messages)
        Of the invariants less their mean.
    from_functions : Tensor, shape (species, projections, messages)
    from_vectors : Tensor, shape (species, channels, messages)
    mixing_0, mixing_1, mixing_2 : Tensor, shape (species, paths * messages + channels, channels)
        With 2, 3 and 2 paths.
    """

    radial: Tensor
    from_inputs: Tensor
    from_functions: Tensor
    from_vectors: Tensor
    mixing_0: Tensor
    mixing_1: Tensor
    mixing_2: Tensor


class FoldedTensors(NamedTuple):
    """What an equivariant component has besides its readouts, with all factors multiplied out.

    The first of its two `FoldedParameters` hold the nodal values of the density, shape
    (species, 4, species * nodes, 3 * channels). Paths are those of `nn.equivariant`, by degree.

    Attributes
    ----------
    radial : Tensor, shape (3, species * nodes, features)
        Of the messages.
    pair_0, pair_1, pair_2 : Tensor, shape (paths * channels, channels)
        From pairs to p, with 3, 5 and 5 paths.
    handing_0, handing_1, handing_2 : Tensor, shape ((3 + paths) * channels, features)
        From density, pairs and triples to features, with 6, 9 and 9 paths.
    message_0, message_1, message_2 : Tensor, shape (species, (paths + 1) * features, 3 * channels)
        From messages and own features to the second density, with 3, 4 and 4 paths.
    deeper_0, deeper_1, deeper_2 : Tensor, shape (paths * channels, channels)
        From its pairs to p, with 3, 4 and 4 paths.
    """

    radial: Tensor
    pair_0: Tensor
    pair_1: Tensor
    pair_2: Tensor
    handing_0: Tensor
    handing_1: Tensor
    handing_2: Tensor
    message_0: Tensor
    message_1: Tensor
    message_2: Tensor
    deeper_0: Tensor
    deeper_1: Tensor
    deeper_2: Tensor


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


class Terms(NamedTuple):
    """Bonds, angles and pairs of some atoms, as functions of distances.

    Attributes
    ----------
    first, second : Tensor, shape (V,), int64
        Atoms at the ends of each distance.
    offsets : Tensor, shape (V, 3), float64
        Lattice translation of the second atom, in angstrom.
    bonds, bond_rows : Tensor, shape (B,), int64
        Distance, and row of the `Functions`.
    angles : Tensor, shape (A, 3), int64
        Distances: of the centre from both ends, and between the ends.
    angle_rows : Tensor, shape (A,), int64
        Row of the function of the cosine; the products follow from ``product_rows``.
    product_rows : Tensor, shape (A,), int64
        First of the rows of the products: for each mode the functions of the two bonds and of the
        cosine.
    pairs, pair_rows : Tensor, shape (P,), int64
        Distance, and row.
    """

    first: Tensor
    second: Tensor
    offsets: Tensor
    bonds: Tensor
    bond_rows: Tensor
    angles: Tensor
    angle_rows: Tensor
    product_rows: Tensor
    pairs: Tensor
    pair_rows: Tensor


class TermIndex(NamedTuple):
    """Bonds and angles of some atoms in terms of `Functions`; all tensors int64.

    Attributes
    ----------
    first, second : Tensor, shape (B + A,)
        Atoms at the ends of the bonds, then those at the ends of the angles.
    bond_rows : Tensor, shape (B,)
    angles : Tensor, shape (A, 3)
        Distances, as in `Terms`.
    angle_rows, product_rows : Tensor, shape (A,)
    species : Tensor, shape (N,)
    pair_rows : Tensor, shape (species, species)
    """

    first: Tensor
    second: Tensor
    bond_rows: Tensor
    angles: Tensor
    angle_rows: Tensor
    product_rows: Tensor
    species: Tensor
    pair_rows: Tensor
