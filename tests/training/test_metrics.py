"""Error metrics against numbers worked out by hand."""

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from openmm_innff.data import Frame, FrameSet
from openmm_innff.errors import DataError
from openmm_innff.training.metrics import compare, formula_units


def water(n: int, energy: float, periodic: bool = True) -> Frame:
    numbers = [8, 1, 1] * n
    positions = np.arange(3.0 * n)[:, None] * [1.0, 0.0, 0.0]
    forces = np.tile([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, -1.0]], (n, 1))
    cell = np.diag([3.0 * n, 3.0, 3.0])
    return Frame(numbers, positions, cell, periodic, energy, forces)


def test_energies() -> None:
    frames = FrameSet([water(2, -2.0), water(2, -2.0), water(4, -4.0)])
    energies = frames.energies + np.array([6.0, 18.0, 24.0]) * 1e-3  # 1, 3, 2 meV/atom
    metrics = compare(frames, energies, [frame.forces for frame in frames])
    assert (metrics.n_frames, metrics.n_atoms, metrics.unit) == (3, 24, "H2O")
    assert metrics.energy_offset == pytest.approx(2.0)
    assert metrics.energy_per_atom.mae == pytest.approx(2.0)
    assert metrics.energy_per_atom.rmse == pytest.approx(math.sqrt(14 / 3))
    assert metrics.energy_per_atom.maximum == pytest.approx(3.0)
    assert metrics.energy_per_atom_shifted.rmse == pytest.approx(math.sqrt(2 / 3))
    assert metrics.energy_per_unit.maximum == pytest.approx(9.0)
    assert metrics.energy_per_unit_shifted.maximum == pytest.approx(3.0)
    assert metrics.forces.rmse == 0.0
    assert metrics.force_cosine == pytest.approx(1.0)


def test_forces_by_element() -> None:
    frames = FrameSet([water(1, 0.0)])
    forces = frames[0].forces + np.diag([0.003, 0.0, -0.006])
    metrics = compare(frames, [0.0], [forces])
    assert list(metrics.forces_by_element) == ["H", "O"]
    assert metrics.forces_by_element["O"].mae == pytest.approx(1.0)
    assert metrics.forces_by_element["O"].rmse == pytest.approx(math.sqrt(3.0))
    assert metrics.forces_by_element["H"].maximum == pytest.approx(6.0)
    assert metrics.forces.rmse == pytest.approx(math.sqrt((9 + 36) / 9))
    assert metrics.forces.spread == pytest.approx(1000 * np.std(frames[0].forces))


def test_cosine() -> None:
    frames = FrameSet([water(1, 0.0)])
    turned = frames[0].forces[:, [1, 0, 2]]  # two at a right angle, one unchanged
    assert compare(frames, [0.0], [turned]).force_cosine == pytest.approx(1 / 3)
    nothing = compare(frames, [0.0], [0 * turned])
    assert math.isnan(nothing.force_cosine)
    assert nothing.to_dict()["force_cosine"] is None


def test_formula_units() -> None:
    assert formula_units(FrameSet([water(2, 0.0), water(4, 0.0)]))[1].tolist() == [2, 4]
    name, units = formula_units(FrameSet([water(2, 0.0, periodic=False)]))
    assert (name, units.tolist()) == ("frame", [1])


def test_table_and_json() -> None:
    metrics = compare(FrameSet([water(2, -2.0)]), [-2.012], [water(2, 0.0).forces * 1.01])
    stream = io.StringIO()
    Console(file=stream, width=80).print(metrics)
    text = stream.getvalue()
    for wanted in ("meV/H2O", "meV/atom", "on O", "-2.000 meV/atom", "RMSE/spread"):
        assert wanted in text
    assert json.loads(json.dumps(metrics.to_dict(), allow_nan=False))["unit"] == "H2O"


def test_wrong_shapes() -> None:
    frames = FrameSet([water(1, 0.0)])
    with pytest.raises(DataError, match=r"energies must have shape \(1,\), found \(2,\)"):
        compare(frames, [0.0, 0.0], [frames[0].forces])
    with pytest.raises(DataError, match=r"forces must have shapes \[\(3, 3\)\].* found \[\(2, 3\)"):
        compare(frames, [0.0], [frames[0].forces[:2]])
    with pytest.raises(DataError, match="at least one frame"):
        compare(FrameSet([]), [], [])
