"""A component along a trajectory: one compiled call a step, neighbours found again when due.

The operator `innff::evaluate` makes this reachable from TorchScript. The compiled object is kept by
a key, so that a copied module finds it; one that was loaded in another process prepares it anew.
Errors are returned as text: an exception of Python's must not travel through the C++ code that
calls a scripted module.
"""

import ctypes
import threading
from ctypes import c_double, c_int64, c_void_p
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_innff.engine.compiled import needed
from openmm_innff.engine.component import CompiledComponent, split_parameters
from openmm_innff.engine.library import address, threads
from openmm_innff.engine.parameters import CoreTables, FoldedParameters, Shape
from openmm_innff.engine.tensors import CompiledTensors
from openmm_innff.neighbors import geometry_fault
from openmm_innff.nn.equivariant import L_DENSITY

FloatArray = NDArray[np.float64]
UNKNOWN = "unknown key"


class CAtoms(ctypes.Structure):
    """Atoms of a simulation."""

    _fields_ = (
        ("atoms", c_int64),
        ("periodic", c_int64),
        ("order", c_void_p),
        ("species", c_void_p),
        ("skin", c_double),
    )


class Evaluated(Protocol):
    """What `Dynamics` runs: an object of the compiled library."""

    handle: Any
    cutoff: float
    prefix: str
    """Of the names of its functions."""


class Dynamics:
    """Energy and forces of one component for fixed atoms.

    Parameters
    ----------
    component : CompiledComponent, CompiledTensors or CompiledBonded
    species : Tensor, shape (N,), int64
        Of the atoms, in any order.
    periodic : bool
        Whether the box repeats in all three directions.
    skin : float
        Extra range of the neighbour list in angstrom, at most the cutoff.
    """

    def __init__(self, component: Evaluated, species: Tensor, periodic: bool, skin: float) -> None:
        if skin > component.cutoff:
            raise ValueError(
                f"skin: wanted at most the cutoff, {component.cutoff} angstrom, found {skin}"
            )
        self.component = component
        self.periodic = periodic
        order = torch.argsort(species, stable=True)
        self.atoms = len(order)
        functions, prefix = needed(), component.prefix
        arrays = [order.contiguous(), species[order].contiguous()]
        given = CAtoms(self.atoms, periodic, *map(address, arrays), skin)
        functions.call(f"{prefix}set_atoms", component.handle, ctypes.byref(given))
        self._evaluate = getattr(functions, f"{prefix}evaluate")
        self._renewals = getattr(functions, f"{prefix}renewals")
        # Arrays whose addresses are asked for once: numpy takes longer for that than for a copy.
        self._positions, self._forces = np.empty((self.atoms, 3)), np.empty((self.atoms, 3))
        self._box = np.empty((3, 3))
        self._energy = c_double()
        self._arguments = (
            component.handle,
            self._positions.ctypes.data,
            self._box.ctypes.data,
            ctypes.byref(self._energy),
            self._forces.ctypes.data,
        )
        self._lock = threading.Lock()

    @property
    def rebuilds(self) -> int:
        """How often the neighbour list was made."""
        return int(self._renewals(self.component.handle))

    def __call__(self, positions: FloatArray, box: FloatArray) -> tuple[float, FloatArray]:
        """Return the energy in eV and the forces (N, 3) in eV/angstrom, float64.

        Parameters
        ----------
        positions : array, shape (N, 3), float64
            In angstrom, anywhere in space.
        box : array, shape (3, 3), float64
            Box vectors as rows, in angstrom; ignored unless periodic.

        Raises
        ------
        ValueError
            If there are more or fewer atoms than expected.
        RuntimeError
            If a position is not finite, or the box is too narrow.
        """
        if positions.shape != (self.atoms, 3):
            raise ValueError(f"positions: wanted shape {(self.atoms, 3)}, found {positions.shape}")
        with self._lock:
            self._positions[:] = positions
            self._box[:] = box
            code = self._evaluate(*self._arguments, threads())
            if code < 0:
                raise MemoryError("the compiled engine ran out of memory")
            if code > 0:
                raise RuntimeError(self._fault())
            return self._energy.value, self._forces.copy()

    def _fault(self) -> str:
        positions, box = torch.from_numpy(self._positions), torch.from_numpy(self._box)
        fault = geometry_fault(positions, box, self.periodic, self.component.cutoff)
        return fault or "positions, box: the compiled engine can't use them"


_KEPT: dict[str, Dynamics] = {}
"""By key, the one used last at the end."""
_MOST = 64
_ON_CUDA: dict[str, Any] = {}


def keep(key: str, made: Dynamics) -> None:
    """Keep the compiled object of a key; forget the one not used for longest if there are many."""
    _KEPT.setdefault(key, made)
    while len(_KEPT) > _MOST:
        del _KEPT[next(iter(_KEPT))]


def find(key: str) -> Dynamics | None:
    """Return the compiled object of a key; None if this process has none."""
    found = _KEPT.pop(key, None)
    if found is not None:
        _KEPT[key] = found
    return found


def prepare(
    key: str,
    parameters: list[Tensor],
    core: list[Tensor],
    species: Tensor,
    sizes: list[int],
    lengths: list[float],
    periodic: bool,
    device: str = "cpu",
) -> str:
    """Make the compiled object of a key; return the message of an error, or nothing.

    Parameters
    ----------
    key : str
    parameters, core : list of Tensor
        The fields of `FoldedParameters`, and with a second layer those of `FoldedLayer` (or
        `FoldedTensors`) and of its readout; the fields of `CoreTables`, or none.
    species : Tensor, shape (N,), int64
    sizes, lengths : list
        The fields of `Shape`, and the skin.
    periodic : bool
    device : str
        "cpu", or the CUDA device that the positions are on.
    """
    shape = Shape(*sizes, *lengths[:-1])
    first, deeper, _ = split_parameters(parameters)
    folded = FoldedParameters(*first)
    tables = CoreTables(*core) if core else None
    try:
        if device != "cpu":
            if deeper:
                return "engine: the compiled engine has no second layer on CUDA; use 'torch'"
            from openmm_innff.engine.cuda_evaluator import CudaEvaluator

            where = torch.device(device)
            _ON_CUDA.setdefault(
                key, CudaEvaluator(shape, folded, tables, species, periodic, lengths[-1], where)
            )
            return ""
        kind = CompiledTensors if shape.l_max == L_DENSITY else CompiledComponent
        component = kind(shape, tables, folded.weights.dtype)
        component.take(parameters)
        keep(key, Dynamics(component, species.cpu(), periodic, lengths[-1]))
    except (RuntimeError, ValueError, MemoryError) as error:
        return str(error)
    return ""


def _evaluate(positions: Tensor, box: Tensor, key: str) -> tuple[Tensor, Tensor, str]:
    """Return energy, forces, and the message of an error: UNKNOWN if nothing has that key."""
    dynamics = find(key)
    if dynamics is None:
        return positions.new_zeros([]), positions, UNKNOWN
    try:
        energy, forces = dynamics(positions.detach().numpy(), box.detach().numpy())
    except (RuntimeError, ValueError, MemoryError) as error:
        return positions.new_zeros([]), positions, str(error)
    return positions.new_full([], energy), torch.from_numpy(forces), ""


def _evaluate_on_cuda(positions: Tensor, box: Tensor, key: str) -> tuple[Tensor, Tensor, str]:
    evaluator = _ON_CUDA.get(key)
    if evaluator is None:
        return positions.new_zeros([]), positions, UNKNOWN
    try:
        energy, forces = evaluator(positions.detach(), box.detach())
    except (RuntimeError, ValueError, MemoryError) as error:
        return positions.new_zeros([]), positions, str(error)
    return energy, forces, ""


def _register() -> Any:
    registry = torch.library.Library("innff", "FRAGMENT")
    registry.define("evaluate(Tensor positions, Tensor box, str key) -> (Tensor, Tensor, str)")
    registry.impl("evaluate", _evaluate, "CPU")
    registry.impl("evaluate", _evaluate_on_cuda, "CUDA")
    registry.define(
        "prepare(str key, Tensor[] parameters, Tensor[] core, Tensor species, int[] sizes, "
        "float[] lengths, bool periodic, str device) -> str"
    )
    registry.impl("prepare", prepare, "CompositeExplicitAutograd")
    return registry


_REGISTRY = _register()
"""Keeps the operators alive."""
