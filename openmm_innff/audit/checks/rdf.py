"""Radial distribution functions of a run, and where one has its first maximum."""

import numpy as np

from openmm_innff.analysis import RadialDistribution, load_table
from openmm_innff.audit.observables import radial_distributions
from openmm_innff.audit.recording import Recording
from openmm_innff.audit.result import Curve
from openmm_innff.audit.subjects.topology import topology_of
from openmm_innff.errors import ConfigError
from openmm_innff.statistics import Mean

_AROUND = 0.18
"""A parabola is fitted this far around the highest bin, angstrom."""


def distributions(recording: Recording) -> dict[str, RadialDistribution]:
    """Return g(r) between molecules of all pairs of elements of a periodic run."""
    topology, _ = topology_of(recording.structure)
    return {f.pair: f for f in radial_distributions(recording.seen, topology)}


def reference_of(name: str) -> dict[str, RadialDistribution] | None:
    """Return g(r) of the data that a shipped model was made from; None if there is no such file."""
    try:
        return dict(load_table(f"{name}-rdf"))
    except ConfigError:
        return None


def same_pair(functions: dict[str, RadialDistribution], pair: str) -> RadialDistribution | None:
    """Return the function of a pair, which may be named the other way round; None if missing."""
    return functions.get(pair) or functions.get("-".join(reversed(pair.split("-"))))


def first_maximum(function: RadialDistribution) -> tuple[float, Mean]:
    """Return place (angstrom) and height of the highest maximum, by a parabola through it."""
    top = function.r[np.argmax(function.g)]
    near = np.abs(function.r - top) < _AROUND
    a, b, c = np.polyfit(function.r[near] - top, function.g[near], 2)
    error = float(function.error[near].mean())
    if a >= 0:
        return float(top), Mean(float(function.g.max()), error)
    return float(top - b / (2 * a)), Mean(float(c - b * b / (4 * a)), error)


def curve(function: RadialDistribution, label: str) -> Curve:
    """Return what a plot shows."""
    return Curve.of(label, function.r, function.g, function.error)
