"""Energies and forces of a component whose parameters are being trained."""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from openmm_innff.engine.component import CompiledAtoms, energies_and_forces
from openmm_innff.engine.library import resolve_engine
from openmm_innff.neighbors import PairList
from openmm_innff.potential.folded import compiled_counterpart, fold_all
from openmm_innff.potential.kinds import EnvironmentComponent

_WithCore = tuple[CompiledAtoms, Tensor]
_COMPILED: WeakKeyDictionary[EnvironmentComponent, _WithCore] = WeakKeyDictionary()


def component_forces(
    component: EnvironmentComponent,
    positions: Tensor,
    pairs: PairList,
    species: Tensor,
    *,
    differentiable: bool,
    engine: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Return atomic energies (N,) in eV and forces (N, 3) in eV/angstrom.

    Both are in the precision of the component, and gradients reach its parameters if
    ``differentiable``; positions are constants.

    Parameters
    ----------
    component : Component or Equivariant
    positions : Tensor, shape (N, 3), float64
        In angstrom, atoms sorted by species; of one frame or of many.
    pairs : PairList
    species : Tensor, shape (N,), int64
        Ascending.
    differentiable : bool
    engine : str
        "auto", "compiled" or "torch" (autograd through autograd).
    """
    dtype = component.scale.dtype
    if positions.is_cuda or resolve_engine(engine) == "torch":
        counts = torch.bincount(species, minlength=component.n_species).tolist()
        here = positions.detach().requires_grad_(True)
        energies = component(here, pairs, species, counts)
        (gradient,) = torch.autograd.grad(energies.sum(), here, create_graph=differentiable)
        return energies.to(dtype), -gradient.to(dtype)
    with torch.set_grad_enabled(differentiable):
        return energies_and_forces(
            _compiled(component), positions, pairs, species, fold_all(component)
        )


def _compiled(component: EnvironmentComponent) -> CompiledAtoms:
    """Return the compiled counterpart of a component; a new one if its core has changed."""
    found = _COMPILED.get(component)
    dtype, core = component.scale.dtype, component.repulsion.core
    if found is None or found[0].dtype != dtype or not torch.equal(found[1], core):
        found = _COMPILED[component] = (compiled_counterpart(component), core.clone())
    return found[0]
