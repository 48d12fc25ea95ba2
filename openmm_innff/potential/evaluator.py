"""Energy and forces for molecular dynamics, with neighbour tables that are kept and reused."""

import torch
from torch import Tensor, nn

from openmm_innff.neighbors import (
    NeighborTable,
    box_widths,
    build_table,
    find_pairs,
    table_forces,
    table_vectors,
)
from openmm_innff.potential.component import Component


def _required(gradient: Tensor | None) -> Tensor:
    """Unwrap what TorchScript's autograd declares as optional."""
    if gradient is None:
        raise RuntimeError("the energy does not depend on the positions")
    return gradient


class ComponentEvaluator(nn.Module):
    """Energy and forces of one component for a fixed set of atoms.

    The table holds all pairs within cutoff + skin; it is built again when an atom has moved half
    the skin or the box has changed, so the numbers never depend on when that happened.
    """

    table: NeighborTable
    species: Tensor

    def __init__(
        self, component: Component, species: Tensor, n_species: int, periodic: bool, skin: float
    ) -> None:
        super().__init__()
        self.component = component
        self.n_species = n_species
        self.periodic = periodic
        self.cutoff = component.cutoff
        self.skin = skin
        self.register_buffer("species", species)
        empty = torch.zeros(0, dtype=torch.int64)
        self.table = NeighborTable(empty, empty, torch.zeros(0, dtype=torch.float64), [], [])
        self.table_positions = torch.zeros(0, 3, dtype=torch.float64)
        self.table_box = torch.zeros(3, 3, dtype=torch.float64)

    def forward(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        """Return energy (0-d, float64, eV) and forces (N, 3) in eV/angstrom.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom.
        box : Tensor, shape (3, 3), float64
            Box vectors as rows, in angstrom.
        """
        if self._is_stale(positions, box):
            self._rebuild(positions, box)
        table = self.table
        vectors = table_vectors(table, positions).to(self.component.scale.dtype).contiguous()
        vectors = vectors.detach().requires_grad_(True)
        energies = self.component(vectors, table.widths, table.counts)
        energy = energies.sum(dtype=torch.float64)
        gradient = torch.autograd.grad([energy], [vectors])[0]
        return energy.detach(), table_forces(table, _required(gradient))

    def _is_stale(self, positions: Tensor, box: Tensor) -> bool:
        if self.table_positions.shape != positions.shape:
            return True
        if self.table_positions.device != positions.device:
            return True
        if self.periodic and not torch.equal(box, self.table_box):
            return True
        moved = (positions - self.table_positions).square().sum(-1).max()
        return not bool(moved <= 0.25 * self.skin * self.skin)  # true for NaN as well

    def _rebuild(self, positions: Tensor, box: Tensor) -> None:
        if not bool(torch.isfinite(positions).all()):
            atom = int(torch.where(~torch.isfinite(positions).all(1))[0][0])
            raise RuntimeError(f"positions: wanted finite numbers, found NaN or inf at atom {atom}")
        reach = self.cutoff + self.skin
        if self.periodic:
            narrowest = float(box_widths(box).min())
            if not narrowest >= 2.0 * self.cutoff:
                wanted = round(2000.0 * self.cutoff) / 1000.0
                found = round(1000.0 * narrowest) / 1000.0
                raise RuntimeError(
                    f"box: wanted a width of at least twice the cutoff, {wanted} angstrom, "
                    f"found {found} angstrom; use a larger box"
                )
        pairs = find_pairs(positions, box, self.periodic, reach)
        self.table = build_table(self.species, pairs, self.n_species, 2.0 * reach)
        self.table_positions = positions.clone()
        self.table_box = box.clone()


class Evaluator(nn.Module):
    """Sum of the components that make up one part of a potential.

    Parameters
    ----------
    components : list of ComponentEvaluator
    """

    def __init__(self, components: list[ComponentEvaluator]) -> None:
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
        forces : Tensor, shape (N, 3)
            In eV/angstrom, in the precision of the evaluator.

        Raises
        ------
        RuntimeError
            If a position is not finite or the box is narrower than twice the cutoff.
        """
        positions = positions.detach().to(torch.float64)
        box = box.detach().to(torch.float64)
        energies: list[Tensor] = []
        forces: list[Tensor] = []
        for component in self.components:
            energy, force = component(positions, box)
            energies.append(energy)
            forces.append(force)
        return torch.stack(energies).sum(), torch.stack(forces).sum(0)
