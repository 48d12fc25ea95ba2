"""Layers of equivariant tensors: densities of neighbours, their products, messages of products.

All tensors are of shape (n, lm, k): atoms, components of degrees 0 to l_max, channels.
"""

import math

import torch
from torch import Tensor, nn

from openmm_innff.nn.coupling import Coupling
from openmm_innff.nn.interpolant import smooth_nodal_values

L_DENSITY, L_FEATURES = 3, 2
"""Highest degrees of the densities of the first layer, and of everything else."""


class DegreeMixing(nn.Module):
    """Linear maps of channels, one for each degree, the same for all atoms or one per species.

    Parameters
    ----------
    widths : list of int
        Channels of each degree that come in.
    channels : int
        Channels that go out.
    species : int
        0: all atoms have the same weights.
    generator : torch.Generator
        Source of the initial values.
    """

    norms: Tensor

    def __init__(
        self, widths: list[int], channels: int, species: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        kinds = max(species, 1)
        self.species = species
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(kinds, width, channels, generator=generator))
            for width in widths
        )
        self.register_buffer("norms", torch.tensor([width**-0.5 for width in widths]))

    def forward(self, parts: list[Tensor], counts: list[int]) -> Tensor:
        """Return the mixed tensors, shape (n, lm, channels).

        Parameters
        ----------
        parts : list of Tensor, shape (n, 2 l + 1, width)
            Of each degree.
        counts : list of int
            Atoms of each species.
        """
        out: list[Tensor] = []
        for degree, weights in enumerate(self.weights):
            scaled = weights * self.norms[degree]
            if self.species == 0:
                out.append(torch.matmul(parts[degree], scaled[0]))
            else:
                own = parts[degree].split(counts)
                mixed = [torch.matmul(own[z], scaled[z]) for z in range(len(counts))]
                out.append(torch.cat(mixed))
        return torch.cat(out, 1)


class TensorProducts(nn.Module):
    """Invariants of a density up to body order five, and tensors that carry on what they know.

    The channels of the density are factors a, b and c of products: (a, b), mixed to p, then
    (p, c) and p.p. That is a CP decomposition of symmetric tensors with mixing in between.

    Parameters
    ----------
    channels : int
        Of each factor: the density has three times as many.
    l_density : int
        Highest degree of the density.
    features : int
        Channels of the tensors that are handed on; 0: there are none.
    generator : torch.Generator
    """

    def __init__(
        self, channels: int, l_density: int, features: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.channels, self.features = channels, features
        self.high = l_density > L_FEATURES
        self.pair = Coupling(L_FEATURES, l_density, L_FEATURES)
        self.triple = Coupling(L_FEATURES, L_FEATURES, L_FEATURES if features else 0)
        pairs = [paths * channels for paths in self.pair.paths]
        self.mixing = DegreeMixing(pairs, channels, 0, generator)
        kinds = [(1, 3), (2, self.pair.paths[0]), (3, self.triple.paths[0]), (4, L_FEATURES + 1)]
        if self.high:
            kinds.append((2, 1))
        # Of each block of invariants: how many densities are multiplied, and its width.
        self.orders: list[tuple[int, int]] = [(order, n * channels) for order, n in kinds]
        self.n_invariants = sum(width for _, width in self.orders)
        self.handing_on = None
        if features:
            triples = [paths * channels for paths in self.triple.paths]
            widths = [3 * channels + p + t for p, t in zip(pairs, triples, strict=True)]
            self.handing_on = DegreeMixing(widths, features, 0, generator)

    def forward(self, density: Tensor, counts: list[int]) -> tuple[Tensor, Tensor]:
        """Return invariants, shape (n, n_invariants), and features, shape (n, 9, features).

        Parameters
        ----------
        density : Tensor, shape (n, lm, 3 * channels)
        counts : list of int
            Atoms of each species.
        """
        k = self.channels
        a, b, c = density.split([k, k, k], 2)
        pairs = self.pair(a[:, :9], b)
        p = self.mixing(pairs, counts)
        triples = self.triple(p, c[:, :9])
        invariants = [density[:, 0], pairs[0].squeeze(1), triples[0].squeeze(1)]
        squares = (p * p).split([1, 3, 5], 1)
        invariants += [square.sum(1) for square in squares]
        if self.high:
            invariants.append((a[:, 9:] * b[:, 9:]).sum(1))
        if self.handing_on is None:
            features = density[:, :9, :0]
        else:
            own = density[:, :9].split([1, 3, 5], 1)
            widths = zip(own, pairs, triples)  # noqa: B905 - TorchScript
            features = self.handing_on([torch.cat(parts, 2) for parts in widths], counts)
        return torch.cat(invariants, 1), features


class RadialFunctions(nn.Module):
    """Nodal values of interpolants: a few shared ones of each degree, mixed by species.

    Parameters
    ----------
    degrees, nodes, radials, channels : int
    pairs : tuple of int
        Species of both atoms, or of the neighbour alone.
    generator : torch.Generator
    """

    norms: Tensor

    def __init__(
        self,
        degrees: int,
        nodes: int,
        radials: int,
        channels: int,
        pairs: tuple[int, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        start = smooth_nodal_values(degrees * radials, nodes, generator, roughness=0.7)
        self.radial = nn.Parameter(start.reshape(degrees, radials, nodes))
        mixing = torch.randn(degrees, *pairs, radials, channels, generator=generator)
        self.mixing = nn.Parameter(mixing / math.sqrt(radials))
        self.register_buffer("norms", torch.ones(degrees))

    def forward(self) -> Tensor:
        """Return the nodal values, shape (l, [z,] s * g, channels)."""
        scaled = self.radial * self.norms.reshape(-1, 1, 1)
        values = torch.einsum("lrg,l...srk->l...sgk", scaled, self.mixing)
        return values.flatten(-3, -2)


class TensorMessages(nn.Module):
    """Densities of what the neighbours have seen.

        M_i,(lm)(l'm') = sum_j R_l(r) Y_lm(u) h_j,l'm',   A_i = Mix_z [(M)_LM, h_i]

    The coupling is linear, so it is done once per atom instead of once per pair.

    Parameters
    ----------
    species, nodes, radials, features, channels : int
        ``features`` are the channels of h, 3 * ``channels`` those of A.
    generator : torch.Generator
    """

    scale: Tensor

    def __init__(
        self,
        species: int,
        nodes: int,
        radials: int,
        features: int,
        channels: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.features = features
        self.radial = RadialFunctions(
            L_FEATURES + 1, nodes, radials, features, (species,), generator
        )
        self.coupling = Coupling(L_FEATURES, L_FEATURES, L_FEATURES)
        widths = [(paths + 1) * features for paths in self.coupling.paths]
        self.mixing = DegreeMixing(widths, 3 * channels, species, generator)
        self.register_buffer("scale", torch.ones(()))

    def outer(self, basis: Tensor, harmonics: Tensor, features: Tensor, near: Tensor) -> Tensor:
        """Return M, shape (n, features, 81), of unit size.

        Parameters
        ----------
        basis : Tensor, shape (n, K, s * g)
            Interpolation basis at the K neighbours of each atom.
        harmonics : Tensor, shape (n, K, lm)
        features : Tensor, shape (n, 9, features)
            h of all atoms.
        near : Tensor, shape (n, K), int64
            The neighbours.
        """
        n, longest = near.shape
        radial = [torch.matmul(basis, values) for values in self.radial()]
        angular = harmonics[:, :, :9].split([1, 3, 5], 2)
        both = [y.unsqueeze(3) * r.unsqueeze(2) for y, r in zip(angular, radial)]  # noqa: B905
        left = torch.cat(both, 2).permute(0, 3, 2, 1)  # (n, F, lm, K)
        right = features.index_select(0, near.reshape(-1)).reshape(n, longest, 9, self.features)
        return torch.matmul(left, right.permute(0, 3, 1, 2)).flatten(2) * self.scale

    def forward(self, outer: Tensor, features: Tensor, counts: list[int]) -> Tensor:
        """Return A, shape (n, 9, 3 * channels).

        Parameters
        ----------
        outer : Tensor, shape (n, features, 81)
        features : Tensor, shape (n, 9, features)
        counts : list of int
        """
        own = features.split([1, 3, 5], 1)
        coupled = self.coupling.couple(outer)
        parts = [torch.cat(both, 2) for both in zip(coupled, own)]  # noqa: B905 - TorchScript
        return self.mixing(parts, counts)
