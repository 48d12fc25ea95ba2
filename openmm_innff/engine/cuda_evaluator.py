"""Energy and forces of a component for dynamics on CUDA: one graph replayed for each step.

A step never waits for the whole GPU. First it launches a small graph that measures how far the
atoms are from those of the neighbour list, then the graph of energy and forces, and while the GPU
works on the latter the host reads the result of the former. If the list was outdated, what was
computed is dropped, the list renewed and the step done again: a jump of any size, as in a
minimisation, gives right forces. In dynamics the list is mostly renewed a step before that.

The flow, all kernels and everything but the capture are tested on the CPU, the kernels in Triton's
interpreter. The graphs have not run on a GPU yet.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from openmm_innff.engine import reference, triton_density
from openmm_innff.engine.cuda_pairs import FixedPairs, Search
from openmm_innff.engine.network import atomic_energies, core_energies
from openmm_innff.engine.parameters import CoreTables, FoldedParameters, Shape
from openmm_innff.engine.triton_network import TritonNetwork, add_core, core_table
from openmm_innff.neighbors import find_pairs, first_atoms

METHODS = ("graph", "triton", "torch")


class CudaEvaluator(nn.Module):
    """Energy and forces of one component for a fixed set of atoms.

    Parameters
    ----------
    shape : Shape
    parameters : FoldedParameters
        Their type, float32 or float64, is that of the network; positions and sums are float64.
    core : CoreTables or None
        Core repulsion, if the component holds it.
    species : Tensor, shape (N,), int64
        Of the atoms, in any order.
    periodic : bool
        Whether the box repeats in all three directions.
    skin : float
        Extra range of the neighbour list in angstrom.
    device : torch.device
    method : str
        "graph": Triton kernels, captured in CUDA graphs; "triton": the same, launched one by one;
        "torch": autograd; "auto": the first of these that works on the device.
    search : callable
        Finds pairs; signature of `openmm_innff.neighbors.find_pairs`.

    Attributes
    ----------
    evaluations : int
        How often energy and forces were computed, whether or not they were returned.
    """

    def __init__(
        self,
        shape: Shape,
        parameters: FoldedParameters,
        core: CoreTables | None,
        species: Tensor,
        periodic: bool,
        skin: float,
        device: torch.device,
        method: str = "auto",
        search: Search = find_pairs,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.method = _resolved(method, device)
        self.counts: list[int] = torch.bincount(species.cpu(), minlength=shape.species).tolist()
        given = (p.detach().to(device).contiguous() for p in parameters)
        self.folded = FoldedParameters(*given)
        self.core = None if core is None else core_table(core, device)
        order = torch.argsort(species, stable=True).to(device)
        self.species = species.to(device)[order]
        self.ones = torch.ones(len(species), 1, dtype=parameters.bias.dtype, device=device)
        self.pairs = FixedPairs(order, periodic, shape.cutoff, skin, search)
        self.network = TritonNetwork(shape, self.folded, self.counts)
        self.evaluations = 0
        self._graphs: tuple[Any, ...] = ()
        self._captured = -1
        self._result = (self.ones[0], self.ones)

    @torch.no_grad()
    def forward(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        """Return energy and forces.

        Parameters
        ----------
        positions : Tensor, shape (N, 3)
            In angstrom, anywhere in space.
        box : Tensor, shape (3, 3)
            Box vectors as rows, in angstrom; ignored unless periodic.

        Returns
        -------
        energy : Tensor, 0-d, float64
            In eV.
        forces : Tensor, shape (N, 3), float64
            In eV/angstrom.

        Raises
        ------
        RuntimeError
            If a position is not finite or the box is narrower than twice the cutoff.
        """
        self.pairs.load(positions, box)
        for _ in range(2):
            self._launch()
            self.evaluations += 1
            if self.pairs.is_current():
                energy, forces = self._result
                return energy.clone(), forces.clone()
            self.pairs.rebuild()
        raise RuntimeError("the neighbour list is out of date just after its renewal")

    def _launch(self) -> None:
        """Start the measurement, then the evaluation."""
        if self.method != "graph":
            self.pairs.measure()
            self.pairs.mark()
            self._result = self._evaluate()
            return
        if self._captured != self.pairs.generation:
            self._graphs = ()  # frees the memory of the old ones first
            self._graphs = _capture(self.pairs.measure)[0], self._capture_evaluation()
            self._captured = self.pairs.generation
        measurement, evaluation = self._graphs
        measurement.replay()
        self.pairs.mark()
        evaluation.replay()

    def _capture_evaluation(self) -> Any:
        graph, self._result = _capture(self._evaluate)
        return graph

    def _evaluate(self) -> tuple[Tensor, Tensor]:
        """Return energy and forces; operations on the device only."""
        # NaN would become an index anywhere in memory; the step will be refused in any case.
        here = torch.nan_to_num(self.pairs.inputs[:-3]).index_select(0, self.pairs.order)
        evaluate = self._by_autograd if self.method == "torch" else self._by_kernels
        energy, gradient = evaluate(here)
        return energy, torch.empty_like(gradient).index_copy_(0, self.pairs.order, -gradient)

    def _grid(self) -> Any:
        shape = self.shape
        return shape.species, shape.l_max, shape.nodes, shape.cutoff, shape.warp

    def _by_kernels(self, here: Tensor) -> tuple[Tensor, Tensor]:
        pairs = self.pairs
        atoms = (here, pairs.offsets, pairs.starts, pairs.second, self.species)
        density = triton_density.nodal_density(*atoms, self.ones, *self._grid())
        energies, by_density = self.network(density)
        gradient = triton_density.nodal_density_pull(by_density, *atoms, self.ones, *self._grid())
        if self.core is not None:
            add_core(*atoms, self.core, energies, gradient)
        return energies.sum(), gradient

    def _by_autograd(self, here: Tensor) -> tuple[Tensor, Tensor]:
        pairs = self.pairs.live()
        atoms = (pairs.offsets, pairs.starts, pairs.second, self.species)
        with torch.enable_grad():
            here = here.requires_grad_(True)
            density = reference.nodal_density(here, *atoms, self.ones, *self._grid())
            energies = atomic_energies(density, self.counts, self.folded, self.shape)
            energy = energies.to(torch.float64).sum()
            if self.core is not None:
                first = first_atoms(pairs)
                kind = self.species[first] * self.shape.species + self.species[pairs.second]
                between = here[pairs.second] - here[first] + pairs.offsets
                squared = between.square().sum(1) + reference.TINY
                energy = energy + core_energies(squared, kind, CoreTables(*self.core)).sum()
            (gradient,) = torch.autograd.grad(energy, here)
        return energy.detach(), gradient


def _capture(work: Callable[[], Any]) -> tuple[Any, Any]:
    """Return a CUDA graph of some work and what the work returned: the same tensors every time."""
    # What is compiled or allocated at the first call must not be part of the graph.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Other threads, those of OpenMM say, may go on using CUDA meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = work()
    return graph, result


def _resolved(method: str, device: torch.device) -> str:
    if method == "auto":
        fits = device.type == "cuda" and triton_density.available()
        return "graph" if fits else "torch"
    if method not in METHODS:
        raise ValueError(f"method: wanted auto or one of {', '.join(METHODS)}, found {method!r}")
    if method == "graph" and device.type != "cuda":
        raise ValueError(f"method: graph works on CUDA only, found {device}")
    return method
