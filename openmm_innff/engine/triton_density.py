"""The nodal density by Triton kernels, for CUDA; no compiler is needed besides the GPU's driver.

Triton comes with CUDA builds of torch. The kernels are tested against plain torch in Triton's
interpreter, on the CPU, and they compile for Hopper GPUs; none has run on a GPU yet.

The gradient by positions is gathered: each atom works out both directions of its pairs. So it
needs no atomics and gives the same bits every time, but the list must hold each pair in both
directions. The second derivatives, which only training needs, are summed by the second atom of the
pairs, which are sorted for that. Nothing waits for the GPU, and no shape depends on data.

Pairs from starts[N] on are padding: they are not read, and their gradients are zero.
"""

import importlib.util
import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

PAIRS = 16
"""Pairs in a chunk: with float32 and 12 nodes everything stays in registers on Hopper GPUs."""
PAIRS_DOUBLE = 8
"""The same for the density in float64."""
WARPS = 1


@cache
def available() -> bool:
    """Whether Triton is installed."""
    return importlib.util.find_spec("triton") is not None


@cache
def _kernels() -> Any:
    # Importing Triton takes a second, and CPU builds of torch come without it.
    from openmm_innff.engine import triton_kernels

    return triton_kernels


def _constants(
    features: Tensor, n_species: int, l_max: int, nodes: int, cutoff: float, warp: float
) -> dict[str, Any]:
    """Return what the kernels are compiled for; arguments would be passed as float32."""
    return {
        "S": n_species,
        "NODES": nodes,
        "F": features.shape[1],
        "L_MAX": l_max,
        "CUTOFF2": cutoff**2,
        "WARP2": warp**2,
        "DENSITY": (nodes - 3) / math.log1p((cutoff / warp) ** 2),
        "DTYPE": _kernels().DTYPES[features.dtype],
        "num_warps": WARPS,
    }


def _columns(width: int) -> int:
    """Return the power of two that Triton wants."""
    return 1 << (width - 1).bit_length()


def _accumulate(
    tangent: tuple[Tensor, Tensor, Tensor] | None,
    system: tuple[Tensor, ...],
    sizes: tuple[Any, ...],
) -> Tensor:
    """Return the density, or its derivative along a tangent of positions, offsets, features."""
    features = system[5]
    n, width = features.shape
    n_species, l_max, nodes = sizes[:3]
    out = features.new_empty([(l_max + 1) ** 2, n, n_species * nodes * width])
    if n:
        with torch.cuda.device_of(features):
            _kernels().forward_kernel[(n, n_species * width)](
                *system,
                *(tangent or (system[0], system[1], features)),
                out,
                n,
                **_constants(features, *sizes),
                TANGENT=tangent is not None,
                COLUMNS=_columns(nodes),
                CHUNK=PAIRS_DOUBLE if features.dtype == torch.float64 else PAIRS,
            )
    return out


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
    """Return the nodal density; arguments as in `openmm_innff.engine.reference`, contiguous."""
    system = (positions, offsets, starts, second, species, features)
    return _accumulate(None, system, (n_species, l_max, nodes, cutoff, warp))


def _gradients(
    grad: Tensor, system: tuple[Tensor, ...], sizes: tuple[Any, ...], everything: bool
) -> tuple[Tensor, Tensor, Tensor]:
    positions, offsets, features = system[0], system[1], system[5]
    by_positions = torch.empty_like(positions)
    by_offsets = torch.zeros_like(offsets) if everything else offsets
    by_features = torch.empty_like(features) if everything else features
    if len(features):
        with torch.cuda.device_of(features):
            _kernels().backward_kernel[(len(features),)](
                *system,
                grad.contiguous(),
                by_positions,
                by_offsets,
                by_features,
                len(features),
                **_constants(features, *sizes),
                ALL=everything,
                COLUMNS=_columns(features.shape[1]),
                CHUNK=PAIRS,
            )
    return by_positions, by_offsets, by_features


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
    """Return the gradients with respect to positions, offsets and features.

    The list must hold every pair within the cutoff in both directions, with opposite offsets.
    """
    system = (positions, offsets, starts, second, species, features)
    return _gradients(grad, system, (n_species, l_max, nodes, cutoff, warp), True)


def nodal_density_pull(
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
) -> Tensor:
    """Return the gradient with respect to positions alone, (N, 3): all that dynamics needs."""
    system = (positions, offsets, starts, second, species, features)
    return _gradients(grad, system, (n_species, l_max, nodes, cutoff, warp), False)[0]


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
    system = (positions, offsets, starts, second, species, features)
    sizes = (n_species, l_max, nodes, cutoff, warp)
    tangent = (v_positions.contiguous(), v_offsets.contiguous(), v_features.contiguous())
    by_grad = _accumulate(tangent, system, sizes)
    by_offsets, by_neighbors = _by_pairs(tangent, grad, system, sizes)
    by_positions, by_features = _summed(system, by_offsets, by_neighbors)
    return by_grad, by_positions, by_offsets, by_features


def _by_pairs(
    tangent: tuple[Tensor, Tensor, Tensor],
    grad: Tensor,
    system: tuple[Tensor, ...],
    sizes: tuple[Any, ...],
) -> tuple[Tensor, Tensor]:
    """Return second derivatives by the vector (P, 3) and the features (P, F) of each pair."""
    offsets, features = system[1], system[5]
    by_vector = torch.zeros_like(offsets)
    by_neighbors = offsets.new_zeros([len(offsets), features.shape[1]])
    if len(features):
        with torch.cuda.device_of(features):
            _kernels().double_backward_kernel[(len(features),)](
                *system,
                *tangent,
                grad.contiguous(),
                by_vector,
                by_neighbors,
                len(features),
                **_constants(features, *sizes),
                CHUNK=PAIRS,
            )
    return by_vector, by_neighbors


def _summed(
    system: tuple[Tensor, ...], by_vector: Tensor, by_neighbors: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the sums over pairs by positions and by features of the second atoms."""
    positions, _, starts, second, _, features = system
    by_positions, by_features = torch.empty_like(positions), torch.empty_like(features)
    n, width = features.shape
    if n:
        ordered, order = torch.sort(second, stable=True)
        column_starts = torch.searchsorted(ordered, torch.arange(n + 1, device=second.device))
        with torch.cuda.device_of(features):
            _kernels().columns_kernel[(n,)](
                *(starts, order, column_starts, by_vector, by_neighbors),
                *(by_positions, by_features),
                F=width,
                COLUMNS=_columns(width),
                CHUNK=PAIRS,
                num_warps=WARPS,
            )
    return by_positions, by_features
