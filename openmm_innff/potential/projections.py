"""What the interpolants of readouts get for arguments."""

from typing import Any

import torch
from torch import Tensor

from openmm_innff.neighbors import PairList
from openmm_innff.potential.kinds import EnvironmentComponent


@torch.no_grad()
def projections(
    component: EnvironmentComponent, positions: Tensor, pairs: PairList, species: Tensor
) -> list[list[Tensor]]:
    """Return the projections that interpolants get, before they are clipped.

    Parameters
    ----------
    component : Component or Equivariant
    positions : Tensor, shape (N, 3), float64
        In angstrom, atoms sorted by species.
    pairs : PairList
    species : Tensor, shape (N,), int64
        Ascending.

    Returns
    -------
    list of list of Tensor, shape (n, P)
        Of each readout and species, in standard deviations of the training data or about that.
    """
    readouts = component.all_readouts()
    counts = torch.bincount(species, minlength=component.n_species).tolist()
    seen: list[list[Tensor]] = []

    def keep(readout: Any, arguments: tuple[Tensor, list[int]]) -> None:
        normalised = readout.normalised(*arguments).split(counts)
        seen.append(
            [
                part @ readout.projection[z] * readout.input_factor + readout.bias[z]
                for z, part in enumerate(normalised)
            ]
        )

    hooks = [readout.register_forward_pre_hook(keep) for readout in readouts]
    try:
        component(positions, pairs, species, counts)
    finally:
        for hook in hooks:
            hook.remove()
    return seen
