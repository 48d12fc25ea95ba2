"""Make a Force of one part of a potential."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch  # before openmm: openmmtorch's libraries need those that torch loads
from numpy.typing import ArrayLike
from openmm import Force

from openmm_innff.errors import SystemSetupError
from openmm_innff.forces.adapter import Adapter
from openmm_innff.forces.backend import Backend, resolve_backend
from openmm_innff.forces.groups import FAST, SLOW
from openmm_innff.forces.pythonforce import make_python_force
from openmm_innff.forces.torchforce import make_torch_force
from openmm_innff.potential import Potential
from openmm_innff.potential.topology import Bonds

Precision = Literal["single", "double"]

PLAIN = "INN-FF slow"
"""Name of a Force of the slow part as it is."""

_DTYPES = {"single": torch.float32, "double": torch.float64}


def make_force(
    potential: Potential,
    part: str,
    atomic_numbers: Sequence[int] | np.ndarray,
    *,
    backend: Backend = "auto",
    periodic: bool,
    atoms: ArrayLike | None = None,
    n_particles: int | None = None,
    force_group: int | None = None,
    skin: float = 0.5,
    precision: Precision = "single",
    engine: str = "auto",
    reference_energies: bool = False,
    mollified: Callable[[torch.nn.Module], torch.nn.Module] | None = None,
    bonds: Bonds | None = None,
) -> Force:
    """Make a Force of the fast part, the slow part or the total of a potential.

    Parameters
    ----------
    potential
        The potential; it is copied, later changes don't reach the Force.
    part
        `fast`, `slow` or `total`.
    atomic_numbers
        Atomic numbers (N,) of the atoms that the potential acts on.
    backend
        `torch` (TorchForce), `python` (PythonForce) or `auto`: `torch` where it works.
    periodic
        Whether the periodic box of the Context is used.
    atoms
        Indices (N,) of those atoms in the System; None if they are all its particles.
    n_particles
        Number of particles of the System; needed with ``atoms`` only.
    force_group
        0 to 31; None puts the slow part in group ``SLOW``, everything else in group ``FAST``.
    skin
        Extra range of the neighbour lists in angstrom: the larger, the rarer they are made.
    precision
        `single` or `double`: of the network; positions and energies are handled in double
        wherever the platform provides it.
    engine
        `torch`; `compiled`; or `auto`: compiled on the CPU where it is installed, torch on CUDA,
        where the compiled engine (Triton) has not been tried on a device yet.
    reference_energies
        Whether to add the reference energies of the elements to the energy.
    mollified
        Wraps the evaluator of the slow part, see `forces.mollified`.
    bonds
        Bonded atoms as pairs of numbers from 0 to N - 1; needed by a bonded fast part.

    Returns
    -------
    openmm.Force
        A Force named like "INN-FF fast" (a copy of it or its XML loses the name, not the group).

    Raises
    ------
    SystemSetupError
        If ``atoms`` does not fit to the System, or an argument is unknown.
    BackendError
        If the backend can't be used with the installed versions.
    UnsupportedElementError
        If the potential does not know an element.
    """
    chosen = resolve_backend(backend)
    if precision not in _DTYPES:
        raise SystemSetupError(f"precision must be 'single' or 'double', found {precision!r}")
    indices = None if atoms is None else _checked_atoms(atoms, len(atomic_numbers), n_particles)
    if indices is None and n_particles not in (None, len(atomic_numbers)):
        raise SystemSetupError(
            f"n_particles is {n_particles}, but there are {len(atomic_numbers)} atomic_numbers; "
            "give atoms, the indices of these atoms in the System"
        )
    evaluator = potential.evaluator(
        part,
        atomic_numbers,
        periodic=periodic,
        skin=skin,
        dtype=_DTYPES[precision],
        engine=engine,
        bonds=bonds,
    )
    acting = evaluator if mollified is None else mollified(evaluator)
    shift = potential.reference_energy(atomic_numbers) if reference_energies else 0.0
    adapter = Adapter(acting, n_particles or len(atomic_numbers), indices, shift).cpu()
    make = make_torch_force if chosen == "torch" else make_python_force
    force = make(adapter, periodic)
    force.setName(f"INN-FF {part}" + ("" if mollified is None else ", mollified"))
    if force_group is None:
        force_group = SLOW if part == "slow" else FAST
    force.setForceGroup(force_group)
    return force


def _checked_atoms(atoms: ArrayLike, n_atoms: int, n_particles: int | None) -> torch.Tensor:
    indices = np.asarray(atoms, dtype=np.int64)
    if n_particles is None:
        raise SystemSetupError("n_particles, the size of the System, is needed with atoms")
    if indices.shape != (n_atoms,):
        raise SystemSetupError(
            f"atoms must hold one index for each of the {n_atoms} atomic_numbers, "
            f"found shape {indices.shape}"
        )
    if len(np.unique(indices)) < n_atoms:
        raise SystemSetupError("atoms must be different indices, found one twice")
    if n_atoms and not (indices.min() >= 0 and indices.max() < n_particles):
        raise SystemSetupError(
            f"atoms must be from 0 to n_particles - 1 = {n_particles - 1}, "
            f"found {indices.min()} to {indices.max()}"
        )
    return torch.from_numpy(indices)
