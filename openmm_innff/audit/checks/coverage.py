"""Which nodes of its interpolants the data never touched, and whether structures use them."""

from collections.abc import Sequence

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel
from openmm_innff.audit.structure import Array
from openmm_innff.audit.subjects import NodeUse

_OFTEN = 100
"""Evaluations; with fewer, a node has been touched but hardly been trained."""
_FEW = 9
"""As many interpolants are drawn as curves."""


@check(
    "coverage",
    "interpretation",
    question="Have the data touched all nodes that the structures use?",
    unit="of the use of nodes",
    threshold=1e-2,
    source="chosen: nodes that data never touched are what a smooth continuation makes of the "
    "others; a structure that takes a per cent of its function values from them is another one",
)
def measure(bench: Bench) -> Measurement:
    """Count how often frames of the data and structures use each node.

    The value is the part of a structure's uses that falls on nodes which no frame uses.
    """
    if not bench.frames:
        raise NotApplicable("no reference data were given (--data)")
    frames = bench.frames[:: -(-len(bench.frames) // bench.pick(20, 100, len(bench.frames)))]
    data = bench.subject.node_use([frame.structure for frame in frames])
    if not data:
        raise NotApplicable("it is not made of interpolants")
    bench.tick()
    found = {s.name: bench.subject.node_use([s]) for s in bench.structures}
    missing = {name: _missing(data, uses) for name, uses in found.items()}
    structures = [np.sum([uses[i].counts for uses in found.values()], axis=0)
                  for i in range(len(data))]  # fmt: skip
    head = ("interpolants", "nodes", "touched by the data", "used by structures alone",
            *(f"{name}, uses of these" for name in found))  # fmt: skip
    rows = []
    for i, use in enumerate(data):
        seen = use.counts > 0
        only = (structures[i] > 0) & ~seen
        shares = [_missing([use], [uses[i]]) for uses in found.values()]
        rows.append((use.title, str(seen.size), f"{seen.mean():.0%}", f"{only.mean():.1%}",
                     *(f"{share:.2%}" for share in shares)))  # fmt: skip
    panels = tuple(_map(use, uses) for use, uses in zip(data, structures, strict=True))
    remark = (
        f"{len(frames)} frames of the data that were given, which need not be those of the "
        f"training. Each point of the maps is a node: one line for each interpolant, its nodes "
        f"along the axis; often: {_OFTEN} evaluations or more. Where the "
        f"data have not been, forces come from a continuation."
    )
    return Measurement(max(missing.values()), None, head, tuple(rows), panels, remark)


def _missing(data: Sequence[NodeUse], uses: Sequence[NodeUse]) -> float:
    """Share of uses that fall on nodes which the data never touched."""
    outside = whole = 0.0
    for seen, use in zip(data, uses, strict=True):
        outside += float(use.counts[seen.counts == 0].sum())
        whole += float(use.counts.sum())
    return outside / max(whole, 1.0)


def _map(data: NodeUse, structures: Array) -> Panel:
    if len(data.functions) <= _FEW:
        lines = [
            Curve.of(name, data.nodes, counts)
            for name, counts in zip(data.functions, data.counts, strict=True)
        ]
        return Panel(data.title, data.x_label, "evaluations by the data", tuple(lines), y_log=True)
    kinds = {
        "often": data.counts >= _OFTEN,
        "seldom": (data.counts > 0) & (data.counts < _OFTEN),
        "never": (data.counts == 0) & (structures == 0),
        "structures only": (data.counts == 0) & (structures > 0),
    }
    curves = tuple(
        Curve.of(name, data.nodes[np.nonzero(chosen)[1]], 1 + np.nonzero(chosen)[0], points=True)
        for name, chosen in kinds.items()
        if chosen.any()
    )
    room = (0.0, 1.45 * len(data.functions))  # for the legend
    return Panel(data.title, data.x_label, "interpolant", curves, y_range=room)
