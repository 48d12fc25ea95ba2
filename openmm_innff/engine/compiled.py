"""The nodal density through the compiled library, on the CPU."""

import ctypes
from ctypes import c_double, c_int64, c_void_p

import torch
from torch import Tensor

from openmm_innff.engine.library import Library, address, library, threads


class System(ctypes.Structure):
    """Atoms and pairs; keeps no reference to the tensors, so their owner must live on."""

    _fields_ = (
        ("atoms", c_int64),
        ("positions", c_void_p),
        ("starts", c_void_p),
        ("second", c_void_p),
        ("offsets", c_void_p),
        ("species", c_void_p),
    )


class Grid(ctypes.Structure):
    """Sizes of a density."""

    _fields_ = (
        ("species", c_int64),
        ("l_max", c_int64),
        ("nodes", c_int64),
        ("features", c_int64),
        ("cutoff", c_double),
        ("warp", c_double),
    )


class Gradients(ctypes.Structure):
    """Gradients, or directions, with respect to the arguments."""

    _fields_ = (
        ("density", c_void_p),
        ("positions", c_void_p),
        ("offsets", c_void_p),
        ("features", c_void_p),
    )


def needed() -> Library:
    """Return the library, or raise where it is missing."""
    found = library()
    if found is None:
        raise RuntimeError("the compiled engine is not available")
    return found


def pair_system(
    positions: Tensor, offsets: Tensor, starts: Tensor, second: Tensor, species: Tensor
) -> System:
    """Return the C view of a system, after checking that types and sizes fit."""
    n, pairs = len(species), len(second)
    for name, tensor, dtype, shape in (
        ("positions", positions, torch.float64, (n, 3)),
        ("offsets", offsets, torch.float64, (pairs, 3)),
        ("starts", starts, torch.int64, (n + 1,)),
        ("second", second, torch.int64, (pairs,)),
        ("species", species, torch.int64, (n,)),
    ):
        if tensor.dtype != dtype or tensor.shape != shape:
            raise ValueError(
                f"{name}: wanted {dtype} of shape {shape}, "
                f"found {tensor.dtype} of shape {tuple(tensor.shape)}"
            )
    return System(n, *map(address, (positions, starts, second, offsets, species)))


def check_features(species: Tensor, features: Tensor, n_species: int) -> None:
    """Refuse what would make the kernels read or write outside of the arrays."""
    if features.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"features: wanted torch.float32 or float64, found {features.dtype}")
    if features.ndim != 2 or len(features) != len(species):
        raise ValueError(
            f"features: wanted shape ({len(species)}, F), found {tuple(features.shape)}"
        )
    if len(species) and not (int(species.min()) >= 0 and int(species.max()) < n_species):
        raise ValueError(
            f"species: wanted 0 to {n_species - 1}, "
            f"found {int(species.min())} to {int(species.max())}"
        )


def nodal_density(
    positions: Tensor,
    offsets: Tensor,
    starts: Tensor,
    second: Tensor,
    species: Tensor,
    features: Tensor,
    n_species: int,
    l_max: int,
    nodes: int,
    cutoff: float,
    warp: float,
) -> Tensor:
    """Return the nodal density; arguments as in `openmm_innff.engine.reference`."""
    system = pair_system(positions, offsets, starts, second, species)
    check_features(species, features, n_species)
    n, width = features.shape
    grid = Grid(n_species, l_max, nodes, width, cutoff, warp)
    out = features.new_empty([(l_max + 1) ** 2, n, n_species * nodes * width])
    needed().call(
        "density_forward",
        features.element_size(),
        ctypes.byref(grid),
        ctypes.byref(system),
        address(features),
        address(out),
        threads(),
    )
    return out


def nodal_density_backward(
    grad: Tensor,
    positions: Tensor,
    offsets: Tensor,
    starts: Tensor,
    second: Tensor,
    species: Tensor,
    features: Tensor,
    n_species: int,
    l_max: int,
    nodes: int,
    cutoff: float,
    warp: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients with respect to positions, offsets and features."""
    system = pair_system(positions, offsets, starts, second, species)
    check_features(species, features, n_species)
    grid = Grid(n_species, l_max, nodes, features.shape[1], cutoff, warp)
    out = tuple(torch.empty_like(t) for t in (positions, offsets, features))
    needed().call(
        "density_backward",
        features.element_size(),
        ctypes.byref(grid),
        ctypes.byref(system),
        address(features),
        address(grad),
        ctypes.byref(Gradients(None, *map(address, out))),
        threads(),
    )
    return out[0], out[1], out[2]


def nodal_density_double_backward(
    v_positions: Tensor,
    v_offsets: Tensor,
    v_features: Tensor,
    grad: Tensor,
    positions: Tensor,
    offsets: Tensor,
    starts: Tensor,
    second: Tensor,
    species: Tensor,
    features: Tensor,
    n_species: int,
    l_max: int,
    nodes: int,
    cutoff: float,
    warp: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of <v, backward> with respect to grad, positions, offsets, features."""
    system = pair_system(positions, offsets, starts, second, species)
    check_features(species, features, n_species)
    grid = Grid(n_species, l_max, nodes, features.shape[1], cutoff, warp)
    direction = Gradients(None, *map(address, (v_positions, v_offsets, v_features)))
    out = tuple(torch.empty_like(t) for t in (grad, positions, offsets, features))
    needed().call(
        "density_double_backward",
        features.element_size(),
        ctypes.byref(grid),
        ctypes.byref(system),
        address(features),
        address(grad),
        ctypes.byref(direction),
        ctypes.byref(Gradients(*map(address, out))),
        threads(),
    )
    return out[0], out[1], out[2], out[3]
