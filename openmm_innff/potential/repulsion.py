"""Screened nuclear repulsion at distances shorter than any in the training data."""

import torch
from torch import Tensor, nn

from openmm_innff.nn.density import smooth_cutoff
from openmm_innff.units import COULOMB_EV_ANGSTROM

AMPLITUDES = (0.18175, 0.50986, 0.28022, 0.02817)
DECAYS = (3.19980, 0.94229, 0.40290, 0.20162)
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

    def forward(self, squared: Tensor, widths: list[int], counts: list[int]) -> Tensor:
        """Return half of the repulsion of each atom's pairs.

        Parameters
        ----------
        squared : Tensor, shape (n, m)
            Squared distances in square angstrom, in the order of a `NeighborTable`.

        Returns
        -------
        Tensor, shape (n,)
            In eV.
        """
        scaled = squared * self._per_slot(self.core**-2, widths, counts)
        # In most steps no pair is that close; asking a GPU would cost more than it saves.
        if not squared.is_cuda and not bool((scaled < 1.0).any()):
            return squared.new_zeros([squared.shape[0]])
        strength = self._per_slot(self.strength, widths, counts)
        r = torch.sqrt(squared)
        x = r * self._per_slot(self.inverse_length, widths, counts)
        screening = torch.zeros_like(r)
        for amplitude, decay in self.terms:
            screening = screening + amplitude * torch.exp(-decay * x)
        return 0.5 * (strength * screening * smooth_cutoff(scaled) / r).sum(1)

    def _per_slot(self, values: Tensor, widths: list[int], counts: list[int]) -> Tensor:
        """Spread a species-by-species matrix over the rows and slots of a table."""
        columns = [values[:, k : k + 1].expand(-1, w) for k, w in enumerate(widths)]
        wide = torch.cat(columns, dim=1)
        return torch.cat([wide[k : k + 1].expand(c, -1) for k, c in enumerate(counts)], dim=0)
