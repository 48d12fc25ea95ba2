"""An evaluator behind OpenMM's boundary: all particles, nm and kJ/mol."""

import torch
from torch import Tensor, nn

from openmm_innff.units import (
    EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM,
    EV_TO_KJ_PER_MOL,
    NM_TO_ANGSTROM,
)


class Adapter(nn.Module):
    """Energy and forces of some or all particles of a System. Can be scripted and pickled.

    Parameters
    ----------
    evaluator
        Module whose ``evaluate`` takes positions (N, 3) and box (3, 3) in angstrom, and returns
        the energy in eV, the forces (N, 3) in eV/angstrom, and the message of an error or "".
    n_particles
        Number of particles of the System.
    atoms
        Indices (N,) of the evaluator's atoms in the System; None if they are all particles.
    energy_shift
        Constant added to the energy, eV.
    """

    atoms: Tensor

    def __init__(
        self,
        evaluator: nn.Module,
        n_particles: int,
        atoms: Tensor | None = None,
        energy_shift: float = 0.0,
    ) -> None:
        super().__init__()
        self.evaluator = evaluator
        self.n_particles = n_particles
        self.all_atoms = atoms is None
        self.register_buffer("atoms", torch.empty(0, dtype=torch.long) if atoms is None else atoms)
        self.energy_shift = energy_shift
        self.energy_unit = EV_TO_KJ_PER_MOL
        self.force_unit = EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM
        self.length_unit = NM_TO_ANGSTROM

    def forward(self, positions: Tensor, box: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute the energy and the forces.

        Parameters
        ----------
        positions
            (n_particles, 3), nm.
        box
            (3, 3), one vector a row, nm; None if not periodic.

        Returns
        -------
        tuple of Tensor
            Energy (scalar, float64, kJ/mol) and forces (n_particles, 3) in kJ/mol/nm, of the
            type of ``positions``.
        """
        positions = positions.detach()
        if box is None:
            box = torch.zeros(3, 3, dtype=positions.dtype, device=positions.device)
        chosen = positions if self.all_atoms else positions.index_select(0, self.atoms)
        energy, forces, fault = self.evaluator.evaluate(  # type: ignore[operator]
            chosen * self.length_unit, box * self.length_unit
        )
        if len(fault) > 0:
            raise RuntimeError(fault)
        energy = self.energy_unit * (energy.to(torch.float64) + self.energy_shift)
        forces = self.force_unit * forces.to(positions.dtype)
        if not self.all_atoms:
            forces = torch.zeros_like(positions).index_copy(0, self.atoms, forces)
        return energy, forces
