"""The potential: reference energies + fast + slow."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from openmm_innff.elements import SYMBOLS, atomic_number
from openmm_innff.engine.library import resolve_engine
from openmm_innff.errors import UnsupportedElementError
from openmm_innff.potential.component import Component
from openmm_innff.potential.config import PotentialConfig
from openmm_innff.potential.evaluator import ComponentEvaluator, Evaluator

PARTS = ("fast", "slow", "total")


class Potential(nn.Module):
    """E = sum_i e0(z_i) + E_fast + E_slow.

    Parameters
    ----------
    config : PotentialConfig
    seed : int
        Seed of the initial parameters.

    Attributes
    ----------
    fast, slow : Component
    reference_energies : Tensor, shape (species,), float64
        Energy of each element before any interaction, in eV per atom.
    """

    reference_energies: Tensor

    def __init__(self, config: PotentialConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        numbers = [atomic_number(symbol) for symbol in config.elements]
        generator = torch.Generator().manual_seed(seed)
        self.fast = Component(config.fast, numbers, True, generator)
        self.slow = Component(config.slow, numbers, False, generator)
        self.register_buffer("reference_energies", torch.zeros(len(numbers), dtype=torch.float64))

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the known elements, by atomic number."""
        return self.config.elements

    @property
    def n_parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def components(self, part: str) -> list[Component]:
        """Return the components that ``part`` ("fast", "slow" or "total") consists of."""
        if part not in PARTS:
            raise ValueError(f"part: wanted one of {', '.join(PARTS)}, found {part!r}")
        return [self.fast, self.slow] if part == "total" else [getattr(self, part)]

    def cutoff(self, part: str) -> float:
        """Return the cutoff of a part in angstrom."""
        return max(component.cutoff for component in self.components(part))

    def species_index(self, atomic_numbers: Sequence[int] | np.ndarray) -> Tensor:
        """Return the species index of each atom, shape (N,).

        Raises
        ------
        UnsupportedElementError
            If an element is not among those of the potential.
        """
        index = {atomic_number(symbol): k for k, symbol in enumerate(self.elements)}
        species = [index.get(int(z), -1) for z in atomic_numbers]
        if -1 in species:
            atom = species.index(-1)
            z = int(atomic_numbers[atom])
            name = SYMBOLS[z] if 0 < z < len(SYMBOLS) else f"atomic number {z}"
            raise UnsupportedElementError(
                f"atomic_numbers: atom {atom} is {name}, "
                f"but the model knows only {', '.join(self.elements)}"
            )
        return torch.tensor(species, dtype=torch.int64)

    def reference_energy(self, atomic_numbers: Sequence[int] | np.ndarray) -> float:
        """Return the sum of the reference energies in eV."""
        return float(self.reference_energies.cpu()[self.species_index(atomic_numbers)].sum())

    def evaluator(
        self,
        part: str,
        atomic_numbers: Sequence[int] | np.ndarray,
        *,
        periodic: bool,
        skin: float = 0.5,
        dtype: torch.dtype = torch.float32,
        engine: str = "auto",
    ) -> Evaluator:
        """Return a scriptable module that evaluates a part for fixed atoms.

        Parameters
        ----------
        part : str
            "fast", "slow" or "total".
        atomic_numbers : sequence of int, length N
        periodic : bool
            Whether the box repeats in all three directions.
        skin : float
            Extra range of the neighbour tables in angstrom.
        dtype : torch.dtype
            Precision of the network; positions are always handled in double.
        engine : str
            "torch"; "compiled"; or "auto": compiled on the CPU where it is installed, torch on
            CUDA, where the compiled engine (Triton) has not been tried on a device yet.
        """
        if skin < 0:
            raise ValueError(f"skin: wanted at least 0 angstrom, found {skin}")
        resolve_engine(engine)
        species = self.species_index(atomic_numbers)
        evaluators = []
        for component in self.components(part):
            frozen = copy.deepcopy(component).to(dtype).eval().requires_grad_(False)
            evaluators.append(ComponentEvaluator(frozen, species, periodic, skin, engine))
        return Evaluator(evaluators)
