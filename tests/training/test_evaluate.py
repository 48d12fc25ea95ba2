"""Predictions and reports, with a potential so simple that every number is known."""

import csv
import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from openmm_innff.data import Frame, FrameSet
from openmm_innff.errors import DataError
from openmm_innff.files import FileWriteError
from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig
from openmm_innff.training.evaluate import evaluate
from openmm_innff.training.predict import predict


class Springs:
    """E = k/2 sum x^2, a quarter of it fast; reference energies 1 eV (H) and 10 eV (O)."""

    elements = ("H", "O")
    reference_energies = torch.tensor([1.0, 10.0], dtype=torch.float64)
    stiffness = {"fast": 0.25, "slow": 0.75, "total": 1.0}  # noqa: RUF012

    def needs_bonds(self, part: str) -> bool:
        return False

    def __init__(self) -> None:
        self.made: list[tuple[str, int, torch.dtype]] = []

    def evaluator(
        self,
        part: str,
        numbers: Sequence[int],
        *,
        periodic: bool,
        skin: float,
        dtype: torch.dtype,
        bonds: None,
    ) -> Callable[..., Any]:
        self.made.append((part, len(numbers), dtype))
        k = self.stiffness[part]

        def call(positions: torch.Tensor, box: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            if periodic and box[0, 0] < 2.0:
                raise RuntimeError("box: too small")
            return 0.5 * k * positions.square().sum(), (-k * positions).to(dtype)

        return call


def make_frames(count: int = 6, width: float = 8.0) -> FrameSet:
    """Frames of one or two waters, labelled by the springs plus known errors."""
    rng = np.random.default_rng(1)

    def frame(index: int) -> Frame:
        n = 1 + index % 2
        positions = np.arange(3.0 * n)[:, None] * [1.0, 0.3, 0.0] + rng.normal(size=(3 * n, 3)) / 20
        energy = 0.5 * np.sum(positions**2) + 12.0 * n - 0.003 * n * (index + 1)
        forces = -positions + [0.0, 0.0, 0.01 * index]
        cell = width * np.eye(3)
        info = {"source": "made.xyz", "index": index}
        return Frame([8, 1, 1] * n, positions, cell, True, energy, forces, info)

    return FrameSet(frame(index) for index in range(count))


def make_model() -> Any:
    return SimpleNamespace(potential=Springs(), card=SimpleNamespace(name="springs"))


def test_parts_add_up_and_evaluators_are_reused() -> None:
    frames, potential = make_frames(), Springs()
    parts = {p: predict(potential, frames, p, precision="double") for p in ("fast", "slow")}
    total = predict(potential, frames, precision="double")
    both = parts["fast"] + parts["slow"]
    offsets = [12.0, 24.0] * 3
    np.testing.assert_allclose(total.energies, both.energies + offsets, rtol=1e-14)
    np.testing.assert_allclose(total.forces[1], both.forces[1], rtol=1e-14)
    assert len(potential.made) == 6  # two compositions for each of three calls
    assert parts["slow"].force_rms == pytest.approx(3 * parts["fast"].force_rms)


def test_real_potential() -> None:
    config = PotentialConfig(
        elements=("H", "O"), fast=ComponentConfig(cutoff=2.5), slow=ComponentConfig(cutoff=3.5)
    )
    potential, frames = Potential(config, seed=1), make_frames(2)
    both = [predict(potential, frames, p, precision="double") for p in ("fast", "slow")]
    total = predict(potential, frames, precision="double")
    np.testing.assert_allclose(total.forces[1], (both[0] + both[1]).forces[1], atol=1e-12)
    single = predict(potential, frames)
    np.testing.assert_allclose(single.forces[1], total.forces[1], atol=1e-4)


def test_precision() -> None:
    potential = Springs()
    predictions = predict(potential, make_frames(1))
    assert potential.made[0][2] is torch.float32
    assert predictions.forces[0].dtype == np.float64
    with pytest.raises(ValueError, match=r"precision must be .* found 'half'"):
        predict(potential, make_frames(1), precision="half")  # type: ignore[arg-type]


def test_a_frame_that_cannot_be_evaluated_is_named() -> None:
    with pytest.raises(DataError, match=r"source made.xyz, index 0\): box: too small"):
        predict(Springs(), make_frames(width=1.9))


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = make_frames()
    report = evaluate(make_model(), frames, tmp_path / "out", precision="double")
    assert report.metrics.energy_offset == pytest.approx(3.5)  # 1 to 6 meV/atom
    assert report.metrics.unit == "H2O"
    assert report.metrics.energy_per_unit.maximum == pytest.approx(18.0)
    assert report.metrics.forces.maximum == pytest.approx(50.0)
    assert report.slow_force_rms == pytest.approx(3 * report.fast_force_rms)
    assert [frame.index for frame in report.worst(2)] == [5, 4]
    assert report.per_frame[0].energy_error == pytest.approx(-2.5)

    text = capsys.readouterr().out
    for wanted in ("springs", "made.xyz", "on O", "RMS force: fast part", "parity.png"):
        assert wanted in text

    saved = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert saved["metrics"]["energy_offset"] == pytest.approx(3.5)
    assert saved["data_sha256"] == frames.sha256
    assert saved["worst_frames"][0]["index"] == 5
    with open(tmp_path / "out" / "errors.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(6))
    assert float(rows[5]["force_max_mev_per_angstrom"]) == pytest.approx(50.0)
    assert (tmp_path / "out" / "parity.png").read_bytes().startswith(b"\x89PNG")


def test_quiet_and_without_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(make_model(), make_frames(), progress=False)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_full_disk_keeps_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evaluation.json").write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileWriteError, match=r"evaluation\.json.* is full; the old file is unch"):
        evaluate(make_model(), make_frames(), tmp_path, progress=False)
    assert (tmp_path / "evaluation.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(FileWriteError, match="can't make the folder"):
        evaluate(make_model(), make_frames(), tmp_path / "out", progress=False)
