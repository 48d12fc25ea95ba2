"""Energy and forces of a bonded component for molecular dynamics."""

import uuid

import torch
from torch import Tensor

from openmm_innff.engine import dynamics
from openmm_innff.engine.bonded import CompiledBonded
from openmm_innff.engine.library import library
from openmm_innff.engine.parameters import TermIndex, Terms
from openmm_innff.nn.functions import Functions
from openmm_innff.potential.bonded import Bonded, energies_and_forces
from openmm_innff.potential.listed import Listed
from openmm_innff.potential.terms import find_terms


class BondedEvaluator(Listed):
    """Energy and forces of one bonded component for a fixed set of atoms; always in double.

    Parameters
    ----------
    component : Bonded
    index : TermIndex
    periodic : bool
    skin : float
        In angstrom.
    engine : str
        "torch"; "auto" or "compiled": for calls without torch, a compiled object is there.
    """

    functions: Functions
    terms: Terms
    index: TermIndex

    def __init__(
        self, component: Bonded, index: TermIndex, periodic: bool, skin: float, engine: str
    ) -> None:
        super().__init__(len(index.species), periodic, component.cutoff, skin)
        self.modes = component.config.modes
        with torch.no_grad():
            self.functions = Functions(*(t.detach().clone() for t in component.functions()))
        self.index = index
        empty = torch.zeros(0, dtype=torch.int64)
        self.terms = Terms(empty, empty, torch.zeros(0, 3, dtype=torch.float64), *[empty] * 7)
        self.compiled = engine != "torch" and library() is not None
        self.key = str(uuid.uuid4())

    def forward(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor, str]:
        """Return energy (0-d, float64, eV), forces (N, 3) in eV/angstrom, and any fault.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom.
        box : Tensor, shape (3, 3), float64
            Box vectors as rows, in angstrom.
        """
        if self.is_stale(positions, box):
            fault = self.fault(positions, box)
            if len(fault) > 0:
                return positions.new_zeros([]), torch.zeros_like(positions), fault
            self.terms = self.find(positions, box)
            self.remember(positions, box)
        energies, forces = energies_and_forces(self.functions, self.modes, positions, self.terms)
        return energies.sum(), forces, ""

    def find(self, positions: Tensor, box: Tensor) -> Terms:
        """Return the terms within cutoff and skin."""
        if self.index.first.device != positions.device:
            self.index = TermIndex(
                self.index.first.to(positions.device),
                self.index.second.to(positions.device),
                self.index.bond_rows.to(positions.device),
                self.index.angles.to(positions.device),
                self.index.angle_rows.to(positions.device),
                self.index.product_rows.to(positions.device),
                self.index.species.to(positions.device),
                self.index.pair_rows.to(positions.device),
            )
            self.functions = Functions(
                self.functions.values.to(positions.device),
                self.functions.low.to(positions.device),
                self.functions.high.to(positions.device),
                self.functions.spacing.to(positions.device),
                self.functions.wall_low.to(positions.device),
                self.functions.wall_high.to(positions.device),
            )
        return find_terms(positions, box, self.periodic, self.cutoff + self.skin, self.index)

    @torch.jit.unused
    def compiled_object(self) -> dynamics.Dynamics:
        """Return the compiled object that does the work, for calls without torch."""
        found = dynamics.find(self.key)
        if found is None:
            component = CompiledBonded(self.functions, self.index, self.modes, self.cutoff)
            found = dynamics.Dynamics(component, self.index.species, self.periodic, self.skin)
            dynamics.keep(self.key, found)
        return found
