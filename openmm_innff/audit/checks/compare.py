"""What several tests do: compare two evaluations that should agree, for each structure."""

from collections.abc import Callable, Iterable

import numpy as np

from openmm_innff.audit.result import Measurement
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import Evaluation

ROUNDING = 1e-4
ROUNDING_SOURCE = (
    "chosen: about what forces in single precision differ by from those in double, so that less "
    "can't be noticed in dynamics"
)
SYMMETRY_UNIT = "of the RMS force"


def rms(values: Array) -> float:
    """Root of the mean square of all elements."""
    return float(np.sqrt(np.mean(np.square(values))))


def deviation(found: Evaluation, wanted: Evaluation) -> float:
    """Difference of forces over their size, or of energies if that is larger.

    Parameters
    ----------
    found, wanted
        Of the same atoms in the same order and frame.

    Returns
    -------
    float
        The larger of RMS(F - F') / RMS(F') and abs(E - E') / (N RMS(F') 1 angstrom).
    """
    size = rms(wanted.forces)
    if size == 0.0:
        return 0.0 if not found.forces.any() and found.energy == wanted.energy else float("inf")
    by_energy = abs(found.energy - wanted.energy) / len(wanted.forces)
    return max(rms(found.forces - wanted.forces), by_energy) / size


def worst(
    structures: Iterable[Structure], measure: Callable[[Structure], float], remark: str = ""
) -> Measurement:
    """Measure each structure; the largest value counts.

    Parameters
    ----------
    structures
        At least one.
    measure
        Returns the value of one.
    remark
        What was done.
    """
    values = {structure.name: measure(structure) for structure in structures}
    rows = tuple((name, f"{value:.2g}") for name, value in values.items())
    return Measurement(max(values.values()), head=("structure", "value"), rows=rows, remark=remark)
