"""The tests of an audit, one file for each.

To add one, write a function of a `Bench` that returns a `Measurement`, decorate it with
`registry.check`, and import its module here.
"""

from openmm_innff.audit.checks import (
    backends,
    bond_scans,
    cost,
    curl,
    cutoff,
    dihedrals,
    dimers,
    energy_errors,
    extensivity,
    extrapolation,
    force_errors,
    forces,
    images,
    integration,
    parts,
    permutation,
    precision,
    rotation,
    s22,
    split,
    translation,
    triclinic,
)
from openmm_innff.audit.checks.registry import GROUPS, Check, all_checks, find_checks

__all__ = [
    "GROUPS",
    "Check",
    "all_checks",
    "backends",
    "bond_scans",
    "cost",
    "curl",
    "cutoff",
    "dihedrals",
    "dimers",
    "energy_errors",
    "extensivity",
    "extrapolation",
    "find_checks",
    "force_errors",
    "forces",
    "images",
    "integration",
    "parts",
    "permutation",
    "precision",
    "rotation",
    "s22",
    "split",
    "translation",
    "triclinic",
]
