"""The loop of a run, with OpenMM's own flexible water: exact resume, guards, full disks."""

import csv
import resource
import shutil
import struct
from pathlib import Path

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_innff.boxes import water_box
from openmm_innff.errors import SimulationError
from openmm_innff.files import FileWriteError
from openmm_innff.simulation.checkpoint import CHECKPOINT, load_checkpoint
from openmm_innff.simulation.engine import Engine, Schedule, Stage
from openmm_innff.simulation.guard import Guard, degrees_of_freedom
from openmm_innff.simulation.outputs import TABLE, TRAJECTORY, Sample

TOPOLOGY, POSITIONS = water_box(8, seed=1)
STAGES = (Stage("equilibration", 4, 20.0, False), Stage("production", 9, 1.0, True))
SCHEDULE = Schedule(step_fs=0.5, block_steps=4, checkpoint_blocks=3, stages=STAGES)


class Killed(Exception):
    """Stands for the end of the process: nothing of ours runs after it."""


def _integrator() -> openmm.CustomIntegrator:
    """Langevin dynamics in a CustomIntegrator, as the multiple-time-step ones are."""
    integrator = openmm.CustomIntegrator(0.0005)
    integrator.addGlobalVariable("friction", 1.0)
    integrator.addPerDofVariable("kept", 0.0)
    integrator.addUpdateContextState()
    integrator.addComputePerDof("v", "v + 0.5*dt*f/m")
    integrator.addComputePerDof("x", "x + 0.5*dt*v")
    noise = "sqrt((1 - exp(-2*friction*dt))*2.494/m)*gaussian"
    integrator.addComputePerDof("v", f"exp(-friction*dt)*v + {noise}")
    integrator.addComputePerDof("x", "x + 0.5*dt*v")
    integrator.addComputePerDof("v", "v + 0.5*dt*f/m")
    integrator.addComputePerDof("kept", "f")
    integrator.setRandomNumberSeed(7)
    return integrator


def _context(pressure: bool = True, integrator: openmm.Integrator | None = None) -> openmm.Context:
    system = app.ForceField("amber14/tip3pfb.xml").createSystem(
        TOPOLOGY, nonbondedMethod=app.CutoffPeriodic, nonbondedCutoff=0.3, rigidWater=False
    )
    if pressure:
        barostat = openmm.MonteCarloBarostat(1.0, 300.0, 7)
        barostat.setRandomNumberSeed(3)
        system.addForce(barostat)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, integrator or _integrator(), platform)
    context.setPositions(POSITIONS * 0.1)
    context.setVelocitiesToTemperature(300.0, 5)
    return context


def _engine(folder: Path, resume: bool = False, **changes: object) -> Engine:
    folder.mkdir(exist_ok=True)
    guard = changes.pop("guard", Guard.of(TOPOLOGY, 5000.0, 2.0))
    schedule = changes.pop("schedule", SCHEDULE)
    checkpoint = load_checkpoint(folder) if resume else None
    return Engine(_context(**changes), TOPOLOGY, schedule, guard, folder, checkpoint)


def _frames(folder: Path) -> bytes:
    """All of a trajectory but the date in its header."""
    data = (folder / TRAJECTORY).read_bytes()
    return data[:100] + data[260:]


def _rows(folder: Path) -> list[list[str]]:
    """All of a table but the speed."""
    with open(folder / TABLE, newline="") as file:
        return [row[:-1] for row in csv.reader(file)]


def _kill_after(blocks: int):
    seen = []

    def on_sample(sample: Sample) -> None:
        seen.append(sample)
        if len(seen) == blocks:
            raise Killed

    return on_sample


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert _engine(folder).run()
    return folder


def test_files_of_a_whole_run(whole: Path) -> None:
    rows = _rows(whole)
    assert rows[0] == [*Sample.__dataclass_fields__][:-1]
    assert [row[0] for row in rows[1:]] == ["equilibration"] * 4 + ["production"] * 9
    np.testing.assert_allclose([float(row[1]) for row in rows[5:]], 0.002 * np.arange(1, 10))
    trajectory = mdtraj.load_dcd(whole / TRAJECTORY, mdtraj.Topology.from_openmm(TOPOLOGY))
    assert trajectory.n_frames == 9
    bonds = mdtraj.compute_distances(trajectory, [[0, 1], [0, 2]], periodic=False)
    assert (abs(bonds - 0.1) < 0.03).all()
    assert len(list(whole.glob("*.chk"))) == 1


@pytest.mark.parametrize("blocks", [1, 2, 4, 5, 7, 12])
def test_killed_run_resumes_bit_by_bit(tmp_path: Path, whole: Path, blocks: int) -> None:
    with pytest.raises(Killed):
        _engine(tmp_path).run(_kill_after(blocks))
    assert _engine(tmp_path, resume=True).run()
    assert _frames(tmp_path) == _frames(whole)
    assert _rows(tmp_path) == _rows(whole)


def test_half_written_frame_is_cut_off(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(Killed):
        _engine(tmp_path).run(_kill_after(9))
    with open(tmp_path / TRAJECTORY, "r+b") as file:
        file.seek(8)
        file.write(struct.pack("<i", 77))
        file.seek(0, 2)
        file.write(b"half a frame")
    with open(tmp_path / TABLE, "a") as file:
        file.write("production,0.0")
    assert _engine(tmp_path, resume=True).run()
    assert _frames(tmp_path) == _frames(whole)
    assert _rows(tmp_path) == _rows(whole)


def test_stopping_writes_a_checkpoint_where_it_is(tmp_path: Path) -> None:
    assert not _engine(tmp_path).run(stop=lambda: len(_rows(tmp_path)) == 1 + 8)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint is not None
    assert (checkpoint.place.stage, checkpoint.place.block) == (1, 4)
    assert _engine(tmp_path, resume=True).run()
    assert len(_rows(tmp_path)) == 1 + 4 + 9


def test_longer_run_goes_on_from_a_finished_one(tmp_path: Path, whole: Path) -> None:
    short = Schedule(0.5, 4, 3, (STAGES[0], Stage("production", 6, 1.0, True)))
    assert _engine(tmp_path, schedule=short).run()
    assert _engine(tmp_path, resume=True).run()
    assert _frames(tmp_path) == _frames(whole)
    assert _engine(tmp_path, resume=True).run()  # nothing left to do
    assert _rows(tmp_path) == _rows(whole)


def test_plain_langevin_integrator_resumes_bit_by_bit(tmp_path: Path) -> None:
    def engine(folder: Path, resume: bool = False) -> Engine:
        integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.0005)
        integrator.setRandomNumberSeed(11)
        return _engine(folder, resume, pressure=False, integrator=integrator)

    assert engine(tmp_path / "whole").run()
    with pytest.raises(Killed):
        engine(tmp_path / "killed").run(_kill_after(8))
    assert engine(tmp_path / "killed", resume=True).run()
    assert _frames(tmp_path / "killed") == _frames(tmp_path / "whole")


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        (Guard.of(TOPOLOGY, 1.0, 2.0), r"the temperature is \d+ K, more than 1 K"),
        (Guard.of(TOPOLOGY, 5000.0, 0.9), r"the bond of atoms \d+ and \d+ is"),
    ],
)
def test_explosions_say_when_and_where_to_go_on(tmp_path: Path, guard: Guard, message: str) -> None:
    with pytest.raises(SimulationError, match=message) as caught:
        _engine(tmp_path, guard=guard).run()
    assert "before 0.002 ps of equilibration" in str(caught.value)
    assert f"last good checkpoint is at 0 ps of equilibration, in '{tmp_path}'" in str(caught.value)
    assert load_checkpoint(tmp_path) is not None


def test_nan_is_an_explosion(tmp_path: Path) -> None:
    context = _context()
    engine = Engine(context, TOPOLOGY, SCHEDULE, Guard.of(TOPOLOGY, 5000.0, 2.0), tmp_path)
    context.setVelocities(1e30 * POSITIONS)
    with pytest.raises(SimulationError, match="the run exploded"):
        engine.run()


def test_full_disk_leaves_the_last_checkpoint_whole(tmp_path: Path, whole: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(sample: Sample) -> None:
        # The next frames are beyond the largest file that the process may write.
        if sample.stage == "production" and sample.time_ps > 0.009:
            size = (tmp_path / TRAJECTORY).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))

    try:
        with pytest.raises(SimulationError, match=r"can't write .*File too large.*checkpoint is"):
            _engine(tmp_path).run(fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _engine(tmp_path, resume=True).run()
    assert _frames(tmp_path) == _frames(whole)


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / TRAJECTORY).mkdir()
    with pytest.raises(FileWriteError, match="can't write"):
        _engine(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path, whole: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    (copy / TRAJECTORY).write_bytes(b"")
    with pytest.raises(SimulationError, match=r"trajectory\.dcd' was changed"):
        _engine(copy, resume=True)
    next(copy.glob("*.chk")).write_bytes(b"other")
    with pytest.raises(SimulationError, match="is not the file that was written"):
        load_checkpoint(copy)
    (copy / CHECKPOINT).write_text('{"format": 99}')
    with pytest.raises(SimulationError, match="newer version: wanted format 1, found 99"):
        load_checkpoint(copy)
    (copy / CHECKPOINT).write_text("{")
    with pytest.raises(SimulationError, match="can't read the checkpoint"):
        load_checkpoint(copy)


def test_checkpoint_of_another_platform_is_refused(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    path = tmp_path / "copy" / CHECKPOINT
    path.write_text(path.read_text().replace('"Reference"', '"CUDA"'))
    with pytest.raises(SimulationError, match=r"platform CUDA .* found platform Reference"):
        _engine(tmp_path / "copy", resume=True)


@pytest.mark.parametrize(("rigid", "removed", "wanted"), [(True, True, 45), (False, False, 72)])
def test_degrees_of_freedom(rigid: bool, removed: bool, wanted: int) -> None:
    system = app.ForceField("amber14/tip3pfb.xml").createSystem(
        TOPOLOGY, rigidWater=rigid, removeCMMotion=removed
    )
    assert degrees_of_freedom(system) == wanted


def test_temperature_is_that_of_the_thermostat(tmp_path: Path) -> None:
    stage = Stage("production", 300, 200.0, False)
    rows: list[float] = []
    _engine(tmp_path, schedule=Schedule(0.5, 20, 1000, (stage,)), pressure=False).run(
        lambda sample: rows.append(sample.temperature_K)
    )
    assert np.mean(rows) == pytest.approx(300.0, abs=12.0)


def test_density(whole: Path) -> None:
    with open(whole / TABLE, newline="") as file:
        first = next(csv.DictReader(file))
    assert float(first["density_g_per_cm3"]) == pytest.approx(0.997, abs=0.05)
    box = TOPOLOGY.getUnitCellDimensions().value_in_unit(unit.angstrom)
    assert box[0] == pytest.approx(6.2, abs=0.1)
