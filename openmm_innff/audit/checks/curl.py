"""Curl of the force: asymmetry of its Jacobian."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement
from openmm_innff.audit.structure import Array, Structure

_STEPS = (0.02, 0.005, 0.00125, 0.0003)
"""Largest displacements, angstrom."""


@check(
    "curl",
    "exactness",
    question="Is the force the gradient of any energy at all?",
    unit="of the Jacobian's norm",
    threshold=1e-3,
    source="chosen, as for `forces`; what forces without an energy do to dynamics: "
    "doi:10.48550/arXiv.2412.11569",
)
def measure(bench: Bench) -> Measurement:
    r"""Estimate the asymmetry of the Jacobian J of the force by random directions.

    For vectors of standard normal numbers, the mean of :math:`(u J v - v J u)^2` is
    :math:`|J - J^T|^2`, that of :math:`|J v|^2` is :math:`|J|^2` (Frobenius norms; Hutchinson
    1990, doi:10.1080/03610919008812866). J v is a central difference; the error is
    by how much two displacements differ.
    """
    random, rows, values = bench.random(), [], []
    for structure in bench.structures:
        found, error = _asymmetry(bench, structure.rattled(random), random)
        values.append((found, error))
        rows.append((structure.name, f"{found:.2g}", f"{error:.1g}"))
    value, error = max(values)
    return Measurement(value, error, ("structure", "value", "error"), tuple(rows))


def _asymmetry(
    bench: Bench, structure: Structure, random: np.random.Generator
) -> tuple[float, float]:
    """Return the asymmetry over the norm, and its error, at the displacement with the least."""
    evaluate = bench.bind(structure)

    def times(vector: Array) -> Array:
        """Jacobian times a vector for each displacement, shape (steps, N, 3)."""
        table = []
        for step in _STEPS:
            scale = step / np.abs(vector).max()
            ahead = evaluate(structure.positions + scale * vector, structure.cell).forces
            back = evaluate(structure.positions - scale * vector, structure.cell).forces
            table.append((ahead - back) / (2 * scale))
        return np.array(table)

    odd, size = [], []
    for _ in range(bench.pick(3, 6, 20)):
        u, v = random.normal(size=(2, *structure.positions.shape))
        ju, jv = times(u), times(v)
        odd.append(np.sum(u * jv - v * ju, axis=(1, 2)))
        size.append(np.sum(ju[-1] ** 2 + jv[-1] ** 2) / 2)
    table = np.array(odd) / np.sqrt(np.mean(size))
    errors = np.sqrt(np.mean(np.diff(table, axis=1) ** 2, axis=0))
    least = int(np.argmin(errors))
    return float(np.sqrt(np.mean(table[:, least + 1] ** 2))), float(errors[least])
