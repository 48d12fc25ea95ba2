"""Errors of forces on reference data."""

import numpy as np
from ase.data import chemical_symbols

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.predictions import Predictions, jackknife, predictions
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Curve, Measurement, Panel, Row
from openmm_innff.audit.structure import Array

_BINS = 6
_WORST = 5
_MOST_POINTS = 3000
_STANDS_OUT = 3.0
"""Errors of that many RMSEs are marked in the picture of the worst frame."""


@check(
    "force-errors",
    "accuracy",
    question="How far are forces from the reference?",
    unit="of the RMS force in the data",
    threshold=0.05,
    source="chosen: five per cent, where structure and dynamics of liquids are commonly found to "
    "agree with the reference",
)
def measure(bench: Bench) -> Measurement:
    """Compare forces; the value is RMSE over RMS reference, its error from leaving out frames."""
    made = predictions(bench)
    wanted = np.concatenate([frame.forces for frame in made.frames])
    error = np.concatenate([found.forces for found in made.found]) - wanted
    squares = np.array([np.sum((e.forces - f.forces) ** 2)
                        for e, f in zip(made.found, made.frames, strict=True)])  # fmt: skip
    sizes = np.array([np.sum(frame.forces**2) for frame in made.frames])
    value = float(np.sqrt(squares.sum() / sizes.sum()))
    head = ("forces of", "components", "MAE meV/Å", "RMSE meV/Å", "largest meV/Å")
    rows = (*_by_element(made, error), *_by_size(wanted, error), *_worst(made, squares))
    panels = (_scatter(made, wanted, error), _against_size(wanted, error), _picture(made, squares))
    remark = (
        f"{len(made.frames)} frames. Rows with a range are sixths of the atoms by their reference "
        f"force: how far from equilibrium they are. Then the worst frames, with all their atoms."
    )
    return Measurement(value, jackknife(squares, sizes), head, rows, panels, remark)


def _row(name: str, error: Array) -> Row:
    numbers = (np.abs(error).mean(), np.sqrt(np.mean(error**2)), np.abs(error).max())
    return (name, str(error.size), *(f"{1000 * number:.1f}" for number in numbers))


def _numbers(made: Predictions) -> Array:
    return np.concatenate([frame.structure.numbers for frame in made.frames])


def _by_element(made: Predictions, error: Array) -> list[Row]:
    numbers = _numbers(made)
    elements = [_row(chemical_symbols[z], error[numbers == z]) for z in np.unique(numbers)]
    return [_row("all", error), *elements]


def _bins(wanted: Array) -> list[Array]:
    """Atoms of each sixth, from the smallest forces to the largest."""
    return np.array_split(np.argsort(np.linalg.norm(wanted, axis=1)), _BINS)


def _by_size(wanted: Array, error: Array) -> list[Row]:
    sizes = np.linalg.norm(wanted, axis=1)
    return [
        _row(f"{sizes[atoms].min():.2f} to {sizes[atoms].max():.2f} eV/Å", error[atoms])
        for atoms in _bins(wanted)
        if len(atoms)
    ]


def _worst(made: Predictions, squares: Array) -> list[Row]:
    order = np.argsort(squares / made.sizes)[::-1][:_WORST]
    return [
        _row(made.frames[i].structure.name, made.found[i].forces - made.frames[i].forces)
        for i in order
    ]


def _scatter(made: Predictions, wanted: Array, error: Array) -> Panel:
    numbers = np.repeat(_numbers(made), 3)
    x, y = wanted.reshape(-1), 1000 * error.reshape(-1)
    curves = []
    for z in np.unique(numbers):
        chosen = np.flatnonzero(numbers == z)
        chosen = chosen[:: -(-len(chosen) // _MOST_POINTS)]
        curves.append(Curve.of(chemical_symbols[z], x[chosen], y[chosen], points=True))
    return Panel("Components of forces", "reference (eV/Å)", "error (meV/Å)", tuple(curves))


def _against_size(wanted: Array, error: Array) -> Panel:
    bins = [atoms for atoms in _bins(wanted) if len(atoms)]
    x = [float(np.linalg.norm(wanted[atoms], axis=1).mean()) for atoms in bins]
    y = [1000 * float(np.sqrt(np.mean(error[atoms] ** 2))) for atoms in bins]
    curves = (Curve.of("", x, y), Curve.of("sixths of the atoms", x, y, points=True))
    return Panel("By size of the force", "reference force (eV/Å)", "RMSE (meV/Å)", curves,
                 y_range=(0.0, 1.25 * max(y)))  # fmt: skip


def _picture(made: Predictions, squares: Array) -> Panel:
    """Atoms of the worst frame seen along z; those with the largest errors are marked."""
    worst = int(np.argmax(squares / made.sizes))
    structure = made.frames[worst].structure
    sizes = np.sqrt(np.mean((made.found[worst].forces - made.frames[worst].forces) ** 2, axis=1))
    usual = np.sqrt(squares.sum() / (3 * made.sizes.sum()))
    curves = []
    for symbol in sorted(set(structure.symbols)):
        atoms = structure.positions[[s == symbol for s in structure.symbols]]
        curves.append(Curve.of(symbol, atoms[:, 0], atoms[:, 1], points=True))
    bad = structure.positions[sizes > _STANDS_OUT * usual]
    if len(bad):
        curves.append(Curve.of(f"> {_STANDS_OUT:g} RMSE", bad[:, 0], bad[:, 1], points=True))
    return Panel(f"Worst: {structure.name}", "x (Å)", "y (Å)", tuple(curves), same_scale=True)
