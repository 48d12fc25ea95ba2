"""How the force and the energy are shared by the parts, and by elements."""

import numpy as np
from ase.data import chemical_symbols

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import rms
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.subjects import Options

_LEAST_SHOWN = 1e-4
"""Of a logarithmic axis, eV/angstrom."""


@check(
    "split",
    "interpretation",
    question="Do the parts share the force, instead of cancelling each other?",
    unit="of the RMS force",
    threshold=2.0,
    source="chosen: parts of twice the total force are mostly there to cancel each other, which "
    "shortens the steps of both",
)
def measure(bench: Bench) -> Measurement:
    """Evaluate parts of rattled structures; the value is the largest RMS over that of the total."""
    parts = bench.subject.parts
    if not parts:
        raise NotApplicable("it has no parts")
    random, rows, values, curves = bench.random(), [], [], []
    largest = max(bench.structures, key=len)
    for structure in bench.structures:
        structure = structure.rattled(random)
        found = {"total": bench.evaluate(structure)}
        found |= {part: bench.evaluate(structure, Options(part)) for part in parts}
        size = rms(found["total"].forces)
        values += [rms(found[part].forces) / size for part in parts]
        for name, evaluation in found.items():
            energy = f"{1000 * evaluation.energy / len(structure):.1f}"
            forces = [f"{1000 * rms(evaluation.forces):.0f}"]
            for z in np.unique(structure.numbers):
                of_element = 1000 * rms(evaluation.forces[structure.numbers == z])
                forces.append(f"{chemical_symbols[z]} {of_element:.0f}")
            rows.append((structure.name, name, energy, ", ".join(forces)))
            if len(structure) == len(largest):
                sizes = np.sort(np.linalg.norm(evaluation.forces, axis=1))
                share = (np.arange(len(sizes)) + 1) / len(sizes)
                curves.append(Curve.of(name, np.maximum(sizes, _LEAST_SHOWN), share))
    panel = Panel(f"Forces on atoms, {largest.name}", "force (eV/Å)",
                  "share of atoms with less", tuple(curves), x_log=True)  # fmt: skip
    head = ("structure", "part", "energy, meV/atom", "RMS force, meV/Å: all, each element")
    return Measurement(max(values), None, head, tuple(rows), (panel,))
