"""The nodal density as one operator, whatever computes it.

    D[lm, i, (s, n, f)] = sum_{j of species s} B_n(r_ij) f_c(r_ij) Y_lm(r_ij / |r_ij|) h[j, f]

B_n are cubic B-splines on a grid that is uniform in ln(1 + r^2 / warp^2), densest where bonds and
contacts are; f_c = (1 - r^2 / cutoff^2)^3. Features h are ones in a first layer, where species tell
neighbours apart, and learned numbers in a message layer. Per pair only four nodes are touched,
whatever the number of channels that are mixed from D afterwards.

The operator `innff::nodal_density` can be differentiated twice. On the CPU it is compiled code, on
CUDA a Triton kernel, and plain torch where neither is there.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from openmm_innff.engine import compiled, reference
from openmm_innff.engine.library import library
from openmm_innff.neighbors import PairList

Arguments = tuple[Any, ...]

_SYSTEM = "Tensor positions, Tensor offsets, Tensor starts, Tensor second, Tensor species"
_SIZES = "int n_species, int l_max, int nodes, float cutoff, float warp"
_REST = f"{_SYSTEM}, Tensor features, {_SIZES}"
_SCHEMAS = {
    "nodal_density": f"({_REST}) -> Tensor",
    "nodal_density_backward": f"(Tensor grad, {_REST}) -> (Tensor, Tensor, Tensor)",
    "nodal_density_double_backward": (
        "(Tensor v_positions, Tensor v_offsets, Tensor v_features, Tensor grad, "
        f"{_REST}) -> (Tensor, Tensor, Tensor, Tensor)"
    ),
}


class Grid(NamedTuple):
    """What a density is expanded in.

    Attributes
    ----------
    n_species, l_max, nodes : int
    cutoff, warp : float
        In angstrom.
    """

    n_species: int
    l_max: int
    nodes: int
    cutoff: float
    warp: float


def nodal_density(
    positions: Tensor, pairs: PairList, species: Tensor, features: Tensor, grid: Grid
) -> Tensor:
    """Return the nodal density of every atom.

    Parameters
    ----------
    positions : Tensor, shape (N, 3), float64
        In angstrom.
    pairs : PairList
        All ordered pairs within the cutoff; more do no harm.
    species : Tensor, shape (N,), int64
    features : Tensor, shape (N, F)
        float32 or float64, which is also the type of the result.
    grid : Grid

    Returns
    -------
    Tensor, shape ((l_max + 1)^2, N, n_species * nodes * F)
    """
    operator: Callable[..., Tensor] = reference.nodal_density
    if _implementation(positions):
        operator = torch.ops.innff.nodal_density
    return operator(positions, pairs.offsets, pairs.starts, pairs.second, species, features, *grid)


def _implementation(tensor: Tensor) -> ModuleType | None:
    """Return the module that computes on the device of a tensor; None if only torch can."""
    if tensor.is_cuda:
        return _triton()
    return compiled if library() is not None else None


def _triton() -> ModuleType | None:
    from openmm_innff.engine import triton_density

    return triton_density if triton_density.available() else None


def _call(name: str, *arguments: Any) -> Any:
    """Run an operator where its tensors are, on contiguous copies where need be."""
    tensors = [a for a in arguments if isinstance(a, Tensor)]
    module = _implementation(tensors[0])
    if module is None:
        raise RuntimeError(
            f"innff::{name}: no compiled kernel for {tensors[0].device}; use the plain torch "
            "functions of openmm_innff.engine.reference"
        )
    plain = [a.contiguous() if isinstance(a, Tensor) else a for a in arguments]
    return getattr(module, name)(*plain)


def _save(ctx: Any, inputs: Arguments, output: Any) -> None:
    ctx.save_for_backward(*(a for a in inputs if isinstance(a, Tensor)))
    ctx.sizes = tuple(a for a in inputs if not isinstance(a, Tensor))


def _backward(ctx: Any, grad: Tensor) -> Arguments:
    positions, offsets, starts, second, species, features = ctx.saved_tensors
    by_positions, by_offsets, by_features = torch.ops.innff.nodal_density_backward(
        grad, positions, offsets, starts, second, species, features, *ctx.sizes
    )
    return (by_positions, by_offsets, None, None, None, by_features, *[None] * len(ctx.sizes))


def _backward_of_backward(ctx: Any, *directions: Tensor | None) -> Arguments:
    grad, positions, offsets, starts, second, species, features = ctx.saved_tensors
    given = [
        torch.zeros_like(like) if v is None else v
        for v, like in zip(directions, (positions, offsets, features), strict=True)
    ]
    by_grad, by_positions, by_offsets, by_features = torch.ops.innff.nodal_density_double_backward(
        *given, grad, positions, offsets, starts, second, species, features, *ctx.sizes
    )
    nothing = [None] * len(ctx.sizes)
    return (by_grad, by_positions, by_offsets, None, None, None, by_features, *nothing)


def _register() -> torch.library.Library:
    registry = torch.library.Library("innff", "FRAGMENT")
    for name, schema in _SCHEMAS.items():
        registry.define(name + schema)

        def run(*arguments: Any, name: str = name) -> Any:
            return _call(name, *arguments)

        registry.impl(name, run, "CompositeExplicitAutograd")
    torch.library.register_autograd(
        "innff::nodal_density", _backward, setup_context=_save, lib=registry
    )
    torch.library.register_autograd(
        "innff::nodal_density_backward", _backward_of_backward, setup_context=_save, lib=registry
    )
    return registry


_REGISTRY = _register()
"""Keeps the operators alive."""
