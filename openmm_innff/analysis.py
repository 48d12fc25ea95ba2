"""Structure of a liquid: radial distribution functions with errors, and how two of them agree."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import mdtraj
import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import ConfigError, DataError
from openmm_innff.files import atomic_write
from openmm_innff.statistics import mean_with_error
from openmm_innff.units import NM_TO_ANGSTROM

_PAIRS_PER_FRAME = 1_000_000
_DISTANCES_AT_ONCE = 5_000_000


@dataclass(frozen=True, eq=False)
class RadialDistribution:
    """Radial distribution function of atoms in different molecules.

    Parameters
    ----------
    pair
        Elements, such as "O-H".
    r
        Centres of the bins, shape (n_bins,), angstrom.
    g
        Values, shape (n_bins,).
    error
        Standard errors, correlations of successive frames included, shape (n_bins,).
    """

    pair: str
    r: NDArray[np.float64]
    g: NDArray[np.float64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How two radial distribution functions agree.

    Parameters
    ----------
    pair
        Elements.
    similarity
        1 - sum |g - g'| / sum (g + g'): 1 if they are the same, 0 if they share nothing.
    difference
        Mean of |g - g'|.
    noise
        Mean of |g - g'| to be expected from the statistical errors of both.
    """

    pair: str
    similarity: float
    difference: float
    noise: float


def radial_distribution(
    trajectory: mdtraj.Trajectory,
    pair: str,
    r_max: float | None = None,
    bin_width: float = 0.05,
) -> RadialDistribution:
    r"""Compute a radial distribution function, pairs within a molecule left out.

    .. math:: g(r) = \left\langle \frac{n_f(r) V_f}{n_\mathrm{pairs} \Delta V(r)} \right\rangle_f

    with n(r) the pairs found in a shell of volume Delta V in frame f of volume V. In large systems
    a subset of the first element's atoms is taken. Errors: `statistics.mean_with_error`.

    Parameters
    ----------
    trajectory
        Periodic frames; molecules are what the topology's bonds connect.
    pair
        Two elements, such as "O-H".
    r_max
        Upper end, angstrom; None: half the narrowest width of the smallest box.
    bin_width
        Angstrom.

    Raises
    ------
    DataError
        If there is no box or no such pair.
    """
    if trajectory.unitcell_vectors is None:
        raise DataError("trajectory: wanted a periodic box, found none")
    pairs = _pairs_between_molecules(trajectory.topology, pair)
    widths = 1.0 / np.linalg.norm(np.linalg.inv(trajectory.unitcell_vectors), axis=1)
    limit = float(widths.min()) * NM_TO_ANGSTROM / 2
    n_bins = int(min(limit, r_max or limit) / bin_width)
    edges = np.arange(n_bins + 1, dtype=np.float64) * bin_width
    centres, frames = (edges[1:] + edges[:-1]) / 2, _by_frame(trajectory, pairs, edges)
    if len(frames) == 1:
        return RadialDistribution(pair, centres, frames[0], np.zeros(n_bins))
    means = [mean_with_error(values) for values in frames.T]
    g, error = (np.array([getattr(mean, name) for mean in means]) for name in ("value", "error"))
    return RadialDistribution(pair, centres, g, error)


def agreement(found: RadialDistribution, reference: RadialDistribution) -> Agreement:
    """Compare two radial distribution functions where both are known.

    Parameters
    ----------
    found, reference
        Of the same pair; the reference is interpolated to the bins of the other.
    """
    common = (found.r <= reference.r[-1]) & (found.r >= reference.r[0])
    r, g, error = found.r[common], found.g[common], found.error[common]
    other = np.interp(r, reference.r, reference.g)
    both = np.hypot(error, np.interp(r, reference.r, reference.error))
    # The mean of |x| of a normal distribution is sqrt(2/pi) of its standard deviation.
    return Agreement(
        found.pair,
        similarity=float(1 - np.abs(g - other).sum() / (g + other).sum()),
        difference=float(np.abs(g - other).mean()),
        noise=float(np.sqrt(2 / np.pi) * both.mean()),
    )


def save_table(
    functions: Sequence[RadialDistribution], path: Path, comments: Sequence[str] = ()
) -> None:
    """Write radial distribution functions as CSV.

    Parameters
    ----------
    functions
        On the same bins.
    path
        File to write, atomically.
    comments
        Lines at its head.
    """
    columns: dict[str, NDArray[np.float64]] = {"r_angstrom": functions[0].r}
    for function in functions:
        columns[function.pair] = function.g
        columns[f"{function.pair} error"] = function.error
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in comments)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [f"{value:.4f}" for value in row] for row in np.column_stack([*columns.values()])
    )
    with atomic_write(path) as file:
        file.write(text.getvalue())


def load_table(name_or_path: str | Path) -> Mapping[str, RadialDistribution]:
    """Read a table of radial distribution functions by its pairs.

    Parameters
    ----------
    name_or_path
        Name of a shipped table, such as "water-pbe0-rdf", or path of a CSV file.

    Raises
    ------
    ConfigError
        If there is no such table, or it isn't one.
    """
    path = Path(name_or_path)
    shipped = resources.files("openmm_innff") / "models" / f"{name_or_path}.csv"
    if not path.is_file() and not shipped.is_file():
        raise ConfigError(
            f"rdf_reference: wanted a shipped table or the path of a CSV file, found '{path}'"
        )
    text = path.read_text("utf-8") if path.is_file() else shipped.read_text("utf-8")
    rows = [row for row in csv.reader(text.splitlines()) if row and not row[0].startswith("#")]
    try:
        data = dict(zip(rows[0], np.array(rows[1:], dtype=float).T, strict=True))
        return {
            pair: RadialDistribution(pair, data["r_angstrom"], data[pair], data[f"{pair} error"])
            for pair in rows[0][1::2]
        }
    except (IndexError, KeyError, ValueError) as error:
        raise ConfigError(f"rdf_reference: '{path}' is not a table of g(r): {error}") from error


def _pairs_between_molecules(topology: mdtraj.Topology, pair: str) -> NDArray[np.int64]:
    """Pairs of atoms of two elements in different molecules, shape (n_pairs, 2)."""
    molecule = np.empty(topology.n_atoms, dtype=int)
    for index, atoms in enumerate(topology.find_molecules()):
        molecule[[atom.index for atom in atoms]] = index
    symbols = np.array([atom.element.symbol for atom in topology.atoms])
    first, second = (np.flatnonzero(symbols == symbol) for symbol in pair.split("-"))
    if len(second):
        every = max(1, len(first) * len(second) // _PAIRS_PER_FRAME)
        first = first[::every]
    i, j = (grid.ravel() for grid in np.meshgrid(first, second, indexing="ij"))
    different = molecule[i] != molecule[j]
    if not different.any():
        raise DataError(f"no atoms {pair} in different molecules")
    return np.column_stack([i[different], j[different]])


def _by_frame(
    trajectory: mdtraj.Trajectory, pairs: NDArray[np.int64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return g(r) of each frame, shape (n_frames, n_bins)."""
    counts = np.zeros((trajectory.n_frames, len(edges) - 1))
    at_once = max(1, _DISTANCES_AT_ONCE // len(pairs))
    for start in range(0, trajectory.n_frames, at_once):
        frames = trajectory[start : start + at_once]
        distances = mdtraj.compute_distances(frames, pairs) * NM_TO_ANGSTROM
        for k, row in enumerate(distances):
            counts[start + k] = np.histogram(row, edges)[0]
    volumes = np.abs(np.linalg.det(trajectory.unitcell_vectors.astype(float))) * NM_TO_ANGSTROM**3
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    return np.asarray(counts * volumes[:, None] / (len(pairs) * shells))
