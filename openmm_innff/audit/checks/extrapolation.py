"""The functions that were learned, and whether structures leave the range that was trained."""

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.subjects import Learned, LearnedFunction

_LEAST_SHOWN = 1e-3
"""Of the largest term."""


@check(
    "extrapolation",
    "interpretation",
    question="Do the structures stay within the range in which its functions were trained?",
    unit="of the inputs",
    threshold=0.03,
    source="chosen: ten times what is beyond four standard deviations of training data in these "
    "data themselves (a few in a thousand); there functions go on by a clipped input",
)
def measure(bench: Bench) -> Measurement:
    """Count inputs of interpolants beyond their trained range; draw the functions.

    With reference data, their first frames are looked at as well.
    """
    frames = bench.frames[: bench.pick(5, 20, 100)]
    structures = [*bench.structures, *(frame.structure for frame in frames)]
    learned = bench.subject.learned(structures)
    if learned is None:
        raise NotApplicable("it is not made of functions of one variable")
    rows = [(name, f"{share:.2%}") for name, share in learned.beyond.items()]
    names = sorted(
        dict.fromkeys(function.panel for function in learned.functions),
        key=lambda name: not name.startswith("Radial"),
    )
    panels = tuple(
        _panel([function for function in learned.functions if function.panel == name])
        for name in names
    )
    panels = (*panels, _terms(learned))
    remark = (
        f"Of all intervals of all interpolants, {learned.visited:.0%} are used by some structure. "
        f"Radial functions: the main one of each pair of elements. Below them, the interpolants of "
        f"the readout that vary the energy most, less their mean; points are atoms of the "
        f"structures. Last, all terms of the readouts, single functions and products of two, by "
        f"how much they vary the energy from atom to atom."
    )
    head = ("structure", "inputs beyond")
    return Measurement(max(learned.beyond.values()), None, head, tuple(rows), panels, remark)


def _terms(learned: Learned) -> Panel:
    curves = []
    for name, sizes in learned.terms.items():
        shown = sizes[sizes > _LEAST_SHOWN * sizes.max()]
        curves.append(Curve.of(name, 1 + np.arange(len(shown)), shown))
    return Panel("Terms of the readouts", "rank", "standard deviation (meV)", tuple(curves),
                 y_log=True)  # fmt: skip


def _panel(functions: list[LearnedFunction]) -> Panel:
    first = functions[0]
    curves = [Curve.of(f.label, f.x, f.y) for f in functions]
    used = [f for f in functions if len(f.used)]
    if used:
        x = np.concatenate([f.used for f in used])
        y = np.concatenate([np.interp(f.used, f.x, f.y) for f in used])
        curves.append(Curve.of("", x, y, points=True))
    return Panel(first.panel, first.x_label, first.y_label, tuple(curves))
