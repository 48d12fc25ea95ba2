"""Runs that look at the uncertainty of their model: a table that resumes, a warning, a stop."""

import csv
import dataclasses
from pathlib import Path

import pytest
import torch

from openmm_innff.errors import ModelFileError, SimulationError
from openmm_innff.model import Model, load_model
from openmm_innff.modelfile import ModelCard
from openmm_innff.potential import Potential, PotentialConfig
from openmm_innff.potential.last_layer import count, last_layers
from openmm_innff.potential.uncertainty import MEMBERS, Uncertainty
from openmm_innff.recipe import RunConfig
from openmm_innff.simulation import run
from openmm_innff.simulation.watch import DOUBTFUL, UNCERTAINTY


@pytest.fixture(scope="module")
def config(tiny_config: PotentialConfig, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A short run of a random potential that was given a made-up uncertainty."""
    potential = Potential(tiny_config)
    generator = torch.Generator().manual_seed(1)
    draws = torch.randn(MEMBERS, count(last_layers(potential)), generator=generator)
    components = (potential.fast, potential.slow)
    inputs = sum(r.functions.numel() for c in components for r in c.all_readouts())
    ends = torch.ones(inputs)
    known = Uncertainty(draws, 1e-3, 1e-3, -ends, ends, largest=1e3)
    path = tmp_path_factory.mktemp("model") / "random.innff"
    Model(potential, ModelCard("random"), known).save(path)
    return RunConfig(
        model=str(path),
        waters=30,
        backend="python",
        platform="CPU",
        threads=1,
        outer_step_fs=0.5,
        inner_step_fs=0.25,
        report_every_fs=5.0,
        equilibration_ps=0.01,
        length_ps=0.03,
        checkpoint_every_ps=0.01,
        speed_test_s=0.0,
        # Random forces hold no molecule together.
        max_bond_angstrom=1e3,
        max_temperature_K=1e6,
        uncertainty_every_fs=10.0,
    )


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / UNCERTAINTY).open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_written_when_due_and_resuming_repeats_none(config, tmp_path) -> None:
    run(dataclasses.replace(config, length_ps=0.02), tmp_path, progress=False)
    times = [(row["stage"], float(row["time_ps"])) for row in rows(tmp_path)]
    assert times == [("equilibration", 0.01), ("production", 0.01), ("production", 0.02)]
    before = rows(tmp_path)
    # As a run that was killed after its last checkpoint leaves the table behind.
    with (tmp_path / UNCERTAINTY).open("a") as file:
        file.write("production,0.0300,1.0,1,1.0,1.0,1\n")
    run(config, tmp_path, progress=False, resume=True)
    found = rows(tmp_path)
    assert found[:3] == before
    assert [float(row["time_ps"]) for row in found[3:]] == [0.03]
    assert found[3]["atom"] != "1" or float(found[3]["energy_uncertainty_eV"]) != 1.0


def test_beyond_the_limit_the_run_says_so_once(config, tmp_path, capsys) -> None:
    run(dataclasses.replace(config, uncertainty_limit_eV_per_angstrom=1e-9), tmp_path)
    assert capsys.readouterr().out.count("Warning: ") == 1
    assert not (tmp_path / DOUBTFUL).exists()


def test_or_stops_with_the_frame_saved(config, tmp_path) -> None:
    strict = dataclasses.replace(
        config, uncertainty_limit_eV_per_angstrom=1e-9, uncertainty_stop=True
    )
    with pytest.raises(SimulationError, match=r"0.01 ps of equilibration: the force on atom"):
        run(strict, tmp_path, progress=False)
    assert (tmp_path / DOUBTFUL).read_text().startswith("90\n")
    run(config, tmp_path, progress=False, resume=True)  # with the limit lifted
    assert len(rows(tmp_path)) == 4


def test_a_model_that_knows_nothing_of_its_errors_is_refused(config, tmp_path) -> None:
    bare = dataclasses.replace(load_model(config.model), uncertainty=None)
    with pytest.raises(ModelFileError, match="innff calibrate"):
        run(config, tmp_path, progress=False, model=bare)
