"""From a recipe to a report, with a classical water in the place of a model."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import mdtraj
import pytest
from openmm import NonbondedForce, System, app

from openmm_innff.errors import BackendError, ConfigError, SimulationError
from openmm_innff.model import Model, shipped_models
from openmm_innff.modelfile import ModelCard, SafeSteps
from openmm_innff.potential import Potential, PotentialConfig
from openmm_innff.recipe import RunConfig, load_recipe
from openmm_innff.simulation import run
from openmm_innff.simulation.folder import locked, resume_command
from openmm_innff.simulation.job import make_schedule
from openmm_innff.simulation.machine import prepare_machine, usable_cores
from openmm_innff.simulation.results import read_table

QUICK = RunConfig(
    title="Test",
    waters=30,
    equilibration_ps=0.04,
    length_ps=0.1,
    report_every_fs=10.0,
    checkpoint_every_ps=0.03,
    rdf_pairs=("O-O", "O-H", "C-C"),
    rdf_reference="water-pbe0-rdf",
    speed_test_s=0.0,
    threads=1,
    platform="CPU",
)


class Classical(Model):
    """Flexible TIP3P-FB: bonds and angles are the fast part, the rest is the slow one."""

    def create_system(self, topology: app.Topology, **options: object) -> System:
        system = app.ForceField("amber14/tip3pfb.xml").createSystem(
            topology, nonbondedMethod=app.CutoffPeriodic, nonbondedCutoff=0.4, rigidWater=False
        )
        for force in system.getForces():
            force.setForceGroup(int(isinstance(force, NonbondedForce)))
        return system


@pytest.fixture(scope="module")
def model(tiny_config: PotentialConfig) -> Model:
    card = ModelCard("classical", safe_steps=SafeSteps(inner_fs=0.5, outer_fs=1.0))
    return Classical(Potential(tiny_config), card)


def _config(**changes: object) -> RunConfig:
    return dataclasses.replace(QUICK, **changes)


def test_run_writes_all_files_and_can_be_repeated(
    tmp_path: Path, model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs" / "water"
    config = _config(speed_test_s=0.2, threads=0)
    report = run(config, out, model=model)
    shown = capfd.readouterr().out
    assert report == out / "report.html"
    assert "dcdplugin" not in shown
    assert f"--out {out} --resume --length 0.5" in shown
    assert "agreement with the reference data: O-O" in shown
    for name in ("recipe.toml", "thermo.csv", "rdf.csv", "checkpoint.json", "topology.pdb"):
        assert (out / name).stat().st_size > 0, name
    assert len(json.loads((out / "speeds.json").read_text())) == 3
    times = read_table(out / "thermo.csv")["time_ps"]
    assert times == pytest.approx([0.01 * i for i in range(1, 15)])
    assert load_recipe(out / "recipe.toml").threads >= 1

    before = (out / "trajectory.dcd").read_bytes()
    run(config, out, model=model, resume=True, progress=False)
    assert (out / "trajectory.dcd").read_bytes() == before
    assert not capfd.readouterr().out
    with pytest.raises(SimulationError, match=r"holds a run already.*--resume .*another"):
        run(config, out, model=model)
    with pytest.raises(ConfigError, match=r"waters = 30 \(now 31\)"):
        run(_config(waters=31), out, model=model, resume=True)
    trajectory = mdtraj.load(str(out / "trajectory.dcd"), top=str(out / "topology.pdb"))
    assert (trajectory.n_frames, trajectory.n_atoms) == (10, 90)


def test_longer_run_adds_to_the_one_there(tmp_path: Path, model: Model) -> None:
    run(QUICK, tmp_path, model=model, progress=False)
    first = (tmp_path / "trajectory.dcd").read_bytes()
    run(_config(length_ps=0.2), tmp_path, model=model, resume=True, progress=False)
    second = (tmp_path / "trajectory.dcd").read_bytes()
    assert second[276 : len(first)] == first[276:]
    assert len(read_table(tmp_path / "thermo.csv")["time_ps"]) == 4 + 20


def test_another_model_is_refused(
    tmp_path: Path, model: Model, tiny_config: PotentialConfig
) -> None:
    run(QUICK, tmp_path, model=model, progress=False)
    other = Classical(Potential(tiny_config, seed=1), model.card)
    with pytest.raises(SimulationError, match="the model is not the one"):
        run(_config(length_ps=0.2), tmp_path, model=other, resume=True, progress=False)


def test_folder_of_other_things_is_left_alone(tmp_path: Path, model: Model) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(SimulationError, match="is not empty, and holds no run"):
        run(QUICK, tmp_path, model=model)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_one_process_a_folder(tmp_path: Path, model: Model) -> None:
    with locked(tmp_path), pytest.raises(SimulationError, match="another process is running"):
        run(QUICK, tmp_path, model=model)


def test_ctrl_c_saves_and_says_how_to_go_on(
    tmp_path: Path, model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    pressed = []

    def press(*_: object) -> None:
        if not pressed:
            os.kill(os.getpid(), signal.SIGINT)
        pressed.append(True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openmm_innff.simulation.display.Display.show", press)
        with pytest.raises(KeyboardInterrupt):
            run(QUICK, tmp_path, model=model)
    assert len(pressed) == 2  # the block in flight is finished
    shown = capfd.readouterr().out
    assert "Stopped after" in shown
    assert resume_command(tmp_path) in shown
    assert (tmp_path / "checkpoint.json").is_file()
    run(load_recipe(tmp_path / "recipe.toml"), tmp_path, model=model, resume=True, progress=False)
    assert len(read_table(tmp_path / "thermo.csv")["time_ps"]) == 4 + 10


def test_structure_from_a_pdb_file(tmp_path: Path, model: Model) -> None:
    run(_config(pressure_bar=1.0, rdf_pairs=()), tmp_path / "first", model=model, progress=False)
    start = tmp_path / "first" / "topology.pdb"
    config = _config(waters=None, structure=str(start))
    run(config, tmp_path / "second", model=model, progress=False)
    assert "30 water" not in (tmp_path / "second" / "report.html").read_text()
    with pytest.raises(ConfigError, match="structure: can't read"):
        run(_config(waters=None, structure="none.pdb"), tmp_path / "third", model=model)


def test_steps_must_come_from_somewhere(tmp_path: Path, model: Model) -> None:
    bare = dataclasses.replace(model, card=dataclasses.replace(model.card, safe_steps=None))
    with pytest.raises(ConfigError, match="outer_step_fs, inner_step_fs: wanted both"):
        run(QUICK, tmp_path, model=bare)
    config = _config(outer_step_fs=1.0, inner_step_fs=0.5)
    run(config, tmp_path, model=bare, progress=False)


def test_schedule_is_in_whole_steps() -> None:
    schedule = make_schedule(_config(report_every_fs=20.0, checkpoint_every_ps=1.0), 3.0, 2)
    assert schedule.block_steps == 14
    assert schedule.step_fs == 1.5
    assert schedule.checkpoint_blocks == 48
    assert [stage.blocks for stage in schedule.stages] == [2, 5]
    assert len(make_schedule(_config(equilibration_ps=0.0), 1.0, 2).stages) == 1


def test_platforms() -> None:
    assert prepare_machine("CPU", "single").platform.getName() == "CPU"
    assert prepare_machine("auto", "single").platform.getName() in ("CUDA", "Reference")
    with pytest.raises(BackendError, match="platform: wanted Abacus"):
        prepare_machine("Abacus", "single")
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


KILLED = """
import os, sys
from openmm_innff.recipe import load_recipe
from openmm_innff.simulation import display, run
rows = []
def show(self, sample):
    rows.append(sample)
    if len(rows) == 5: os._exit(9)
display.Display.show = show
run(load_recipe(sys.argv[1]), sys.argv[2], progress=False)
"""


def _check_kill_and_resume(folder: Path, config: RunConfig) -> None:
    run(config, folder / "whole", progress=False)
    recipe, killed = str(folder / "whole" / "recipe.toml"), str(folder / "killed")
    done = subprocess.run([sys.executable, "-c", KILLED, recipe, killed], check=False)
    assert done.returncode == 9
    run(config, killed, resume=True, progress=False)
    whole = (folder / "whole" / "trajectory.dcd").read_bytes()
    assert (folder / "killed" / "trajectory.dcd").read_bytes()[260:] == whole[260:]


def test_killed_run_of_a_potential_resumes_bit_by_bit(
    tmp_path: Path, tiny_config: PotentialConfig
) -> None:
    path = Model(Potential(tiny_config), ModelCard("random")).save(tmp_path / "random.innff")
    config = _config(
        model=str(path),
        backend="python",
        outer_step_fs=0.5,
        inner_step_fs=0.25,
        report_every_fs=5.0,
        equilibration_ps=0.01,
        length_ps=0.03,
        checkpoint_every_ps=0.01,
        # Random forces hold no molecule together.
        max_bond_angstrom=1e3,
        max_temperature_K=1e6,
        rdf_pairs=(),
    )
    _check_kill_and_resume(tmp_path, config)


@pytest.mark.slow
@pytest.mark.skipif("water-pbe0" not in shipped_models(), reason="there is no shipped model")
def test_killed_run_of_the_shipped_model_resumes_bit_by_bit(tmp_path: Path) -> None:
    config = _config(
        waters=50,
        backend="python",
        equilibration_ps=0.02,
        length_ps=0.04,
        checkpoint_every_ps=0.02,
        rdf_pairs=(),
    )
    _check_kill_and_resume(tmp_path, config)
