"""A second interaction layer: atoms see what their neighbours have seen.

A first layer gives every atom F messages, each a scalar h and a vector h_v. The second sums them
over the neighbours, multiplied with radial functions of their own and with the harmonics of the
direction, so that degrees couple (paths of natural parity; Batzner et al., Nat. Commun. 13, 2453
(2022), doi:10.1038/s41467-022-29939-5):

    B_lm = sum_j R_l(r) Y_lm h_j,   and with the vectors
    0 x 1 -> 1:  R Y_00 v_j         1 x 1 -> 0:  R Y_1 . v_j
    1 x 1 -> 2:  R (Y_1 x v_j)_2m   2 x 1 -> 1:  R (Y_2) v_j

The radial functions R are interpolants, one for each species of neighbour, path and message: the
nodal density with features, contracted with nodal values.
"""

import math
from typing import Final

import torch
from torch import Tensor, nn

from openmm_innff.nn.interpolant import smooth_nodal_values
from openmm_innff.nn.invariants import quadrupole_matrix

SCALAR_PATHS, VECTOR_PATHS = 3, 4
PATHS_TO = (2, 3, 2)
"""Paths to each degree if there are vectors; without them one each."""


def quadrupole_components(matrix: Tensor) -> Tensor:
    """Return the l = 2 components of (3, 3, ...) matrices: the transpose of `quadrupole_matrix`.

    Returns
    -------
    Tensor, shape (5, ...)
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(0) for row in matrix.unbind(0))
    axial = math.sqrt(1.0 / 3.0) * (2.0 * zz - xx - yy)
    parts = [xy + yx, yz + zy, xz + zx, xx - yy, axial]
    return math.sqrt(0.5) * torch.stack(parts)


class MessageLayer(nn.Module):
    """Densities of the second layer from the features of the first.

    Parameters
    ----------
    species, nodes, radials, channels : int
        ``channels`` is that of the densities A of both layers.
    inputs, projections : int
        Invariants and interpolants of the first layer's readout.
    messages : int
        F.
    vectors : bool
        Whether each message has a vector beside its scalar.
    generator : torch.Generator
        Source of the initial values.
    """

    vectors: Final[bool]
    path_norms: Tensor
    message_norms: Tensor

    def __init__(
        self,
        species: int,
        nodes: int,
        radials: int,
        channels: int,
        inputs: int,
        projections: int,
        messages: int,
        vectors: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()

        def normal(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator))

        self.messages = messages
        self.vectors = vectors
        paths = SCALAR_PATHS + (VECTOR_PATHS if vectors else 0)
        self.features = messages * (4 if vectors else 1)
        start = smooth_nodal_values(paths * radials, nodes, generator, roughness=0.7)
        self.radial = nn.Parameter(start.reshape(paths, radials, nodes))
        self.paths = normal(paths, species, radials, messages)
        self.from_inputs = normal(species, inputs, messages)
        self.from_functions = normal(species, projections, messages)
        self.from_vectors = normal(species, channels, messages) if vectors else None
        widths = [w * messages + channels for w in (PATHS_TO if vectors else (1, 1, 1))]
        self.mixing_0, self.mixing_1, self.mixing_2 = (normal(species, w, channels) for w in widths)
        self.factors: list[float] = [1.0 / math.sqrt(w) for w in widths]
        # Degree of what each path makes, and its place among the paths to that degree.
        self.places = [(0, 0), (1, 0), (2, 0), (1, 1), (0, 1), (2, 1), (1, 2)][:paths]
        self.register_buffer("path_norms", torch.ones(paths))
        self.register_buffer("message_norms", torch.ones(2))

    def nodal_values(self) -> Tensor:
        """Return the nodal values of the radial functions, shape (path, s * g, F)."""
        scaled = self.radial * (self.path_norms / math.sqrt(self.radial.shape[1])).reshape(-1, 1, 1)
        return torch.einsum("prg,psrf->psgf", scaled, self.paths).flatten(1, 2)

    def make_messages(
        self, inputs: Tensor, functions: Tensor, a: Tensor, counts: list[int]
    ) -> Tensor:
        """Return messages of the atoms, shape (n, 4 * F or F).

        Parameters
        ----------
        inputs : Tensor, shape (n, inputs)
            Normalised.
        functions : Tensor, shape (n, projections)
        a : Tensor, shape (9, n, channels)
        counts : list of int
        """
        one, many = inputs.split(counts), functions.split(counts)
        found = [
            torch.matmul(one[z], self.from_inputs[z])
            + torch.matmul(many[z], self.from_functions[z])
            for z in range(len(counts))
        ]
        scalars = torch.cat(found) * self.message_norms[0]
        if self.from_vectors is None:
            return scalars
        else:  # noqa: RET505 - TorchScript leaves out this branch, not what follows a return
            parts = a[1:4].split(counts, 1)
            found = [torch.matmul(part, self.from_vectors[z]) for z, part in enumerate(parts)]
            vectors = torch.cat(found, 1) * self.message_norms[1]
            return torch.cat([scalars.unsqueeze(0), vectors]).transpose(0, 1).flatten(1)

    def couple(self, density: Tensor) -> list[Tensor]:
        """Return B of each degree, shape (2 l + 1, n, paths * F).

        Parameters
        ----------
        density : Tensor, shape (9, n, s * g * features)
        """
        values = self.nodal_values()
        rows, n, f = density.shape[0], density.shape[1], self.messages
        d = density.reshape(rows, n, values.shape[1], self.features // f, f)
        scalar = d[:, :, :, 0]
        first, second, third = scalar.split([1, 3, 5])
        b = [
            (first * values[0]).sum(2),
            (second * values[1]).sum(2),
            (third * values[2]).sum(2),
        ]
        if not self.vectors:
            return b
        vector = d[:, :, :, 1:].permute(0, 3, 1, 2, 4)  # (lm, xyz, n, s * g, F)
        dot = vector[1, 0] + vector[2, 1] + vector[3, 2]
        outer = (vector[1:4] * values[5]).sum(3)
        turned = (vector[4:9] * values[6]).sum(3)
        matrix = quadrupole_matrix(turned)  # (3, 3, xyz, n, F)
        product = matrix[:, 0, 0] + matrix[:, 1, 1] + matrix[:, 2, 2]
        return [
            torch.cat([b[0], (dot * values[4]).sum(1).unsqueeze(0)], -1),
            torch.cat([b[1], (vector[0] * values[3]).sum(2), product], -1),
            torch.cat([b[2], quadrupole_components(outer)], -1),
        ]

    def mix(self, b: list[Tensor], a: Tensor, counts: list[int]) -> Tensor:
        """Return the second layer's A, shape (9, n, channels)."""
        own = a.split([1, 3, 5])
        out: list[Tensor] = []
        for degree, weights in enumerate([self.mixing_0, self.mixing_1, self.mixing_2]):
            x = torch.cat([b[degree], own[degree]], -1) * self.factors[degree]
            parts = x.split(counts, 1)
            out.append(
                torch.cat([torch.matmul(parts[z], weights[z]) for z in range(len(counts))], 1)
            )
        return torch.cat(out)
