"""When training steps are compiled; potential/test_equivariant tests that they are right."""

from dataclasses import replace

import pytest

from openmm_innff.errors import ConfigError
from openmm_innff.potential import ComponentConfig, EquivariantConfig, Potential, PotentialConfig
from openmm_innff.training import compiling
from openmm_innff.training.batch import make_batches
from openmm_innff.training.compiling import compile_steps
from openmm_innff.training.config import OptimizerConfig

SMALL = {"channels": 3, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
MANY = OptimizerConfig(joint_epochs=compiling.MANY_STEPS, batch_size=1)


@pytest.fixture
def made(monkeypatch) -> list:
    """What would have been compiled."""
    found: list = []
    monkeypatch.setattr(compiling, "compile_training", lambda *what: found.append(what[1:]))
    monkeypatch.setattr(compiling.shutil, "which", lambda name: f"/usr/bin/{name}")
    return found


@pytest.fixture
def potential() -> Potential:
    slow = EquivariantConfig(4.0, features=4, **SMALL)
    return Potential(PotentialConfig(("H", "O"), ComponentConfig(2.5, **SMALL), slow))


def test_many_steps_on_frames_of_one_composition_are_compiled(potential, water_box, made):
    frames = make_batches(potential, [water_box] * 2)
    assert compile_steps(potential, frames, replace(MANY, batch_size=2))
    ((counts, longest),) = made
    sizes = frames[0].slow.starts.diff()
    assert counts == [2 * 54, 2 * 27]
    assert longest % compiling.ROUND == 0
    assert longest - compiling.ROUND < int(sizes.max()) <= longest


def test_few_steps_are_not(potential, water_box, made):
    frames = make_batches(potential, [water_box])
    assert not compile_steps(potential, frames, replace(MANY, joint_epochs=10))
    assert not compile_steps(potential, frames, replace(MANY, compile="no"))
    assert compile_steps(potential, frames, replace(MANY, joint_epochs=10, compile="yes"))
    assert len(made) == 1


def test_frames_of_several_compositions_are_not(potential, water_box, made):
    half = replace(
        water_box, **{k: getattr(water_box, k)[:3] for k in ("numbers", "positions", "forces")}
    )
    frames = make_batches(potential, [water_box, half])
    assert not compile_steps(potential, frames, MANY)
    with pytest.raises(ConfigError, match=r"optimizer\.compile: .* found 2 compositions"):
        compile_steps(potential, frames, replace(MANY, compile="yes"))


def test_components_with_an_engine_of_their_own_are_not(tiny_potential, water_box, made):
    assert not compile_steps(tiny_potential, make_batches(tiny_potential, [water_box]), MANY)


def test_the_choice_is_checked():
    with pytest.raises(ConfigError, match=r"optimizer\.compile"):
        raise_if_wrong("perhaps")


def raise_if_wrong(choice: str) -> None:
    from openmm_innff.training.config import CardConfig, DataConfig, TrainingConfig

    part = ComponentConfig(2.5, **SMALL)
    TrainingConfig(
        DataConfig("a"), CardConfig("a"), part, part, optimizer=OptimizerConfig(compile=choice)
    )
