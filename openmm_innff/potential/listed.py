"""Lists of neighbours that are kept until an atom has moved half the skin, or the box changed."""

import torch
from torch import Tensor, nn

from openmm_innff.neighbors import geometry_fault


class Listed(nn.Module):
    """Remembers where the atoms were when a list was made.

    Parameters
    ----------
    atoms : int
    periodic : bool
    cutoff : float
        In angstrom.
    skin : float
        Extra range of the list in angstrom.
    """

    def __init__(self, atoms: int, periodic: bool, cutoff: float, skin: float) -> None:
        super().__init__()
        self.n_atoms = atoms
        self.periodic = periodic
        self.cutoff = cutoff
        self.skin = skin
        self.sign = 1.0  # with which its energy enters a sum
        self.list_positions = torch.zeros(0, 3, dtype=torch.float64)
        self.list_box = torch.zeros(3, 3, dtype=torch.float64)

    def fault(self, positions: Tensor, box: Tensor) -> str:
        """Say what is wrong with the number of atoms, their positions or the box, if anything."""
        wanted, found = self.n_atoms, positions.shape
        if found == (wanted, 3):
            return geometry_fault(positions, box, self.periodic, self.cutoff)
        return f"positions: wanted shape ({wanted}, 3), found ({found[0]}, {found[1]})"

    def is_stale(self, positions: Tensor, box: Tensor) -> bool:
        """Whether the list must be made anew."""
        if self.list_positions.shape != positions.shape:
            return True
        if self.list_positions.device != positions.device:
            return True
        if self.periodic and not torch.equal(box, self.list_box):
            return True
        moved = (positions - self.list_positions).square().sum(-1).max()
        return not bool(moved <= 0.25 * self.skin * self.skin)  # true for NaN as well

    def remember(self, positions: Tensor, box: Tensor) -> None:
        """Take the present positions and box for those of the list."""
        self.list_positions = positions.clone()
        self.list_box = box.clone()
