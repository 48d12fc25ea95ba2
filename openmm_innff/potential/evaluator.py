"""Energy and forces for molecular dynamics, with neighbour lists that are kept and reused."""

import copy
import uuid
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from openmm_innff.engine import dynamics  # it registers innff::evaluate
from openmm_innff.engine.library import library
from openmm_innff.engine.parameters import INTEGERS
from openmm_innff.neighbors import PairList, find_pairs
from openmm_innff.potential.component import Component
from openmm_innff.potential.folded import core_of, fold_all, shape_of
from openmm_innff.potential.kinds import EnvironmentComponent
from openmm_innff.potential.listed import Listed


def _required(gradient: Tensor | None) -> Tensor:
    """Unwrap what TorchScript's autograd declares as optional."""
    if gradient is None:
        raise RuntimeError("the energy does not depend on the positions")
    return gradient


class ComponentEvaluator(Listed):
    """Energy and forces of one component for a fixed set of atoms.

    The list holds all pairs within cutoff + skin; it is built again when an atom has moved half
    the skin or the box has changed, so the numbers never depend on when that happened.

    Parameters
    ----------
    component : Component or Equivariant
        The latter is always evaluated by torch on CUDA.
    species : Tensor, shape (N,), int64
    periodic : bool
    skin : float
        In angstrom.
    engine : str
        "torch"; "auto", which is compiled on the CPU if it can be; "compiled": on CUDA too.
    """

    pairs: PairList
    species: Tensor
    order: Tensor
    folded: list[Tensor]
    core: list[Tensor]
    sizes: list[int]
    lengths: list[float]

    def __init__(
        self,
        component: EnvironmentComponent,
        species: Tensor,
        periodic: bool,
        skin: float,
        engine: str,
    ) -> None:
        super().__init__(len(species), periodic, component.cutoff, skin)
        self.component = component
        order = torch.argsort(species, stable=True)
        self.register_buffer("order", order)
        self.register_buffer("species", species[order])
        self.counts: list[int] = torch.bincount(species, minlength=component.n_species).tolist()
        empty = torch.zeros(0, dtype=torch.int64)
        self.pairs = PairList(empty, empty, torch.zeros(0, 3, dtype=torch.float64))

        self.on_cuda = engine == "compiled" and isinstance(component, Component)
        self.key = str(uuid.uuid4())
        self.unknown = dynamics.UNKNOWN
        self.folded, self.core = [], []
        self.all_species = species.clone()
        self.sizes, self.lengths = [], []
        self.compiled = engine == "compiled" or (engine == "auto" and library() is not None)
        self._fold(component, skin)

    @torch.jit.unused
    def _fold(self, component: EnvironmentComponent, skin: float) -> None:
        """Keep what the compiled engine needs."""
        shape, core = shape_of(component), core_of(component)
        with torch.no_grad():
            # In double: rounded to single, they do not depend on the number of threads.
            exact = fold_all(copy.deepcopy(component).double())
            self.folded = [p.to(component.scale.dtype).contiguous() for p in exact]
        self.core = [] if core is None else [t.clone() for t in core]
        self.sizes = [int(size) for size in shape[:INTEGERS]]
        self.lengths = [*shape[INTEGERS:], skin]

    def forward(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor, str]:
        """Return energy (0-d, float64, eV), forces (N, 3) in eV/angstrom, and any fault.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom.
        box : Tensor, shape (3, 3), float64
            Box vectors as rows, in angstrom.
        """
        if self.compiled and (self.on_cuda or not positions.is_cuda):
            energy, forces, fault = torch.ops.innff.evaluate(positions, box, self.key)
            if fault == self.unknown:
                fault = torch.ops.innff.prepare(
                    self.key,
                    self.folded,
                    self.core,
                    self.all_species,
                    self.sizes,
                    self.lengths,
                    self.periodic,
                    str(positions.device),
                )
                if len(fault) == 0:
                    energy, forces, fault = torch.ops.innff.evaluate(positions, box, self.key)
            return energy, forces, fault
        if self.is_stale(positions, box):
            fault = self.fault(positions, box)
            if len(fault) > 0:
                return positions.new_zeros([]), torch.zeros_like(positions), fault
            self._rebuild(positions, box)
        here = positions.index_select(0, self.order).detach().requires_grad_(True)
        energy = self.component(here, self.pairs, self.species, self.counts).sum()
        gradient = _required(torch.autograd.grad([energy], [here])[0])
        forces = torch.zeros_like(positions).index_copy(0, self.order, -gradient)
        return energy.detach(), forces, ""

    @torch.jit.unused
    def compiled_object(self) -> dynamics.Dynamics:
        """Return the compiled object that does the work, for calls without torch."""
        found = dynamics.find(self.key)
        if found is None:
            fault = dynamics.prepare(
                self.key,
                self.folded,
                self.core,
                self.all_species,
                self.sizes,
                self.lengths,
                self.periodic,
            )
            if fault:
                raise RuntimeError(fault)
            return self.compiled_object()
        return found

    def _rebuild(self, positions: Tensor, box: Tensor) -> None:
        here = positions.index_select(0, self.order)
        self.pairs = find_pairs(here, box, self.periodic, self.cutoff + self.skin)
        self.remember(positions, box)


class Evaluator(nn.Module):
    """Sum (or difference) of the components that make up one part of a potential.

    Parameters
    ----------
    components : list of ComponentEvaluator or BondedEvaluator
    """

    def __init__(self, components: Sequence[Listed]) -> None:
        super().__init__()
        self.components = nn.ModuleList(components)

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
            In eV, without the reference energies of the elements.
        forces : Tensor, shape (N, 3), float64
            In eV/angstrom.

        Raises
        ------
        RuntimeError
            If a position is not finite or the box is narrower than twice the cutoff.
        """
        energy, forces, fault = self.evaluate(positions, box)
        if len(fault) > 0:
            raise RuntimeError(fault)
        return energy, forces

    @torch.jit.export
    def evaluate(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor, str]:
        """Return energy, forces and, instead of raising an error, its message.

        An error raised deep inside a frozen TorchScript module, as TorchForce makes it, can end
        the process (torch 2.9): whoever scripts this should raise at the top.
        """
        positions = positions.detach().to(torch.float64)
        box = box.detach().to(torch.float64)
        total = torch.zeros([], dtype=torch.float64, device=positions.device)
        forces = torch.zeros_like(positions)
        for component in self.components:
            energy, force, fault = component(positions, box)
            if len(fault) > 0:
                return total, forces, fault
            total = total + component.sign * energy
            forces = forces + component.sign * force
        return total, forces, ""
