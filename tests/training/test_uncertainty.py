"""The uncertainty that training data give a model: of the right size, and larger away from them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.data import atomic_masses
from ase.io import read, write

from openmm_innff import cli
from openmm_innff.data import Frame
from openmm_innff.errors import DataError
from openmm_innff.model import load_model
from openmm_innff.potential import Potential, PotentialConfig
from openmm_innff.potential.uncertainty import Uncertainty, UncertaintyEvaluator
from openmm_innff.training import train
from openmm_innff.training.batch import make_batch
from openmm_innff.training.uncertainty import calibrate_uncertainty
from tests.conftest import water_positions

NOISE = 0.1  # eV/A
TRAINING = 30
NUMBERS = np.array([8, 1, 1] * 8)


def noisy_frame(potential: Potential, seed: int) -> Frame:
    """Eight waters with the potential's own labels, and noise on them."""
    random = np.random.default_rng(seed)
    positions = water_positions(2, 3.1, seed)
    evaluator = potential.evaluator("total", NUMBERS, periodic=False)
    energy, forces = evaluator(torch.tensor(positions), torch.zeros(3, 3))
    return Frame(
        numbers=NUMBERS,
        positions=positions,
        cell=np.zeros((3, 3)),
        periodic=False,
        energy=float(energy) + potential.reference_energy(NUMBERS) + random.normal(0.0, NOISE),
        forces=forces.numpy() + random.normal(0.0, NOISE, positions.shape),
    )


def batches(potential: Potential, frames: list[Frame]):
    masses = torch.tensor(atomic_masses[NUMBERS])
    return [make_batch(potential, frame, masses, torch.float32) for frame in frames]


@pytest.fixture(scope="module")
def potential(tiny_config: PotentialConfig) -> Potential:
    return Potential(tiny_config, seed=1)


@pytest.fixture(scope="module")
def known(potential: Potential) -> Uncertainty:
    sets = batches(potential, [noisy_frame(potential, seed) for seed in range(TRAINING + 10)])
    return calibrate_uncertainty(potential, sets[:TRAINING], sets[TRAINING:])


def doubts(potential: Potential, known: Uncertainty, positions: np.ndarray, members: int = 32):
    made = UncertaintyEvaluator(potential, known, NUMBERS, periodic=False, members=members)
    return made(positions)


def test_uncertainties_are_as_large_as_the_errors(potential, known) -> None:
    forces, energies = [], []
    for seed in range(100, 120):
        frame = noisy_frame(potential, seed)
        evaluator = potential.evaluator("total", NUMBERS, periodic=False)
        energy, force = evaluator(torch.tensor(frame.positions), torch.zeros(3, 3))
        said = doubts(potential, known, frame.positions)
        forces.append((force.numpy() - frame.forces) / said.forces[:, None])
        error = float(energy) + potential.reference_energy(NUMBERS) - frame.energy
        energies.append(error / said.energy)
    assert np.sqrt(np.mean(np.square(forces))) == pytest.approx(1.0, abs=0.2)
    assert np.sqrt(np.mean(np.square(energies))) == pytest.approx(1.0, abs=0.5)


def test_atoms_where_no_data_were_are_uncertain_and_outside(potential, known) -> None:
    positions = water_positions(2, 3.1, 100)
    usual = doubts(potential, known, positions)
    before = positions[1].copy()
    positions[1] += 0.5 * (positions[1] - positions[0])
    found = doubts(potential, known, positions)
    assert int(np.argmax(found.forces)) in (0, 1, 2)
    assert (found.forces[:3] > 1.5 * usual.forces[:3]).all()
    assert found.outside[1] > usual.outside[1] + 2
    distances = [np.linalg.norm(positions - place, axis=1) for place in (before, positions[1])]
    far = np.minimum(*distances) > 4.0  # the cutoff
    assert far.any()
    assert np.allclose(found.energies[far], usual.energies[far], rtol=1e-3)


def test_training_frames_are_inside(potential, known) -> None:
    for seed in range(0, TRAINING, 5):
        assert doubts(potential, known, water_positions(2, 3.1, seed), 1).outside.sum() == 0


def test_the_largest_is_that_of_the_validation_frames(potential, known) -> None:
    found = [
        doubts(potential, known, water_positions(2, 3.1, s), 8)
        for s in range(TRAINING, TRAINING + 10)
    ]
    assert known.largest == pytest.approx(max(f.forces.max() for f in found), rel=1e-4)


def test_planar_molecules_say_nothing_across_their_plane(potential, known) -> None:
    """Force, its error and its derivatives are exactly zero there; they have no ratio."""
    training = [noisy_frame(potential, seed) for seed in range(TRAINING)]
    flat = noisy_frame(potential, TRAINING)
    positions = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    flat = dataclasses.replace(
        flat, numbers=NUMBERS[:3], positions=positions,
        forces=flat.forces[:3] * [1.0, 1.0, 0.0], energy=flat.energy / 8,
    )  # fmt: skip
    masses = torch.tensor(atomic_masses[NUMBERS[:3]])
    held_out = [make_batch(potential, flat, masses, torch.float32)]
    held_out += batches(potential, [noisy_frame(potential, TRAINING)])
    found = calibrate_uncertainty(potential, batches(potential, training), held_out)
    assert np.isfinite([found.force_scale, found.energy_scale, found.largest]).all()


def test_it_is_the_same_again(potential, known) -> None:
    frames = [noisy_frame(potential, seed) for seed in range(TRAINING + 10)]
    before = {name: values.clone() for name, values in potential.state_dict().items()}
    sets = batches(potential, frames)
    again = calibrate_uncertainty(potential, sets[:TRAINING], sets[TRAINING:])
    assert torch.equal(again.draws, known.draws)
    assert again.force_scale == known.force_scale
    assert all(torch.equal(before[k], v) for k, v in potential.state_dict().items())


def test_it_needs_frames(potential) -> None:
    with pytest.raises(DataError, match="wanted some for training and for validation"):
        calibrate_uncertainty(potential, batches(potential, [noisy_frame(potential, 0)]), [])


def test_training_calibrates_and_the_command_does_the_same(small_config, tmp_path, capsys) -> None:
    path = train(small_config, tmp_path / "run", progress=False)
    trained = load_model(path)
    assert trained.uncertainty is not None
    assert trained.uncertainty.origin["training_frames"] == 9

    bare = dataclasses.replace(trained, uncertainty=None).save(tmp_path / "bare.innff")
    data, held_out = str(small_config.data.train), str(small_config.data.validation)
    words = ["calibrate", str(bare), "--data", data, "--validation", held_out]
    assert cli.main(words) == 0
    assert "meV/A" in capsys.readouterr().out
    found = load_model(bare)
    assert found.card == trained.card
    assert torch.equal(found.uncertainty.draws, trained.uncertainty.draws)
    assert found.uncertainty.origin == trained.uncertainty.origin
    for name, values in found.potential.state_dict().items():
        assert torch.equal(values, trained.potential.state_dict()[name])


def test_the_command_says_when_the_data_are_others(small_config, tmp_path, capsys) -> None:
    path = train(small_config, tmp_path / "run", progress=False)
    frames = read(small_config.data.train, ":")
    write(tmp_path / "half.xyz", frames[::2], format="extxyz")
    out = tmp_path / "new.innff"
    assert cli.main(["calibrate", str(path), "--data", str(tmp_path / "half.xyz"),
                     "--validation", "0.3", "--out", str(out)]) == 0  # fmt: skip
    assert "not the frames" in capsys.readouterr().out
    assert out.is_file()


def test_a_shipped_model_is_not_overwritten(capsys) -> None:
    assert cli.main(["calibrate", "water-pbe0", "--data", "x.xyz"]) == 2
    assert "--out FILE" in capsys.readouterr().err


def test_a_file_that_is_missing_leaves_the_model_alone(small_config, tmp_path: Path) -> None:
    path = train(small_config, tmp_path / "run", progress=False)
    before = path.read_bytes()
    assert cli.main(["calibrate", str(path), "--data", str(tmp_path / "none.xyz")]) == 2
    assert path.read_bytes() == before


def test_some_of_the_frames_tell_about_as_much(potential, known) -> None:
    sets = batches(potential, [noisy_frame(potential, seed) for seed in range(TRAINING + 10)])
    some = calibrate_uncertainty(potential, sets[:TRAINING], sets[TRAINING:], most=TRAINING // 2)
    assert some.origin["training_frames"] == TRAINING // 2
    torch.testing.assert_close((some.low, some.high), (known.low, known.high))  # of all frames
    positions = water_positions(2, 3.1, 99)
    few, all_of_them = (
        float(np.mean(doubts(potential, found, positions).forces)) for found in (some, known)
    )
    assert few == pytest.approx(all_of_them, rel=0.5)
