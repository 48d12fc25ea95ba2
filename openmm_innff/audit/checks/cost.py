"""Time and memory of an evaluation against the number of atoms."""

from itertools import pairwise

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.checks.sizes import FEWEST_FITTED, REPEATS, large, power_law, sizes
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel

_SEEN_MB = 4.0
"""Less can't be told from what the C library keeps at hand, by one MB or two."""


@check(
    "time",
    "cost",
    question="Does the time of an evaluation grow in proportion to the number of atoms?",
    unit="",
    threshold=1.2,
    source="chosen: linear scaling, with room for caches that get too small",
)
def seconds(bench: Bench) -> Measurement:
    """Time energy and forces of ever more copies; the value is the exponent fitted to the times."""
    found = sizes(bench)
    times = {size.atoms: 1000 * size.seconds for size in found}
    rows = [
        (f"{size.atoms}", f"{1000 * size.seconds:.3g}", f"{1e6 * size.seconds / size.atoms:.3g}")
        for size in found
    ]
    value, error, factor = power_law(times)
    panel = _panel("Time of an evaluation", "time (ms)", times, value, factor)
    remark = (
        f"Shortest of {2 * REPEATS} evaluations at changing positions, in single precision where "
        f"there is one; without what the process waited for a core, where the system tells."
    )
    return Measurement(value, error, ("atoms", "ms", "µs per atom"), tuple(rows), (panel,), remark)


@check(
    "memory",
    "cost",
    question="Does the memory of an evaluation grow in proportion to the number of atoms?",
    unit="",
    threshold=1.2,
    source="chosen: linear scaling, as for `time`",
)
def memory(bench: Bench) -> Measurement:
    """Watch the resident memory of the process; the value is the exponent of its growth.

    Sizes double, so that of m = m0 + c N^a the difference of two in succession is proportional to
    N^a: what an evaluation needs whatever its size is out of the fit.
    """
    found = sizes(bench)
    known = [(size.atoms, size.memory) for size in found if size.memory is not None]
    if len(known) < len(found):
        raise NotApplicable("the operating system doesn't tell how much memory an evaluation took")
    growth = {n: more - mb for (n, mb), (_, more) in pairwise(known)}
    seen = {n: mb for n, mb in growth.items() if mb > _SEEN_MB}
    if len(seen) < FEWEST_FITTED:
        atoms, most = known[-1]
        raise NotApplicable(f"too little to tell how it grows: {most:.0f} MB for {atoms} atoms")
    value, error, factor = power_law(seen)
    rows = [
        (f"{size.atoms}", f"{mb:.1f}", f"{growth[n]:.1f}" if n in growth else "–",
         f"{size.peak:.0f}")
        for size, (n, mb) in zip(found, known, strict=True)
    ]  # fmt: skip
    shown = {n: mb for n, mb in growth.items() if mb > 0}
    panel = _panel("Memory of an evaluation", "MB for as many atoms more", shown, value, factor)
    remark = (
        f"By how much the resident memory of the process grows at most while an evaluation is "
        f"prepared and done. Fitted is what twice as many atoms need more, where that is beyond "
        f"{_SEEN_MB:g} MB. The last column is the largest that the process ever had, in other "
        f"tests too."
    )
    head = ("atoms", "MB", "as many more, MB", "the process, MB")
    return Measurement(value, error, head, tuple(rows), (panel,), remark)


def _panel(
    title: str, label: str, found: dict[int, float], exponent: float, factor: float
) -> Panel:
    atoms = np.array(list(found), float)
    fitted = atoms[large(atoms)]
    curves = (Curve.of(f"fit, exponent {exponent:.2f}", fitted, factor * fitted**exponent),
              Curve.of("measured", atoms, list(found.values()), points=True))  # fmt: skip
    return Panel(title, "atoms", label, curves, x_log=True, y_log=True)
