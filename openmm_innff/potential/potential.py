"""The potential: reference energies + fast + slow."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from openmm_innff.elements import SYMBOLS, atomic_number
from openmm_innff.engine.library import resolve_engine
from openmm_innff.engine.parameters import TermIndex
from openmm_innff.errors import ConfigError, UnsupportedElementError
from openmm_innff.potential.bonded import Bonded
from openmm_innff.potential.bonded_config import BondedConfig
from openmm_innff.potential.bonded_evaluator import BondedEvaluator
from openmm_innff.potential.component import Component
from openmm_innff.potential.config import PotentialConfig
from openmm_innff.potential.equivariant import Equivariant
from openmm_innff.potential.equivariant_config import EquivariantConfig
from openmm_innff.potential.evaluator import ComponentEvaluator, Evaluator
from openmm_innff.potential.kinds import AnyComponent, EnvironmentComponent
from openmm_innff.potential.listed import Listed
from openmm_innff.potential.topology import Bonds, index_terms

PARTS = ("fast", "slow", "total")


class Potential(nn.Module):
    """E = sum_i e0(z_i) + E_fast + E_slow.

    Each part is a component, or the difference of two: a distilled potential has a component for
    the whole energy, and the slow part is what the fast component leaves of it.

    Parameters
    ----------
    config : PotentialConfig
    seed : int
        Seed of the initial parameters.

    Attributes
    ----------
    fast : Component or Bonded
    slow : Component or Equivariant
        Of the slow part; if distilled, of the whole energy.
    reference_energies : Tensor, shape (species,), float64
        Energy of each element before any interaction, in eV per atom.
    """

    reference_energies: Tensor

    def __init__(self, config: PotentialConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        numbers = [atomic_number(symbol) for symbol in config.elements]
        generator = torch.Generator().manual_seed(seed)
        self.fast: Component | Bonded
        if isinstance(config.fast, BondedConfig):
            self.fast = Bonded(config.fast, generator)
        else:
            self.fast = Component(config.fast, numbers, True, generator)
        self.slow: EnvironmentComponent
        if isinstance(config.slow, EquivariantConfig):
            self.slow = Equivariant(config.slow, numbers, config.distilled, generator)
        else:
            self.slow = Component(config.slow, numbers, config.distilled, generator)
        self.register_buffer("reference_energies", torch.zeros(len(numbers), dtype=torch.float64))

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the known elements, by atomic number."""
        return self.config.elements

    @property
    def n_parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def components(self, part: str) -> list[AnyComponent]:
        """Return the components that ``part`` ("fast", "slow" or "total") is made of."""
        return [component for _, component in self.terms(part)]

    def terms(self, part: str) -> list[tuple[float, AnyComponent]]:
        """Return the components that a part is the sum of, with their signs.

        Parameters
        ----------
        part : str
            "fast", "slow" or "total".
        """
        if part not in PARTS:
            raise ValueError(f"part: wanted one of {', '.join(PARTS)}, found {part!r}")
        fast: list[tuple[float, AnyComponent]] = [(1.0, self.fast)]
        slow: list[tuple[float, AnyComponent]] = [(1.0, self.slow)]
        if not self.config.distilled:
            return {"fast": fast, "slow": slow, "total": fast + slow}[part]
        return {"fast": fast, "slow": [*slow, (-1.0, self.fast)], "total": slow}[part]

    def needs_bonds(self, part: str = "total") -> bool:
        """Whether a part has terms of bonds, so that a topology is needed."""
        return any(isinstance(component, Bonded) for component in self.components(part))

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
        bonds: Bonds | None = None,
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
        bonds : iterable of (int, int)
            Bonded atoms; needed where `needs_bonds`, else not used.

        Raises
        ------
        ConfigError
            If the potential needs bonds and got none.
        UnknownEnvironmentError
            If the fast part never saw an atom's bonded neighbours.
        """
        if skin < 0:
            raise ValueError(f"skin: wanted at least 0 angstrom, found {skin}")
        resolve_engine(engine)
        species = self.species_index(atomic_numbers)
        evaluators: list[Listed] = []
        for sign, component in self.terms(part):
            made: Listed
            if isinstance(component, Bonded):
                index = self.term_index(species, bonds)
                made = BondedEvaluator(component, index, periodic, skin, engine)
            else:
                frozen = copy.deepcopy(component).to(dtype).eval().requires_grad_(False)
                made = ComponentEvaluator(frozen, species, periodic, skin, engine)
            made.sign = sign
            evaluators.append(made)
        return Evaluator(evaluators)

    def term_index(self, species: Tensor, bonds: Bonds | None) -> TermIndex:
        """Return the functions of the bonded fast part for some atoms.

        Parameters
        ----------
        species : Tensor, shape (N,), int64
        bonds : iterable of (int, int)
        """
        if not isinstance(self.fast, Bonded):
            raise ConfigError("the fast part has no terms of bonds")
        if bonds is None:
            raise ConfigError(
                "bonds: wanted the pairs of bonded atoms, which the fast part of this potential "
                "needs, found none"
            )
        return index_terms(self.fast.config, self.elements, species, bonds)
