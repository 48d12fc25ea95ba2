"""Errors on reference data: on data whose errors are known."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from openmm_innff import cli
from openmm_innff.audit.bench import Bench, Labelled
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.checks.predictions import jackknife
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.structures import liquid_water, molecule, water_dimer
from openmm_innff.audit.subjects import Evaluate, Evaluation, open_subject
from openmm_innff.modelfile import save_model

SUBJECT = open_subject("water-pbe0")


def labelled(error: float, frames: int = 8) -> tuple[Labelled, ...]:
    """Make dimers whose labels are the model's, with errors of a known relative size."""
    random, found = np.random.default_rng(1), []
    for number in range(frames):
        structure = replace(water_dimer().rattled(random, 0.1), name=f"frame {number}")
        energy, forces = SUBJECT.bind(structure)(structure.positions, None)
        noise = random.normal(size=forces.shape)
        noise *= error * np.sqrt(np.mean(forces**2)) / np.sqrt(np.mean(noise**2))
        found.append(Labelled(structure, energy + 100.0, forces + noise))
    return tuple(found)


def measure(name: str, **options: object) -> Measurement:
    (check,) = find_checks([name])
    structures = (liquid_water(1), molecule("H2O"))
    return check.measure(Bench(SUBJECT, structures, "quick", 1, name, **options))  # type: ignore[arg-type]


def test_force_errors_are_those_that_were_made() -> None:
    found = measure("force-errors", frames=labelled(0.03))
    assert found.value == pytest.approx(0.03, rel=0.02)
    assert found.error is not None
    assert found.error < 0.003
    assert [row[0] for row in found.rows[:3]] == ["all", "H", "O"]
    assert sum(row[0].startswith("frame") for row in found.rows) == 5


def test_energies_are_compared_without_their_zero() -> None:
    assert measure("energy-errors", frames=labelled(0.0)).value < 1e-9


def test_without_data_there_is_a_reason() -> None:
    for name in ("force-errors", "energy-errors"):
        with pytest.raises(NotApplicable, match="--data"):
            measure(name)


def test_the_jackknife_knows_the_error_of_a_root() -> None:
    random = np.random.default_rng(1)
    squares = random.normal(size=(400, 200)) ** 2
    roots = np.sqrt(squares.mean(axis=1))
    expected = jackknife(squares[0], np.ones(200))
    assert expected == pytest.approx(roots.std(), rel=0.2)


@dataclass(frozen=True, eq=False)
class Trained:
    """A model that was trained on some frames, with forces that are wrong by a known part."""

    training_frames: int
    error: float

    def bind(self, structure: Structure) -> Evaluate:
        evaluate = SUBJECT.bind(structure)

        def wrong(positions: Array, cell: Array | None) -> Evaluation:
            energy, forces = evaluate(positions, cell)
            return Evaluation(energy, (1.0 + self.error) * forces)

        return wrong


def test_a_learning_curve_that_falls_passes_and_one_that_rises_fails() -> None:
    frames = labelled(0.0)
    falling = (Trained(40, 0.01), Trained(10, 0.02))
    found = measure("learning-curve", frames=frames, series=falling)
    assert found.value == pytest.approx(0.5)
    assert found.error == pytest.approx(0.0, abs=1e-9)  # the same frames, wrong by the same part
    assert [row[0] for row in found.rows] == ["10", "40"]
    assert "to the power -0.50" in found.remark
    rising = (*falling, Trained(80, 0.015))
    assert measure("learning-curve", frames=frames, series=rising).value == pytest.approx(1.5)
    with pytest.raises(NotApplicable, match="--learning-curve"):
        measure("learning-curve", frames=frames)


def test_models_of_a_learning_curve_are_found_in_folders(tmp_path: Path) -> None:
    empty = ["audit", "water-pbe0", "--learning-curve", str(tmp_path)]
    assert cli.main(empty) == 2
    for name, size in (("30-frames", 30), ("60-frames", 60)):
        model = SUBJECT.model
        card = replace(model.card, training={"frames": size})
        (tmp_path / name).mkdir()
        save_model(tmp_path / name / "m.innff", model.potential, card)
    write(tmp_path / "frames.xyz", [frame_of(one) for one in labelled(0.02, 4)], format="extxyz")
    words = ["--tests", "learning-curve", "--quick", "--data", str(tmp_path / "frames.xyz")]
    assert cli.main([*empty, *words, "--out", str(tmp_path / "out")]) == 0
    (result,) = json.loads((tmp_path / "out" / "report.json").read_text())["audited"][0]["results"]
    assert [row[0] for row in result["rows"]] == ["30", "60"]
    assert result["value"] == 1.0


def frame_of(one: Labelled) -> Atoms:
    atoms = Atoms(one.structure.numbers, one.structure.positions)
    atoms.calc = SinglePointCalculator(atoms, energy=one.energy, forces=one.forces)
    return atoms


def test_the_command_reads_data(data_folder: Path, tmp_path: Path) -> None:
    file = data_folder / "water_pbe0" / "water_pbe0_valid.xyz.gz"
    words = ["audit", "water-pbe0", "--tests", "accuracy", "--quick", "--data", str(file)]
    assert cli.main([*words, "--out", str(tmp_path)]) == 0
    assert "RMSE meV/Å" in (tmp_path / "report.html").read_text()
