"""The uncertainty of one frame of a simulation, and whether it is more than it should be."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from numpy.typing import NDArray
from openmm import app

from openmm_innff.errors import ConfigError
from openmm_innff.files import atomic_write
from openmm_innff.model import Model
from openmm_innff.potential.uncertainty import MEMBERS, FrameUncertainty, UncertaintyEvaluator

FloatArray = NDArray[np.float64]
ALARM = 3.0
"""An atom is in doubt from so many times the largest uncertainty in the validation data."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What a monitor says of a frame.

    Attributes
    ----------
    force : float
        Largest uncertainty of a component of the force on an atom, in eV/angstrom.
    atom : int
        Number of that atom in the topology.
    mean_force : float
        Root mean square over the atoms, in eV/angstrom.
    energy : float
        Uncertainty of the energy, in eV.
    outside : int
        Arguments of interpolants outside of what the training data hold, in the whole frame.
    doubtful : bool
        Whether ``force`` is beyond the limit.
    by_atom : FrameUncertainty
        All of it, for the atoms that the model acts on.
    """

    force: float
    atom: int
    mean_force: float
    energy: float
    outside: int
    doubtful: bool
    by_atom: FrameUncertainty


class Monitor:
    """Evaluates the uncertainty of a model, on the CPU, wherever the simulation runs.

    Parameters
    ----------
    model : Model
        Calibrated.
    topology : openmm.app.Topology
        Of the simulation.
    atoms : sequence of int, optional
        Those that the model acts on; all of them by default.
    limit : float, optional
        Uncertainty of the force on an atom that is too much, in eV/angstrom. By default `ALARM`
        times the largest in the validation data.
    members : int
        Draws that are evaluated: cost against noise, see `UncertaintyEvaluator`.
    periodic : bool, optional
        By default, whether the topology has a box.

    Raises
    ------
    ModelFileError
        If the model was never calibrated.
    ConfigError
        If the limit is not positive.
    UnsupportedElementError
        If the model does not know an element.
    """

    def __init__(
        self,
        model: Model,
        topology: app.Topology,
        *,
        atoms: Sequence[int] | None = None,
        limit: float | None = None,
        members: int = MEMBERS,
        periodic: bool | None = None,
    ) -> None:
        known = model.known_uncertainty()
        if limit is not None and not limit > 0:
            raise ConfigError(f"limit: wanted more than 0 eV/angstrom, found {limit}")
        self.limit = ALARM * known.largest if limit is None else limit
        everything = list(topology.atoms())
        self.atoms = np.arange(len(everything)) if atoms is None else np.asarray(atoms)
        self.symbols = [everything[i].element.symbol for i in self.atoms]
        numbers = [everything[i].element.atomic_number for i in self.atoms]
        place = {int(atom): k for k, atom in enumerate(self.atoms)}
        pairs = ((bond[0].index, bond[1].index) for bond in topology.bonds())
        bonds = [(place[i], place[j]) for i, j in pairs if i in place and j in place]
        self.periodic = topology.getPeriodicBoxVectors() is not None
        if periodic is not None:
            self.periodic = periodic
        self._evaluate = UncertaintyEvaluator(
            model.potential, known, numbers, periodic=self.periodic, members=members, bonds=bonds
        )

    def read(self, positions: FloatArray, box: FloatArray | None = None) -> Reading:
        """Return the uncertainty of a frame.

        Parameters
        ----------
        positions : array, shape (particles, 3)
            Of all particles of the simulation, in angstrom, anywhere in space.
        box : array, shape (3, 3)
            Box vectors as rows, in angstrom; needed if periodic.
        """
        found = self._evaluate(np.asarray(positions)[self.atoms], box)
        worst = int(np.argmax(found.forces))
        force = float(found.forces[worst])
        return Reading(
            force=force,
            atom=int(self.atoms[worst]),
            mean_force=float(np.sqrt(np.mean(found.forces**2))),
            energy=found.energy,
            outside=int(found.outside.sum()),
            doubtful=not force <= self.limit,
            by_atom=found,
        )

    def describe(self, reading: Reading) -> str:
        """Say in words how doubtful a frame is."""
        symbol = self.symbols[int(np.flatnonzero(self.atoms == reading.atom)[0])]
        return (
            f"the force on atom {reading.atom} ({symbol}) is uncertain by {reading.force:.3f} "
            f"eV/angstrom, more than the limit of {self.limit:.3f}; {reading.outside} inputs of "
            f"interpolants lie outside of what the training data hold"
        )

    def save_frame(
        self, path: Path, positions: FloatArray, box: FloatArray | None, reading: Reading
    ) -> None:
        """Write the model's atoms as extended XYZ, to be labelled: whole or not at all.

        Parameters
        ----------
        path : Path
        positions, box
            As for `read`.
        reading : Reading
            Of this frame: uncertainties become columns.
        """
        here = np.asarray(positions)[self.atoms]
        frame = Atoms(self.symbols, here, cell=box if self.periodic else None, pbc=self.periodic)
        frame.arrays["force_uncertainty"] = reading.by_atom.forces
        frame.arrays["energy_uncertainty"] = reading.by_atom.energies
        frame.arrays["outside"] = reading.by_atom.outside
        frame.info["largest_force_uncertainty"] = reading.force
        text = io.StringIO()
        write(text, frame, format="extxyz")
        with atomic_write(path) as file:
            file.write(text.getvalue())
