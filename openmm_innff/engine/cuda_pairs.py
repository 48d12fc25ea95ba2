"""A neighbour list of fixed capacity that lives on a GPU, and how far it is from being outdated.

Nothing but `FixedPairs.rebuild` waits for the GPU; once a step, `is_current` waits for one number.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from openmm_innff.neighbors import PairList, find_pairs, first_atoms, geometry_fault

Search = Callable[[Tensor, Tensor, bool, float], PairList]

HEADROOM = 1.25
GRANULE = 1024


class FixedPairs:
    """Neighbour list whose tensors stay in place while the number of pairs changes.

    Where a list has more pairs than fit, tensors for a quarter more are made and ``generation``
    goes up: whoever holds the old ones must drop them.

    Parameters
    ----------
    order : Tensor, shape (N,), int64
        Where each atom of the list comes from; also tells the device.
    periodic : bool
    cutoff, skin : float
        In angstrom.
    search : callable
        Finds pairs; signature of `openmm_innff.neighbors.find_pairs`.

    Attributes
    ----------
    inputs : Tensor, shape (N + 3, 3), float64
        Positions of this step, atoms in the order of the caller, then the box.
    starts, second, offsets : Tensor
        As in a PairList; pairs from ``count`` on mean nothing.
    """

    def __init__(
        self,
        order: Tensor,
        periodic: bool,
        cutoff: float,
        skin: float,
        search: Search = find_pairs,
    ) -> None:
        self.order = order
        self.periodic = periodic
        self.cutoff = cutoff
        self.skin = skin
        self.search = search
        self.generation = self.rebuilds = self.count = 0
        device, n = order.device, len(order)
        self.inputs = torch.zeros(n + 3, 3, dtype=torch.float64, device=device)
        self._listed = torch.full_like(self.inputs, math.nan)  # any position is far from these
        self._status = torch.zeros(2, dtype=torch.float64, device=device)
        self._seen = torch.zeros(2, dtype=torch.float64, pin_memory=order.is_cuda)
        self._event = torch.cuda.Event() if order.is_cuda else None
        self._moved = 0.0
        self._due = True
        self.starts = torch.zeros(n + 1, dtype=torch.int64, device=device)
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        device = self.order.device
        self.second = torch.zeros(capacity, dtype=torch.int64, device=device)
        self.offsets = torch.zeros(capacity, 3, dtype=torch.float64, device=device)
        self.generation += 1

    def load(self, positions: Tensor, box: Tensor) -> None:
        """Take the positions (N, 3) and the box (3, 3) of a step; renew a list that is due."""
        n = len(self.order)
        if positions.shape != (n, 3):
            raise ValueError(f"positions: wanted shape {(n, 3)}, found {tuple(positions.shape)}")
        self.inputs[:n].copy_(positions, non_blocking=True)
        if self.periodic:
            self.inputs[n:].copy_(box, non_blocking=True)
        if self._due:
            self.rebuild()

    def measure(self) -> None:
        """Have the GPU find how far atoms and box vectors are from those of the list."""
        moved = torch.linalg.vector_norm(self.inputs - self._listed, dim=1)
        torch.amax(moved[:-3], 0, out=self._status[0])
        torch.amax(moved[-3:], 0, out=self._status[1])
        self._seen.copy_(self._status, non_blocking=True)

    def mark(self) -> None:
        """Tell `is_current` to wait up to here: for `measure`, not for what is done after it."""
        if self._event is not None:
            self._event.record()

    def is_current(self) -> bool:
        """Whether the list held for the step that was measured; false for NaN as well."""
        if self._event is not None:
            self._event.synchronize()
        moved, changed = self._seen.tolist()
        limit = 0.5 * self.skin
        current = moved <= limit and changed == 0.0
        # When the next step will probably go too far, renew the list before it, not after.
        self._due = current and 2.0 * moved - self._moved > limit
        self._moved = moved
        return current

    def rebuild(self) -> None:
        """Find the pairs of the positions last loaded.

        Raises
        ------
        RuntimeError
            If a position is not finite or the box is narrower than twice the cutoff.
        """
        positions, box = self.inputs[:-3], self.inputs[-3:]
        if fault := geometry_fault(positions, box, self.periodic, self.cutoff):
            raise RuntimeError(fault)
        here = positions.index_select(0, self.order)
        if here.is_cuda:
            torch.cuda.current_stream(here.device).synchronize()  # the search may use another one
        found = self.search(here, box.clone(), self.periodic, self.cutoff + self.skin)
        self.count = len(found.second)
        if self.count > len(self.second):
            self._allocate(GRANULE * math.ceil(HEADROOM * self.count / GRANULE))
        # By second atom within each row, hence by species: kernels skip what is not theirs.
        order = torch.argsort(first_atoms(found) * len(here) + found.second)
        self.starts.copy_(found.starts)
        self.second[: self.count] = found.second[order]
        self.offsets[: self.count] = found.offsets[order]
        self._listed.copy_(self.inputs)
        self._moved, self._due = 0.0, False
        self.rebuilds += 1

    def live(self) -> PairList:
        """Return the list without its padding."""
        return PairList(self.starts, self.second[: self.count], self.offsets[: self.count])
