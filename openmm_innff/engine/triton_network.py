"""Atomic energies and core repulsion on CUDA, with their gradients, in few launches.

Matrix products are those of torch, everything between them is one Triton kernel each. Tested
against plain torch in Triton's interpreter, on the CPU; not yet run on a GPU.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from openmm_innff.engine.network import AMPLITUDES, DECAYS
from openmm_innff.engine.parameters import CoreTables, FoldedParameters, Shape

ATOMS = 4
"""Atoms of one program."""


@cache
def _kernels() -> Any:
    from openmm_innff.engine import triton_network_kernels

    return triton_network_kernels


class TritonNetwork:
    """From the nodal density of atoms sorted by species to their energies, and back.

    Parameters
    ----------
    shape : Shape
    parameters : FoldedParameters
        On the device where the work is to be done, of the type of the densities.
    counts : list of int
        Atoms of each species.
    """

    def __init__(self, shape: Shape, parameters: FoldedParameters, counts: list[int]) -> None:
        self.shape = shape
        self.counts = counts
        self.parameters = FoldedParameters(*(p.detach().contiguous() for p in parameters))
        rows = [degree for degree in range(shape.l_max + 1) for _ in range(2 * degree + 1)]
        self.values = [table[rows] for table in self.parameters.nodal_values]
        device = parameters.bias.device
        self.species = torch.repeat_interleave(torch.tensor(counts)).to(device)
        self.kinds = (1, 2, 6)[shape.l_max]

    def __call__(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies (N,), float64, eV, and the gradient of their sum by the density.

        Parameters
        ----------
        density : Tensor, shape ((l_max + 1)^2, N, species * nodes), contiguous
        """
        given = self.parameters
        gradient = torch.empty_like(density)
        energies = density.new_empty([density.shape[1]], dtype=torch.float64)
        if not len(energies):
            return energies, gradient
        a = density.new_empty([*density.shape[:2], self.shape.channels])
        for z, here in self._slices():
            torch.bmm(density[:, here], self.values[z], out=a[:, here])
        x = self._invariants(a, energies)
        u = x.new_empty([len(x), self.shape.projections])
        for z, here in self._slices():
            torch.mm(x[here], given.weights[z], out=u[here])
        by_u = self._readout(u, energies)
        for z, here in self._slices():
            torch.addmm(given.linear[z], by_u[here], given.weights[z].t(), out=x[here])
        by_a = self._pull_back(a, x)
        for z, here in self._slices():
            torch.bmm(by_a[:, here], self.values[z].transpose(1, 2), out=gradient[:, here])
        return energies, gradient

    def _slices(self) -> list[tuple[int, slice]]:
        ends = [sum(self.counts[: z + 1]) for z in range(len(self.counts))]
        rows = zip(ends, self.counts, strict=True)
        return [(z, slice(end - n, end)) for z, (end, n) in enumerate(rows) if n]

    def _launch(self, name: str, *tensors: Tensor, width: int, **constants: Any) -> None:
        n = len(self.species)
        with torch.cuda.device_of(tensors[0]):
            getattr(_kernels(), name)[(-(-n // ATOMS),)](
                *tensors,
                n,
                **constants,
                ATOMS=ATOMS,
                COLUMNS=1 << (width - 1).bit_length(),
                num_warps=4,
            )

    def _channels(self) -> dict[str, int]:
        channels = self.shape.channels
        return {
            "CHANNELS": channels,
            "KINDS": self.kinds,
            "L_MAX": self.shape.l_max,
            "width": channels,
        }

    def _invariants(self, a: Tensor, energies: Tensor) -> Tensor:
        given = self.parameters
        x = a.new_empty([a.shape[1], self.kinds * self.shape.channels])
        tensors = (a, self.species, given.mean, given.linear, x, energies)
        self._launch("invariants_kernel", *tensors, **self._channels())
        return x

    def _readout(self, u: Tensor, energies: Tensor) -> Tensor:
        given, half = self.parameters, self.shape.projections // 2
        by_u = torch.empty_like(u)
        self._launch(
            "readout_kernel",
            *(u, self.species, given.bias, given.table, given.single, given.paired),
            *(energies, by_u),
            HALF=half,
            INTERVALS=self.shape.intervals,
            BOUND=self.shape.bound,
            width=half,
        )
        return by_u

    def _pull_back(self, a: Tensor, by_x: Tensor) -> Tensor:
        by_a = torch.empty_like(a)
        self._launch("pull_back_kernel", a, by_x, by_a, **self._channels())
        return by_a


def core_table(core: CoreTables, device: torch.device) -> Tensor:
    """Return what `add_core` needs, shape (3, species, species), float64."""
    return torch.stack([table.detach().to(device, torch.float64) for table in core])


def add_core(
    positions: Tensor,
    offsets: Tensor,
    starts: Tensor,
    second: Tensor,
    species: Tensor,
    core: Tensor,
    energies: Tensor,
    gradient: Tensor,
) -> None:
    """Add the core repulsion to energies (N,) and to their gradient (N, 3) by positions, in place.

    Parameters
    ----------
    positions, offsets, starts, second, species : Tensor
        As for the nodal density.
    core : Tensor
        As made by `core_table`.
    energies, gradient : Tensor, float64
    """
    if len(species):
        with torch.cuda.device_of(positions):
            _kernels().core_kernel[(len(species),)](
                *(positions, offsets, starts, second, species, core, energies, gradient),
                core.shape[1],
                *AMPLITUDES,
                *DECAYS,
                CHUNK=32,
                num_warps=1,
            )
