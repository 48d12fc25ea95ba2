"""Uncertainties of a running simulation: rows, warnings, a stop with the frame saved."""

import csv
import warnings
from pathlib import Path

import numpy as np
import openmm
import pytest
from ase.io import read
from openmm import app, unit

from openmm_innff.boxes import water_box
from openmm_innff.errors import ConfigError, ModelFileError, SimulationError
from openmm_innff.files import FileWriteError
from openmm_innff.model import Model, load_model
from openmm_innff.modelfile import ModelCard
from openmm_innff.potential import Potential
from openmm_innff.trust import Monitor, UncertaintyReporter
from openmm_innff.trust.reporter import COLUMNS, UncertaintyWarning

MODEL = load_model("water-pbe0")
TOPOLOGY, POSITIONS = water_box(40, seed=1)
BOX = np.array(TOPOLOGY.getPeriodicBoxVectors().value_in_unit(unit.angstrom))


@pytest.fixture(scope="module")
def monitor() -> Monitor:
    return Monitor(MODEL, TOPOLOGY, members=4)


def simulation(pressure: bool = False) -> app.Simulation:
    """Forty waters on a grid, from which they relax."""
    system = MODEL.create_system(TOPOLOGY, split=False, mollified=False)
    if pressure:
        barostat = openmm.MonteCarloBarostat(1000.0, 300.0, 2)
        barostat.setRandomNumberSeed(1)
        system.addForce(barostat)
    integrator = openmm.LangevinMiddleIntegrator(300.0, 10.0, 0.0005)
    integrator.setRandomNumberSeed(1)
    platform = openmm.Platform.getPlatformByName("CPU")
    made = app.Simulation(TOPOLOGY, system, integrator, platform)
    made.context.setPositions(POSITIONS * 0.1)
    return made


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_what_the_monitor_says_of_the_frames(tmp_path, monitor) -> None:
    running = simulation()
    reporter = UncertaintyReporter(tmp_path / "u.csv", 4, MODEL, TOPOLOGY, limit=1e3, members=4)
    running.reporters.append(reporter)
    running.step(10)
    found = rows(tmp_path / "u.csv")
    assert list(found[0]) == list(COLUMNS)
    assert [row["step"] for row in found] == ["4", "8"]
    assert float(found[1]["time_ps"]) == pytest.approx(0.004)

    running.step(2)
    state = running.context.getState(positions=True)
    reading = monitor.read(state.getPositions(asNumpy=True).value_in_unit(unit.angstrom), BOX)
    last = rows(tmp_path / "u.csv")[-1]
    assert float(last["largest_force_uncertainty_eV_per_A"]) == pytest.approx(
        reading.force, abs=1e-4
    )
    assert int(last["atom"]) == reading.atom
    assert int(last["inputs_outside"]) == reading.outside
    assert reading.mean_force < reading.force


def test_rows_can_be_added_to_a_table(tmp_path) -> None:
    for append in (False, True):
        running = simulation()
        running.reporters.append(
            UncertaintyReporter(
                tmp_path / "u.csv", 1, MODEL, TOPOLOGY, limit=1e3, members=1, append=append
            )
        )
        running.step(1)
    assert len(rows(tmp_path / "u.csv")) == 2


def test_a_stretched_bond_is_found(monitor) -> None:
    usual = monitor.read(POSITIONS, BOX)
    moved = POSITIONS.copy()
    atom = next(bond[1].index for bond in TOPOLOGY.bonds() if bond[1].index > 60)
    partner = next(bond[0].index for bond in TOPOLOGY.bonds() if bond[1].index == atom)
    moved[atom] += 0.6 * (moved[atom] - moved[partner])
    found = monitor.read(moved, BOX)
    assert found.atom in (atom, partner)
    assert found.force > 3.0 * usual.by_atom.forces[[atom, partner]].max()
    assert found.outside > usual.outside
    assert f"atom {found.atom}" in monitor.describe(found)


def test_images_of_atoms_do_not_matter(monitor) -> None:
    wanted = monitor.read(POSITIONS, BOX)
    images = np.random.default_rng(1).integers(-3, 4, POSITIONS.shape) @ BOX
    found = monitor.read(POSITIONS + images, BOX)
    assert np.allclose(found.by_atom.forces, wanted.by_atom.forces, rtol=1e-3)
    assert (found.atom, found.outside) == (wanted.atom, wanted.outside)


def test_the_box_of_each_frame_counts(tmp_path) -> None:
    running = simulation(pressure=True)
    running.reporters.append(
        UncertaintyReporter(tmp_path / "u.csv", 10, MODEL, TOPOLOGY, limit=1e3, members=4)
    )
    running.step(10)
    state = running.context.getState(positions=True)
    box = state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.angstrom)
    assert abs(box - BOX).max() > 1e-3
    positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    right = Monitor(MODEL, TOPOLOGY, members=4).read(positions, box)
    written = rows(tmp_path / "u.csv")[0]
    assert float(written["energy_uncertainty_eV"]) == pytest.approx(right.energy, abs=2e-5)


def test_beyond_the_limit_there_is_one_warning(tmp_path) -> None:
    running = simulation()
    running.reporters.append(
        UncertaintyReporter(tmp_path / "u.csv", 1, MODEL, TOPOLOGY, limit=1e-6, members=1)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        running.step(3)
    found = [w for w in caught if issubclass(w.category, UncertaintyWarning)]
    assert len(found) == 1
    assert "step 1: the force on atom" in str(found[0].message)
    assert len(rows(tmp_path / "u.csv")) == 3


def test_a_stop_saves_the_frame(tmp_path) -> None:
    running = simulation()
    running.reporters.append(
        UncertaintyReporter(
            tmp_path / "u.csv", 2, MODEL, TOPOLOGY, limit=1e-6, members=2, stop=True
        )
    )
    with pytest.raises(SimulationError, match=r"step 2: .*u\.xyz'"):
        running.step(10)
    assert running.currentStep == 2
    frame = read(tmp_path / "u.xyz")
    state = running.context.getState(positions=True)
    positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    assert np.allclose(frame.positions, positions, atol=1e-6)
    assert np.allclose(frame.cell, BOX, atol=1e-6)
    assert frame.pbc.all()
    assert frame.symbols[:3].get_chemical_formula() == "H2O"
    largest = float(rows(tmp_path / "u.csv")[0]["largest_force_uncertainty_eV_per_A"])
    assert frame.arrays["force_uncertainty"].max() == pytest.approx(largest, abs=1e-5)


def test_by_default_the_limit_is_three_times_what_validation_data_have(monitor) -> None:
    assert monitor.limit == pytest.approx(3.0 * MODEL.uncertainty.largest)
    with pytest.raises(ConfigError, match="limit: wanted more than 0"):
        Monitor(MODEL, TOPOLOGY, limit=0.0)


def test_part_of_a_system_can_be_watched(monitor) -> None:
    topology, positions = water_box(3, seed=1)
    atoms = [3, 4, 5]
    part = Monitor(MODEL, topology, atoms=atoms, members=4, periodic=False)
    found = part.read(positions)
    assert found.atom in atoms
    assert len(found.by_atom.forces) == 3


def test_an_uncalibrated_model_is_told_what_to_do(tiny_potential: Potential) -> None:
    with pytest.raises(ModelFileError, match="innff calibrate"):
        Monitor(Model(tiny_potential, ModelCard("tiny")), TOPOLOGY)


def test_a_table_that_cannot_be_written_is_an_error(tmp_path) -> None:
    with pytest.raises(FileWriteError, match="can't write"):
        UncertaintyReporter(tmp_path / "none" / "u.csv", 1, MODEL, TOPOLOGY)
