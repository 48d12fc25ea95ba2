"""A component in one compiled pass: energies, forces, and the gradients that training needs."""

import ctypes
from collections.abc import Sequence
from ctypes import c_double, c_int64, c_void_p
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from openmm_innff.engine.compiled import needed, pair_system
from openmm_innff.engine.library import address, threads
from openmm_innff.engine.parameters import (
    INTEGERS,
    CoreTables,
    FoldedLayer,
    FoldedParameters,
    FoldedTensors,
    Shape,
)
from openmm_innff.neighbors import PairList


class CShape(ctypes.Structure):
    """Sizes of a component."""

    _fields_ = (
        *((name, c_int64) for name in Shape._fields[:INTEGERS]),
        *((name, c_double) for name in Shape._fields[INTEGERS:]),
    )


class CParameters(ctypes.Structure):
    """Where the folded parameters, or their gradients, lie."""

    _fields_ = tuple((name, c_void_p) for name in FoldedParameters._fields)


class CLayer(ctypes.Structure):
    """Where the folded parameters of a second layer lie."""

    _fields_ = tuple((name, c_void_p) for name in FoldedLayer._fields)


class CCore(ctypes.Structure):
    """Where the tables of the core repulsion lie."""

    _fields_ = tuple((name, c_void_p) for name in CoreTables._fields)


class CompiledAtoms:
    """A component of any kind inside the compiled library.

    Parameters
    ----------
    shape : Shape
    core : CoreTables or None
        Core repulsion, if the component holds it.
    dtype : torch.dtype
        float32 or float64: of the network. Positions, forces and sums are double.
    """

    prefix = ""
    _backward = "backward"
    degrees = range(0)
    """Values of ``l_max`` that the kind has."""

    def __init__(self, shape: Shape, core: CoreTables | None, dtype: torch.dtype) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype: wanted torch.float32 or torch.float64, found {dtype}")
        self.shape = shape
        self.cutoff = shape.cutoff
        self.taken = 0  # how often parameters were
        self.dtype = dtype
        tables = [None] * 3 if core is None else [t.detach().double().contiguous() for t in core]
        if shape.l_max not in self.degrees:
            raise ValueError(f"shape: the compiled engine can't do {shape}")
        size = dtype.itemsize
        self._library = needed()
        self.handle = self._library.create(
            size, ctypes.byref(CShape(*shape)), ctypes.byref(CCore(*map(address, tables)))
        )
        if not self.handle:
            raise ValueError(f"shape: the compiled engine can't do {shape}")

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self._library.destroy(self.handle)

    def forward(self, positions: Tensor, pairs: PairList, species: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies (N,) in eV and forces (N, 3) in eV/angstrom, float64.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom.
        pairs : PairList
        species : Tensor, shape (N,), int64
            Runs of equal species are evaluated together: sort the atoms by species.
        """
        system = pair_system(positions, pairs.offsets, pairs.starts, pairs.second, species)
        energies = torch.empty(len(positions), dtype=torch.float64)
        forces = torch.empty_like(positions)
        self._library.call(
            "forward",
            self.handle,
            ctypes.byref(system),
            address(energies),
            address(forces),
            threads(),
        )
        return energies, forces

    def take(self, parameters: Sequence[Tensor]) -> None:
        """Take (a copy of) all parameters; see `split_parameters`."""
        self._set_all(parameters)
        self.taken += 1

    def _set_all(self, parameters: Sequence[Tensor]) -> None:
        """Do the work of `take`."""
        raise NotImplementedError

    def backward(
        self,
        positions: Tensor,
        pairs: PairList,
        species: Tensor,
        by_energies: Tensor,
        by_forces: Tensor,
    ) -> list[Tensor]:
        """Return the gradients of a loss by the parameters from those by energies and forces.

        Returns
        -------
        list of Tensor
            Of all parameters, see `split_parameters`. Those of constants are not set.
        """
        system = pair_system(positions, pairs.offsets, pairs.starts, pairs.second, species)
        out = [torch.empty(size, dtype=self.dtype) for size in self._all_sizes]
        # Named, so that what the pointers point at lives until the call is over.
        by_energies = by_energies.double().contiguous()
        by_forces = by_forces.double().contiguous()
        parts = split_parameters([address(tensor) for tensor in out])
        self._library.call(
            self._backward,
            self.handle,
            ctypes.byref(system),
            address(by_energies),
            address(by_forces),
            *(None if part is None else ctypes.byref(part) for part in self._gradients(*parts)),
            threads(),
        )
        return out

    @cached_property
    def _all_sizes(self) -> list[tuple[int, ...]]:
        """Shapes of all parameters."""
        raise NotImplementedError

    def _gradients(
        self, first: Sequence[Any], middle: Sequence[Any], last: Sequence[Any]
    ) -> tuple[ctypes.Structure | None, ...]:
        """Return where the gradients go, from their addresses."""
        raise NotImplementedError

    def _check(
        self,
        parameters: FoldedParameters | FoldedLayer | FoldedTensors,
        sizes: Sequence[tuple[int, ...]],
    ) -> None:
        for name, tensor, size in zip(parameters._fields, parameters, sizes, strict=True):
            if tensor.dtype != self.dtype or tensor.shape != size:
                raise ValueError(
                    f"{name}: wanted {self.dtype} of shape {size}, "
                    f"found {tensor.dtype} of shape {tuple(tensor.shape)}"
                )


class CompiledComponent(CompiledAtoms):
    """A component of one layer or two inside the compiled library."""

    degrees = range(3)

    def set_parameters(self, parameters: FoldedParameters) -> None:
        """Take (a copy of) parameters."""
        self._check(parameters, self._sizes())
        kept = [p.detach().contiguous() for p in parameters]
        structure = CParameters(*map(address, kept))
        self._library.call("set_parameters", self.handle, ctypes.byref(structure))

    def set_layer(self, layer: FoldedLayer, readout: FoldedParameters) -> None:
        """Take (a copy of) the parameters of the second layer."""
        self._check(layer, self._layer_sizes())
        self._check(readout, [(0,), *self._sizes()[1:]])
        kept = [[p.detach().contiguous() for p in parameters] for parameters in (layer, readout)]
        structures = CLayer(*map(address, kept[0])), CParameters(*map(address, kept[1]))
        self._library.call("set_layer", self.handle, *map(ctypes.byref, structures))

    def _set_all(self, parameters: Sequence[Tensor]) -> None:
        """Take (a copy of) the parameters of all layers, one after the other."""
        first, layer, readout = split_parameters(parameters)
        self.set_parameters(FoldedParameters(*first))
        if layer:
            self.set_layer(FoldedLayer(*layer), FoldedParameters(*readout))

    @cached_property
    def _all_sizes(self) -> list[tuple[int, ...]]:
        sizes = self._sizes()
        deeper = [*self._layer_sizes(), (0,), *sizes[1:]] if self.shape.messages else []
        return [*sizes, *deeper]

    def _gradients(
        self, first: Sequence[Any], middle: Sequence[Any], last: Sequence[Any]
    ) -> tuple[ctypes.Structure | None, ...]:
        deeper = (CLayer(*middle), readout_gradients(last)) if middle else (None, None)
        return readout_gradients(first), *deeper

    def _sizes(self) -> list[tuple[int, ...]]:
        s = self.shape
        inputs = s.channels * (1, 2, 6)[s.l_max]
        z, p = s.species, s.projections
        return [
            (z, s.l_max + 1, z * s.nodes, s.channels),
            (z, inputs),
            (z, inputs, p),
            (z, p),
            (z, inputs),
            (z, p, s.intervals + 3),
            (z, p),
            (z, p // 2),
        ]

    def _layer_sizes(self) -> list[tuple[int, ...]]:
        s = self.shape
        z, f, k = s.species, s.messages, s.channels
        return [
            (7, z * s.nodes, f),
            (z, 6 * k, f),
            (z, s.projections, f),
            (z, k, f),
            *((z, paths * f + k, k) for paths in (2, 3, 2)),
        ]


def split_parameters(all_fields: Sequence[Any]) -> tuple[Sequence[Any], ...]:
    """Return what belongs to the first readout, and to a second layer and its readout, if any."""
    first = len(FoldedParameters._fields)
    second = max(first, len(all_fields) - first)
    return all_fields[:first], all_fields[first:second], all_fields[second:]


def readout_gradients(fields: Sequence[int | None]) -> CParameters:
    """Return where gradients go; the mean is a constant."""
    return CParameters(fields[0], None, *fields[2:])


class _Trained(torch.autograd.Function):
    """Energies and forces as functions of the parameters; positions are constants."""

    @staticmethod
    def forward(
        ctx: Any,
        component: CompiledAtoms,
        positions: Tensor,
        pairs: PairList,
        species: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.component, ctx.positions, ctx.pairs, ctx.species = component, positions, pairs, species
        ctx.save_for_backward(*parameters)
        component.take(parameters)
        ctx.taken = component.taken
        energies, forces = component.forward(positions, pairs, species)
        return energies.to(component.dtype), forces.to(component.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_energies: Tensor, by_forces: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.component.taken != ctx.taken:  # another forward came in between
            ctx.component.take(ctx.saved_tensors)
        gradients = ctx.component.backward(
            ctx.positions, ctx.pairs, ctx.species, by_energies, by_forces
        )
        wanted = ctx.needs_input_grad[4:]
        return (None,) * 4 + tuple(g if w else None for g, w in zip(gradients, wanted, strict=True))


def energies_and_forces(
    component: CompiledAtoms,
    positions: Tensor,
    pairs: PairList,
    species: Tensor,
    parameters: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Return energies (N,) in eV and forces (N, 3) in eV/angstrom, differentiable once.

    Gradients reach the parameters. The derivative of forces by parameters, a mixed second
    derivative of the energy, is that of the energy gradient's parameter gradient along a direction
    in space: the sweep through the network is run once, on dual numbers.
    """
    energies, forces = _Trained.apply(component, positions, pairs, species, *parameters)
    return energies, forces
