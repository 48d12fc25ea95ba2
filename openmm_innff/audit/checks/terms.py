"""The energy by its terms: components, order of the density, CP order, element."""

from collections.abc import Mapping

import numpy as np
from ase.data import chemical_symbols

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import rms
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.subjects import Term

_LEAST_SHOWN = 1e-4
"""Of a logarithmic axis, eV/angstrom."""
_ROOM = 0.12
"""For a line of the legend."""


@check(
    "terms",
    "interpretation",
    question="Do the terms of its energy add up without cancelling each other?",
    unit="of the RMS force",
    threshold=100.0,
    source="chosen: a term of a hundred times the total costs two of the seven digits of single "
    "precision; beyond, a term means nothing by itself",
)
def measure(bench: Bench) -> Measurement:
    """Take each term's forces by its gradient; the value is the largest RMS over the total's.

    A term of n densities is of body order n + 1 (in a second layer higher, since what neighbours
    have seen is in its density). Interpolants have no end in body order; CP order is 1 for single
    ones and 2 for products of two.
    """
    structure = bench.largest().rattled(bench.random())
    terms = bench.subject.terms(structure)
    if not terms:
        raise NotApplicable("it is not known as a sum of terms")
    bench.tick()
    size = rms(bench.evaluate(structure).forces)
    elements = np.unique(structure.numbers)
    rows = []
    for name, term in terms.items():
        spread = [1000 * term.energies[structure.numbers == z].std() for z in elements]
        rows.append((name, f"{1000 * rms(term.forces):.0f}", *(f"{each:.1f}" for each in spread)))
    parts = dict.fromkeys(name.partition(":")[0] for name in terms)
    panels = tuple(_panel(part, terms) for part in parts)
    head = ("term", "RMS force, meV/Å",
            *(f"energy of {chemical_symbols[z]}, spread, meV" for z in elements))  # fmt: skip
    remark = (
        f"{structure.name}, atoms displaced by 0.05 Å; the RMS force is {1000 * size:.0f} meV/Å. "
        f"Spread: standard deviation over the atoms. n densities in a product are of body order "
        f"n + 1, in a second layer higher."
    )
    value = max(rms(term.forces) for term in terms.values()) / size
    return Measurement(value, None, head, tuple(rows), panels, remark)


def _panel(part: str, terms: Mapping[str, Term]) -> Panel:
    """Draw how many atoms have less than a force, by the terms of one part of the potential."""
    curves = []
    for name, term in terms.items():
        where, _, label = name.partition(": ")
        if where == part:
            sizes = np.sort(np.linalg.norm(term.forces, axis=1))
            share = (np.arange(len(sizes)) + 1) / len(sizes)
            curves.append(Curve.of(label, np.maximum(sizes, _LEAST_SHOWN), share))
    return Panel(f"Forces by term, {part}", "force (eV/Å)", "share of atoms with less",
                 tuple(curves), x_log=True, y_range=(0.0, 1.0 + _ROOM * len(curves)))  # fmt: skip
