"""Trainings with fewer data: the same length, nested frames, resumable."""

import dataclasses

import pytest

from openmm_innff import cli
from openmm_innff.errors import ConfigError, DataError
from openmm_innff.modelfile import read_model
from openmm_innff.training import train, train_sizes
from openmm_innff.training.learning_curve import with_frames
from openmm_innff.training.trainer import Trainer


def test_models_of_several_sizes_say_how_many_frames_they_saw(small_config, tmp_path):
    models = train_sizes(small_config, [9, 3], tmp_path, progress=False)
    assert [path.parent.name for path in models] == ["3-frames", "9-frames"]
    assert [read_model(path)[1].training["frames"] for path in models] == [3, 9]
    assert len({read_model(path)[1].data_sha256 for path in models}) == 2


def test_fewer_frames_are_shown_more_often(small_config):
    fewer = with_frames(small_config, 3, 9)
    assert fewer.data.frames == 3
    assert fewer.optimizer.joint_epochs == 3 * small_config.optimizer.joint_epochs
    assert with_frames(small_config, 9, 9).optimizer == small_config.optimizer


def test_all_frames_make_the_same_model_as_no_choice(small_config, tmp_path):
    (chosen,) = train_sizes(small_config, [9], tmp_path / "curve", progress=False)
    plain = train(small_config, tmp_path / "plain", progress=False)
    assert read_model(chosen)[1].data_sha256 == read_model(plain)[1].data_sha256


def test_a_stopped_curve_goes_on_where_it_was(small_config, tmp_path, monkeypatch):
    step, seen = Trainer.train_step, []

    def interrupted(self, batch):
        step(self, batch)
        seen.append(len(self.training))
        if len(self.training) == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_sizes(small_config, [3, 9], tmp_path, progress=False)
    finished = tmp_path / "3-frames" / "springs.innff"
    steps = []
    monkeypatch.setattr(
        Trainer, "train_step", lambda self, batch: (steps.append(1), step(self, batch))
    )
    models = train_sizes(small_config, [3, 9], tmp_path, resume=True, progress=False)
    assert models[0] == finished
    whole = 3 * (small_config.optimizer.fast_epochs + small_config.optimizer.joint_epochs)
    assert len(steps) == whole - 1  # of nine frames in batches of four, less the one that was done


@pytest.mark.parametrize("sizes", [[3, 3], [10], [0]])
def test_sizes_that_make_no_curve_are_refused(small_config, tmp_path, sizes):
    with pytest.raises(ConfigError, match="sizes: wanted different numbers of frames from 1 to 9"):
        train_sizes(small_config, sizes, tmp_path, progress=False)


def test_more_frames_than_there_are_is_an_error(small_config, tmp_path):
    data = dataclasses.replace(small_config.data, frames=99)
    with pytest.raises(DataError, match=r"data.frames: wanted 0 to 9, found 99"):
        train(dataclasses.replace(small_config, data=data), tmp_path, progress=False)


def test_the_command_passes_sizes_on(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("openmm_innff.training.load_config", lambda path, base: path)
    monkeypatch.setattr("openmm_innff.training.train_sizes", lambda *a, **k: calls.append((a, k)))
    assert cli.main(["train", "x.toml", "--sizes", "3", "9", "--out", str(tmp_path)]) == 0
    (((_, sizes, out), options),) = calls
    assert (sizes, out, options) == ([3, 9], tmp_path, {"resume": False, "base": None})
