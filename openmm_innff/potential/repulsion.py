"""Screened nuclear repulsion at distances shorter than any in the training data."""

import torch
from torch import Tensor, nn

from openmm_innff.engine.network import AMPLITUDES, DECAYS
from openmm_innff.neighbors import PairList, first_atoms
from openmm_innff.nn.density import smooth_cutoff
from openmm_innff.units import COULOMB_EV_ANGSTROM

SCREENING = 0.46850  # angstrom: 0.8854 Bohr radii
DEFAULT_CORE = 0.7  # angstrom


class CoreRepulsion(nn.Module):
    """Ziegler-Biersack-Littmark repulsion, switched off smoothly where data begin.

    V = Z1 Z2 e^2 / (4 pi eps0 r) phi(r / a), a = 0.4685 A / (Z1^0.23 + Z2^0.23), times a C2
    cutoff at a core radius of each pair of elements (J. F. Ziegler, J. P. Biersack,
    U. Littmark, The Stopping and Range of Ions in Matter, 1985,
    doi:10.1007/978-1-4615-8103-1_3). The radius is the shortest distance seen in training, so the
    term never disturbs the fit and always stands between atoms that come closer.

    Parameters
    ----------
    numbers : list of int
        Atomic numbers of the species.
    """

    strength: Tensor
    inverse_length: Tensor
    core: Tensor

    def __init__(self, numbers: list[int]) -> None:
        super().__init__()
        z = torch.tensor(numbers, dtype=torch.float32)
        power = z**0.23
        strength = COULOMB_EV_ANGSTROM * z[:, None] * z[None, :]
        inverse_length = (power[:, None] + power[None, :]) / SCREENING
        self.register_buffer("strength", strength, persistent=False)
        self.register_buffer("inverse_length", inverse_length, persistent=False)
        self.terms = list(zip(AMPLITUDES, DECAYS, strict=True))
        self.register_buffer("core", torch.full((len(numbers), len(numbers)), DEFAULT_CORE))

    def forward(self, positions: Tensor, pairs: PairList, species: Tensor, tiny: float) -> Tensor:
        """Return half of the repulsion of each atom's pairs.

        Parameters
        ----------
        positions : Tensor, shape (N, 3), float64
            In angstrom.
        pairs : PairList
        species : Tensor, shape (N,), int64
        tiny : float
            Added to squared distances, in square angstrom.

        Returns
        -------
        Tensor, shape (N,), float64
            In eV.
        """
        first = first_atoms(pairs)
        kind = species.index_select(0, first) * self.core.shape[0]
        kind = kind + species.index_select(0, pairs.second)
        between = positions.index_select(0, pairs.second) - positions.index_select(0, first)
        squared = (between + pairs.offsets).square().sum(1) + tiny
        scaled = squared * (self.core**-2).to(squared.dtype).reshape(-1).index_select(0, kind)
        energies = torch.zeros_like(positions[:, 0])
        # In most steps no pair is that close; asking a GPU would cost more than it saves.
        if not squared.is_cuda and not bool((scaled < 1.0).any()):
            return energies
        r = torch.sqrt(squared)
        x = r * self.inverse_length.to(r.dtype).reshape(-1).index_select(0, kind)
        screening = torch.zeros_like(r)
        for amplitude, decay in self.terms:
            screening = screening + amplitude * torch.exp(-decay * x)
        strength = self.strength.to(r.dtype).reshape(-1).index_select(0, kind)
        return energies.index_add(0, first, 0.5 * strength * screening * smooth_cutoff(scaled) / r)
