"""From the nodal density to atomic energies in plain torch, with folded parameters.

Species are taken one after the other, so that nothing but tensors on the device is needed: the
operations can be captured in a CUDA graph.
"""

import torch
from torch import Tensor

from openmm_innff.engine.parameters import CoreTables, FoldedParameters, Shape
from openmm_innff.nn.density import smooth_cutoff
from openmm_innff.nn.interpolant import interpolate, soft_clip
from openmm_innff.nn.invariants import Invariants

AMPLITUDES = (0.18175, 0.50986, 0.28022, 0.02817)
DECAYS = (3.19980, 0.94229, 0.40290, 0.20162)
"""Of the Ziegler-Biersack-Littmark screening function, doi:10.1007/978-1-4615-8103-1_3."""


def atomic_energies(
    density: Tensor, counts: list[int], parameters: FoldedParameters, shape: Shape
) -> Tensor:
    """Return the energies (N,) in eV of atoms sorted by species, without core repulsion.

    Parameters
    ----------
    density : Tensor, shape ((l_max + 1)^2, N, species * nodes)
    counts : list of int
        Atoms of each species.
    parameters : FoldedParameters
    shape : Shape
    """
    invariants = Invariants(shape.l_max)
    half = shape.projections // 2
    scale = shape.intervals / (2.0 * shape.bound)
    functions = torch.arange(shape.projections, device=density.device)
    energies = []
    for z, part in enumerate(density.split(counts, 1)):
        values = [
            parameters.nodal_values[z, degree]
            for degree in range(shape.l_max + 1)
            for _ in range(2 * degree + 1)
        ]
        x = invariants(torch.bmm(part, torch.stack(values))) - parameters.mean[z]
        u = x @ parameters.weights[z] + parameters.bias[z]
        grid = (soft_clip(u, shape.bound) + shape.bound) * scale
        f = interpolate(parameters.table[z], functions.expand(grid.shape), grid)
        learned = f @ parameters.single[z] + (f[:, :half] * f[:, half:]) @ parameters.paired[z]
        energies.append(x @ parameters.linear[z] + learned)
    return torch.cat(energies)


def core_energies(squared: Tensor, kind: Tensor, core: CoreTables) -> Tensor:
    """Return half of the core repulsion of each pair, shape (P,), in eV.

    Parameters
    ----------
    squared : Tensor, shape (P,), float64
        Squared distances in square angstrom.
    kind : Tensor, shape (P,), int64
        Row-major index of the pair of species.
    core : CoreTables
    """
    radius, strength, inverse = (t.to(squared.dtype).reshape(-1)[kind] for t in core)
    r = torch.sqrt(squared)
    screening = torch.zeros_like(r)
    for amplitude, decay in zip(AMPLITUDES, DECAYS, strict=True):
        screening = screening + amplitude * torch.exp(-decay * r * inverse)
    return 0.5 * strength * screening * smooth_cutoff(squared / radius**2) / r
