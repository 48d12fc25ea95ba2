"""A model as a calculator of ASE.

.. code-block:: python

    from openmm_innff.ase import INNFFCalculator

    atoms.calc = INNFFCalculator("water-pbe0")
"""

import os
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from numpy.typing import NDArray

from openmm_innff.errors import SystemSetupError
from openmm_innff.model import Model, load_model
from openmm_innff.neighbors import box_widths
from openmm_innff.training.bonded import find_bonds

_DTYPES = {"single": torch.float32, "double": torch.float64}
_RESTART = {"numbers", "pbc"}
"""Changes for which the evaluator is made anew."""


class INNFFCalculator(Calculator):
    """Energies (eV) and forces (eV/angstrom) of a model, or of its fast or slow part.

    Parameters
    ----------
    model
        A model, the name of a shipped one, or the path of a model file.
    part
        "total", "fast" or "slow".
    precision
        "single" or "double", of the network.
    reference_energies
        Whether to add the reference energies of the elements; not to the slow part.
    engine, skin
        As for :func:`openmm_innff.forces.make_force`.
    **options
        Further arguments of ASE's Calculator.

    Raises
    ------
    SystemSetupError
        If an argument is unknown. When atoms are evaluated: if they are periodic in some
        directions only, or the box is narrower than twice the cutoff.
    UnsupportedElementError
        When atoms are evaluated: if the model does not know an element.

    Notes
    -----
    A bonded fast part takes the bonds that the first evaluation finds by distance.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 - as ASE has it

    def __init__(
        self,
        model: Model | str | os.PathLike[str],
        *,
        part: str = "total",
        precision: str = "double",
        reference_energies: bool = True,
        engine: str = "auto",
        skin: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if part not in ("total", "fast", "slow"):
            raise SystemSetupError(f"part must be 'total', 'fast' or 'slow', found {part!r}")
        if precision not in _DTYPES:
            raise SystemSetupError(f"precision must be 'single' or 'double', found {precision!r}")
        self.model = model if isinstance(model, Model) else load_model(model)
        self._part, self._dtype = part, _DTYPES[precision]
        self._engine, self._skin = engine, skin
        self._shifted = reference_energies and part != "slow"
        self._evaluator: Any = None
        self._shift = 0.0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate atoms; called by ASE."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        if self.atoms is None:
            raise SystemSetupError("atoms: wanted some to evaluate, found none")
        here: Atoms = self.atoms
        if self._evaluator is None or _RESTART & set(system_changes):
            self._prepare(here)
        positions = torch.tensor(here.get_positions(), dtype=torch.float64)
        energy, forces = self._evaluator(positions, torch.tensor(self._box(here)))
        total = float(energy) + self._shift
        self.results = {
            "energy": total,
            "free_energy": total,
            "forces": forces.detach().cpu().numpy().astype(float),
        }

    def _prepare(self, atoms: Atoms) -> None:
        if atoms.pbc.any() and not atoms.pbc.all():
            raise SystemSetupError(
                f"atoms: wanted periodic in all directions or in none, found pbc {list(atoms.pbc)}"
            )
        potential, numbers = self.model.potential, atoms.get_atomic_numbers()
        periodic = bool(atoms.pbc.all())
        bonds = None
        if potential.needs_bonds(self._part):  # ASE's atoms have none: by distance, as in training
            positions = torch.tensor(atoms.get_positions(), dtype=torch.float64)
            bonds = find_bonds(numbers, positions, torch.tensor(self._box(atoms)), periodic)
        self._evaluator = potential.evaluator(
            self._part,
            numbers,
            periodic=periodic,
            skin=self._skin,
            dtype=self._dtype,
            engine=self._engine,
            bonds=bonds,
        )
        self._shift = potential.reference_energy(numbers) if self._shifted else 0.0

    def _box(self, atoms: Atoms) -> NDArray[np.float64]:
        if not atoms.pbc.all():
            return np.zeros((3, 3))
        box = np.array(atoms.cell, dtype=float)
        width = float(box_widths(torch.tensor(box)).min())
        needed = 2 * self.model.potential.cutoff(self._part)
        if width < needed:
            raise SystemSetupError(
                f"atoms: the cell must be at least twice the cutoff wide, {needed:g} angstrom, "
                f"found {width:g} angstrom between its closest faces; repeat it"
            )
        return box
