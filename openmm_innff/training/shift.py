"""What energies are off by on average, for each element."""

import torch
from torch import Tensor


def smallest_shift(counts: Tensor, energies: Tensor) -> Tensor:
    """Return the smallest energies per species that explain total energies.

    Parameters
    ----------
    counts : Tensor, shape (frames, species)
        Composition of each frame.
    energies : Tensor, shape (frames,)
        In eV.

    Returns
    -------
    Tensor, shape (species,)
        Least squares per atom; of all solutions the one of smallest norm, in eV.
    """
    per_atom = 1.0 / counts.sum(1)
    return torch.linalg.pinv(counts * per_atom.unsqueeze(1), rtol=1e-6) @ (energies * per_atom)
