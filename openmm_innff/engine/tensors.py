"""An equivariant component in one compiled pass: energies, forces, and gradients for training."""

import ctypes
from collections.abc import Sequence
from ctypes import c_int64, c_void_p
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from openmm_innff.engine.component import (
    CompiledAtoms,
    CParameters,
    readout_gradients,
    split_parameters,
)
from openmm_innff.engine.library import address
from openmm_innff.engine.parameters import FoldedParameters, FoldedTensors
from openmm_innff.nn.coupling import coupled_degrees, gaunt_tensor
from openmm_innff.nn.equivariant import L_DENSITY, L_FEATURES

SMALLEST = 1e-10
"""Couplings below it are rounding errors of zeros."""


class CTensors(ctypes.Structure):
    """Where the folded parameters, and the couplings, lie."""

    _fields_ = (
        *((name, c_void_p) for name in FoldedTensors._fields),
        ("couplings", c_void_p * 2),
        ("entries", c_int64 * 2),
    )


@cache
def coupling_table(right: int) -> Tensor:
    """Return the couplings of l <= 2 and l <= right to l <= 2 that are not zero.

    Returns
    -------
    Tensor, shape (entries, 4), float64
        Product, left and right component, and value.
    """
    degrees = range(L_FEATURES + 1)
    tensors = [gaunt_tensor(L_FEATURES, right, degree) for degree in degrees]
    matrix = torch.cat([tensor.flatten(0, 1) for tensor in tensors])
    matrix[matrix.abs() < SMALLEST] = 0.0
    places = matrix.nonzero()
    values = matrix[tuple(places.t())]
    return torch.cat([places.double(), values.double().unsqueeze(1)], 1).contiguous()


class CompiledTensors(CompiledAtoms):
    """An equivariant component inside the compiled library; its shape has ``l_max`` 3."""

    degrees = range(L_DENSITY, L_DENSITY + 1)
    _backward = "backward_tensors"

    def _set_all(self, parameters: Sequence[Tensor]) -> None:
        """Take (a copy of) `FoldedParameters`, `FoldedTensors` and those of the second readout."""
        first, middle, last = split_parameters(parameters)
        sizes = split_parameters(self._all_sizes)
        self._check(FoldedParameters(*first), sizes[0])
        self._check(FoldedTensors(*middle), sizes[1])
        self._check(FoldedParameters(*last), sizes[2])
        tables = [coupling_table(L_DENSITY), coupling_table(L_FEATURES)]
        # Named, so that what the pointers point at lives until the call is over.
        kept = [[p.detach().contiguous() for p in part] for part in (first, middle, last)]
        structures = (
            CParameters(*map(address, kept[0])),
            CTensors(
                *map(address, kept[1]),
                (c_void_p * 2)(*map(address, tables)),
                (c_int64 * 2)(*map(len, tables)),
            ),
            CParameters(*map(address, kept[2])),
        )
        self._library.call("set_tensors", self.handle, *map(ctypes.byref, structures))

    def _gradients(
        self, first: Sequence[Any], middle: Sequence[Any], last: Sequence[Any]
    ) -> tuple[ctypes.Structure | None, ...]:
        return readout_gradients(first), CTensors(*middle), readout_gradients(last)

    @cached_property
    def _all_sizes(self) -> list[tuple[int, ...]]:
        z, k = self.shape.species, self.shape.channels
        nodal = (z, L_DENSITY + 1, z * self.shape.nodes, 3 * k)
        return [
            *self._readout_sizes(nodal, 13 * k),
            *self._sizes(),
            *self._readout_sizes((0,), 12 * k),
        ]

    def _readout_sizes(self, nodal: tuple[int, ...], inputs: int) -> list[tuple[int, ...]]:
        s = self.shape
        z, p = s.species, s.projections
        of_functions = [(z, p), (z, inputs), (z, p, s.intervals + 3), (z, p), (z, p // 2)]
        return [nodal, (z, inputs), (z, inputs, p), *of_functions]

    def _sizes(self) -> list[tuple[int, ...]]:
        s = self.shape
        z, k, f = s.species, s.channels, s.messages
        high, low = (
            [len(coupled_degrees(L_FEATURES, right, degree)) for degree in range(L_FEATURES + 1)]
            for right in (L_DENSITY, L_FEATURES)
        )
        return [
            (L_FEATURES + 1, z * s.nodes, f),
            *((paths * k, k) for paths in high),
            *(((3 + a + b) * k, f) for a, b in zip(high, low, strict=True)),
            *((z, (paths + 1) * f, 3 * k) for paths in low),
            *((paths * k, k) for paths in low),
        ]
