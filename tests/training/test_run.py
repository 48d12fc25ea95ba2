"""Whole training runs: they learn, they resume exactly, they fail with clear words."""

import csv
import dataclasses
import signal

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from openmm_innff.data import read_frames, split_frames
from openmm_innff.errors import ConfigError, DataError, SimulationError
from openmm_innff.model import load_model
from openmm_innff.modelfile import read_model, read_uncertainty
from openmm_innff.potential import EquivariantConfig
from openmm_innff.training import load_config, train, trainer
from openmm_innff.training.calibrate import calibrate
from openmm_innff.training.config import DataConfig, UncertaintyConfig
from openmm_innff.training.predict import predict
from openmm_innff.training.shift import smallest_shift
from openmm_innff.training.start import composition, continued_potential
from openmm_innff.training.trainer import Trainer


def with_optimizer(config, **changes):
    return dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, **changes))


CONFIG = """
[data]
train = "springs.xyz"
[card]
name = "springs"
[fast]
cutoff = 2.0
[slow]
cutoff = 3
[optimizer]
fast_epochs = 1
"""


def weights(path):
    return read_model(path)[0].state_dict()


def test_training_learns_and_writes_everything(small_config, tmp_path):
    config = with_optimizer(small_config, fast_epochs=15, joint_epochs=25)
    model = train(config, tmp_path / "run", progress=False)
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert [row["stage"] for row in rows] == ["fast"] * 15 + ["joint"] * 25
    forces = [float(row["valid_force_rmse"]) for row in rows]
    assert forces[-1] < 0.3 * forces[0]
    assert (tmp_path / "run" / "learning_curve.png").stat().st_size > 10_000

    loaded = load_model(model)
    assert loaded.card.name == "springs"
    assert loaded.card.training["frames"] == 9
    assert loaded.card.errors["valid_force_rmse_meV_per_A"] == pytest.approx(forces[-1], rel=1e-3)


def test_distilling_leaves_the_whole_as_it_is_and_little_to_the_slow_part(small_config, tmp_path):
    forces = {}
    for epochs in (1, 30):
        config = dataclasses.replace(
            with_optimizer(small_config, fast_epochs=epochs, joint_epochs=15), distilled=True
        )
        path = train(config, tmp_path / f"{epochs}", progress=False)
        with (tmp_path / f"{epochs}" / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["stage"] for row in rows] == ["whole"] * 15 + ["distil"] * epochs
        errors = {float(row["valid_force_rmse"]) for row in rows[14:]}
        assert len(errors) == 1  # that of the whole
        forces[epochs] = float(rows[-1]["slow_force_rms"])
    assert forces[30] < 0.5 * forces[1]
    potential = load_model(path).potential
    frames = read_frames(small_config.data.train)
    fast, slow, total = (predict(potential, frames, part) for part in ("fast", "slow", "total"))
    for parts in zip(fast.forces, slow.forces, total.forces, strict=True):
        torch.testing.assert_close(parts[0] + parts[1], parts[2], atol=1e-5, rtol=0)


def test_a_second_layer_learns_and_bonds_of_hydrogen_are_left_to_the_fast_part(
    small_config, tmp_path
):
    pulls = {}
    for weight in (0.0, 30.0):
        config = dataclasses.replace(
            with_optimizer(small_config, fast_epochs=3, joint_epochs=25),
            slow=dataclasses.replace(small_config.slow, messages=3),
            smoothness=dataclasses.replace(small_config.smoothness, weight=0.0, bonds=weight),
        )
        model = load_model(train(config, tmp_path / f"{weight}", progress=False))
        assert model.potential.slow.layers[0].path_norms.std() > 0.0  # calibrated
        assert model.card.errors["valid_force_rmse_meV_per_A"] < 100.0
        pulls[weight] = abs(model.card.hydrogen_bond_forces["O"][1])
    assert pulls[30.0] < 0.3 * pulls[0.0]


def test_an_equivariant_whole_learns_and_knows_its_uncertainty(small_config, tmp_path):
    sizes = {"channels": 3, "features": 3, "nodes": 8, "radials": 3, "projections": 8}
    config = dataclasses.replace(
        with_optimizer(small_config, fast_epochs=1, joint_epochs=10),
        slow=EquivariantConfig(cutoff=3.0, **sizes),
        distilled=True,
    )
    path = train(config, tmp_path, progress=False)
    with (tmp_path / "log.csv").open() as file:
        errors = [float(row["valid_force_rmse"]) for row in csv.DictReader(file)]
    assert errors[9] < 0.5 * errors[0]
    assert read_uncertainty(path).force_scale > 0


def test_the_mean_energy_error_vanishes_on_the_training_frames(small_config, tmp_path):
    # All frames are (H2O)n, so one offset per atom is left, and it is fitted in the end.
    model = train(small_config, tmp_path / "run", progress=False)
    training, _ = split_frames(read_frames(small_config.data.train), 0.25, seed=0)
    found = predict(load_model(model).potential, training, precision="double").energies
    per_atom = (found - training.energies) / training.sizes
    assert abs(per_atom.mean()) < 1e-6


def test_the_shift_explains_energies_and_is_smallest():
    counts = torch.tensor([[2.0, 1.0], [4.0, 2.0], [6.0, 3.0]], dtype=torch.float64)
    shift = smallest_shift(counts, 7.0 * counts[:, 1])
    torch.testing.assert_close(counts @ shift, 7.0 * counts[:, 1])
    assert shift @ torch.tensor([1.0, -2.0], dtype=torch.float64) == pytest.approx(0.0, abs=1e-12)


def test_same_seed_same_model_other_seed_other_model(small_config, tmp_path):
    first, again, other = (
        weights(train(with_optimizer(small_config, seed=seed), tmp_path / name, progress=False))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("distilled", [False, True])
@pytest.mark.parametrize("stop_after", [4, 6, 12])
def test_an_interrupted_run_resumes_exactly(
    small_config, tmp_path, monkeypatch, stop_after, distilled
):
    """Ctrl-C after any step, in either stage: the resumed run ends with the same numbers."""
    small_config = dataclasses.replace(small_config, distilled=distilled)
    expected = weights(train(small_config, tmp_path / "whole", progress=False))
    step = Trainer.train_step
    steps = []

    def interrupted(self, batch):
        step(self, batch)
        steps.append(1)
        if len(steps) == stop_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(small_config, tmp_path / "cut", progress=False)
    found = weights(train(small_config, tmp_path / "cut", resume=True, progress=False))
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("whole", "cut")]
    assert len(logs[0]) == len(logs[1])


def test_ctrl_c_lets_the_step_finish_and_saves(small_config, tmp_path, monkeypatch):
    step = Trainer.train_step

    def pressed(self, batch):
        signal.raise_signal(signal.SIGINT)
        step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", pressed)
        with pytest.raises(KeyboardInterrupt):
            train(small_config, tmp_path / "run", progress=False)
    found = weights(train(small_config, tmp_path / "run", resume=True, progress=False))
    expected = weights(train(small_config, tmp_path / "whole", progress=False))
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_killed_run_goes_on_from_the_last_epoch(small_config, tmp_path, monkeypatch):
    expected = weights(train(small_config, tmp_path / "whole", progress=False))
    step = Trainer.train_step

    def killed(self, batch):
        if self.stage == "joint" and self.epoch == 1:
            raise SystemExit  # no chance to save
        step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", killed)
        with pytest.raises(SystemExit):
            train(small_config, tmp_path / "cut", progress=False)
    found = weights(train(small_config, tmp_path / "cut", resume=True, progress=False))
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_folder_in_use_is_not_overwritten(small_config, tmp_path):
    train(small_config, tmp_path / "run", progress=False)
    with pytest.raises(SimulationError, match="add --resume"):
        train(small_config, tmp_path / "run", progress=False)
    other = with_optimizer(small_config, learning_rate=1e-3)
    with pytest.raises(SimulationError, match="other settings or data"):
        train(other, tmp_path / "run", resume=True, progress=False)


def test_resume_needs_a_whole_checkpoint(small_config, tmp_path):
    with pytest.raises(SimulationError, match="no checkpoint to resume from"):
        train(small_config, tmp_path / "run", resume=True, progress=False)
    train(small_config, tmp_path / "run", progress=False)
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    with pytest.raises(SimulationError, match="damaged"):
        train(small_config, tmp_path / "run", resume=True, progress=False)


def test_a_loss_that_is_not_finite_stops_the_run(small_config, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "openmm_innff.potential.component.Component.roughness", lambda _: torch.tensor(torch.nan)
    )
    with pytest.raises(SimulationError, match="the loss is nan in stage fast, step 0"):
        train(small_config, tmp_path / "run", progress=False)


def test_scales_are_those_of_all_kinds_of_frames(small_config, tmp_path, monkeypatch):
    """Single molecules first, then pairs: both have a say in what is normal."""
    frames = 7 * read(small_config.data.train, ":")
    write(small_config.data.train, sorted(frames, key=len), format="extxyz")
    sizes = []

    def calibrated(potential, part, sample, scale):
        sizes.append({len(batch.positions) for batch in sample})
        return calibrate(potential, part, sample, scale)

    monkeypatch.setattr(trainer, "calibrate", calibrated)
    train(small_config, tmp_path / "run", progress=False)
    assert sizes == [{3, 6}, {3, 6}]


def test_double_precision_and_a_single_stage(small_config, tmp_path):
    config = with_optimizer(small_config, dtype="float64", fast_epochs=0, joint_epochs=1)
    state = weights(train(config, tmp_path / "run", progress=False))
    assert state["slow.mixing.radial"].dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[optimizer]", "[optimiser]"), "optimiser: unknown entry; did you mean 'optimizer'"),
        (("fast_epochs", "fast_epoch"), r"optimizer\.fast_epoch: unknown entry; did you mean"),
        (("cutoff = 3", 'cutoff = "3"'), r"slow\.cutoff: wanted a number, found '3'"),
        (("cutoff = 3", "channels = 3"), r"missing: slow\.cutoff"),
        (('name = "springs"', ""), r"missing: card\.name"),
        (("[card]", "[card"), "not valid TOML"),
        (('"springs.xyz"', '"$NO_SUCH_VARIABLE/x.xyz"'), "the environment has no variable"),
    ],
)
def test_mistakes_in_the_configuration_are_named(tmp_path, change, message):
    file = tmp_path / "config.toml"
    file.write_text(CONFIG.replace(*change))
    with pytest.raises(ConfigError, match=message):
        load_config(file)


def test_uncertainty_from_a_number_of_frames(small_config, tmp_path):
    few = dataclasses.replace(small_config, uncertainty=UncertaintyConfig(frames=4))
    known = load_model(train(few, tmp_path / "run", progress=False)).known_uncertainty()
    assert known.origin["training_frames"] == 4
    with pytest.raises(ConfigError, match=r"uncertainty\.frames: wanted 0 or more, found -1"):
        dataclasses.replace(small_config, uncertainty=UncertaintyConfig(frames=-1))


def test_configuration_is_read_with_paths_relative_to_it(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    config = load_config(file)
    assert config.data.train == str(tmp_path / "springs.xyz")
    assert config.slow.cutoff == 3.0
    assert config.optimizer.fast_epochs == 1
    assert dataclasses.asdict(config)["smoothness"]["tau_fs"] == 2.0


# -- from another model ---------------------------------------------------------------------------


@pytest.fixture
def base(small_config, tmp_path):
    config = with_optimizer(small_config, fast_epochs=15, joint_epochs=40)
    return load_model(train(config, tmp_path / "base", progress=False))


@pytest.fixture
def other_level(small_config, tmp_path):
    """Three frames of the same molecules at another level: each oxygen has 7 eV more."""
    frames = read(small_config.data.train, index="0:3")
    for atoms in frames:
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        energy += 7.0 * atoms.get_chemical_symbols().count("O")
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    path = tmp_path / "other.xyz"
    write(path, frames, format="extxyz")
    data = DataConfig(train=str(path), validation=small_config.data.train)
    return dataclasses.replace(with_optimizer(small_config, joint_epochs=1), data=data)


def test_training_goes_on_from_a_model(base, other_level, tmp_path):
    model = load_model(train(other_level, tmp_path / "run", progress=False, base=base))
    before = base.card.errors["valid_force_rmse_meV_per_A"]
    assert model.card.errors["valid_force_rmse_meV_per_A"] < 2.0 * before
    scratch = load_model(train(other_level, tmp_path / "scratch", progress=False))
    assert scratch.card.errors["valid_force_rmse_meV_per_A"] > 5.0 * before
    assert model.card.training["from"] == "springs"
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["joint"]  # no stage of the fast part


def test_it_takes_the_constants_between_two_levels_from_the_data(base, other_level):
    frames = read_frames(other_level.data.train)
    shifted = continued_potential(other_level, base.potential, frames)
    change = shifted.reference_energies - base.potential.reference_energies
    np.testing.assert_allclose(
        composition(shifted, frames) @ change, 7.0 * frames.counts(["O"])[:, 0], atol=0.05
    )


def test_a_base_model_must_know_the_elements(base, other_level, tmp_path):
    path = tmp_path / "nitrogen.xyz"
    atoms = Atoms("N2", [[0, 0, 0], [0, 0, 1.1]])
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((2, 3)))
    write(path, [atoms] * 2, format="extxyz")
    config = dataclasses.replace(other_level, data=DataConfig(train=str(path), validation=0.5))
    with pytest.raises(
        DataError, match=r"wanted elements that the base model knows \(H O\), found N"
    ):
        train(config, tmp_path / "run", progress=False, base=base)


def test_a_file_for_a_base_model_has_no_parts_of_its_own(base, tmp_path, small_config):
    path = tmp_path / "tune.toml"
    path.write_text('[data]\ntrain = "a.xyz"\n[card]\nname = "tuned"\n')
    config = load_config(path, base.potential.config)
    assert (config.fast, config.slow) == (small_config.fast, small_config.slow)
    path.write_text(path.read_text() + "[slow]\ncutoff = 3\n")
    with pytest.raises(ConfigError, match="slow: the base model says what it is"):
        load_config(path, base.potential.config)


def test_a_run_from_one_model_does_not_resume_from_another(base, other_level, tmp_path):
    train(other_level, tmp_path / "run", progress=False, base=base)
    with pytest.raises(SimulationError, match="written with other settings or data"):
        train(other_level, tmp_path / "run", resume=True, progress=False)
