"""A model that was trained at 300 K knows which frames at 600 K it gets wrong."""

import dataclasses
import json
from pathlib import Path

import pytest

from openmm_innff import cli
from openmm_innff.training import load_config, train

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
EPOCHS = 25


@pytest.mark.slow
def test_the_uncertainty_ranks_errors_at_twice_the_temperature(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INNFF_DATA", str(data_folder))
    config = load_config(BENCHMARKS / "acac.toml")
    optimizer = dataclasses.replace(config.optimizer, joint_epochs=EPOCHS, fast_epochs=1)
    model = train(
        dataclasses.replace(config, optimizer=optimizer), tmp_path / "run", progress=False
    )
    words = ["audit", str(model), "--tests", "uncertainty", "calibration", "--quick"]
    words += ["--data", str(BENCHMARKS / "acac-600K.xyz.gz"), "--out", str(tmp_path / "audit")]
    assert cli.main(words) == 0
    report = json.loads((tmp_path / "audit" / "report.json").read_text())
    verdicts = {r["name"]: r["verdict"] for r in report["audited"][0]["results"]}
    assert verdicts == {"uncertainty": "pass", "calibration": "pass"}
