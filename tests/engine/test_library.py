"""Which build is loaded, and what happens where there is none."""

import logging
import os
import subprocess
import sys

import pytest
import torch

from openmm_innff.engine import library as module
from openmm_innff.errors import BackendError

EVALUATION = '''
import torch
from openmm_innff.boxes import water_box
from openmm_innff.engine.library import library
from openmm_innff.neighbors import find_pairs
from openmm_innff.potential import ComponentConfig
from openmm_innff.potential.component import Component
from openmm_innff.potential.trainable import component_forces
from openmm_innff import load_model

torch.set_num_threads(1)
topology, positions = water_box(64)
numbers = [atom.element.atomic_number for atom in topology.atoms()]
evaluator = load_model("water-pbe0").potential.evaluator("total", numbers, periodic=False)
energy, forces = evaluator(torch.tensor(positions), torch.zeros(3, 3))


def gradient_norm(l_max, channels):
    """Of a loss by the parameters, in double precision; sizes that fill no register."""
    sizes = dict(channels=channels, l_max=l_max, nodes=7, projections=22, intervals=5)
    config = ComponentConfig(4.0, **sizes)
    component = Component(config, [1, 8], True, torch.Generator().manual_seed(0)).double()
    here = torch.tensor(positions[:30]).double()
    species = torch.arange(30) // 20
    pairs = find_pairs(here, torch.zeros(3, 3).double(), False, 4.0)
    energies, forces = component_forces(component, here, pairs, species, differentiable=True)
    loss = energies.sin().sum() + forces.tanh().square().sum()
    gradients = torch.autograd.grad(loss, list(component.parameters()))
    return float(sum(g.square().sum() for g in gradients))


norms = [gradient_norm(l_max, channels) for l_max in range(3) for channels in (1, 5)]
print(library().level, float(energy), float(forces.abs().sum()), *norms)
'''


def run_with_level(level: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EVALUATION],
        env={**os.environ, "INNFF_CPU_LEVEL": level},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("compiled")
def test_all_builds_that_run_here_give_the_same_numbers():
    best = module.library().level
    levels = list(module.LEVELS)
    found = {}
    for level in levels[levels.index(best) :]:
        done = run_with_level(level)
        assert done.returncode == 0, done.stderr
        name, *numbers = done.stdout.split()
        assert name == level
        found[level] = [float(number) for number in numbers]
    for numbers in found.values():
        assert numbers[:2] == pytest.approx(found[best][:2], rel=1e-5)  # single precision
        assert numbers[2:] == pytest.approx(found[best][2:], rel=1e-10)


def test_an_unknown_level_is_refused():
    done = run_with_level("v9")
    assert "INNFF_CPU_LEVEL: wanted one of v4, v3, baseline, found 'v9'" in done.stderr


@pytest.fixture
def nothing_built(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_folders", lambda: [tmp_path])
    module.library.cache_clear()
    yield tmp_path
    module.library.cache_clear()


def test_torch_is_used_where_nothing_was_built_and_one_line_says_so(nothing_built, caplog):
    with caplog.at_level(logging.WARNING, logger="openmm_innff"):
        for _ in range(3):
            assert module.resolve_engine("auto") == "torch"
    (record,) = caplog.records
    assert "no compiled engine, PyTorch is used instead" in record.message
    assert "for want of a C++ compiler" in record.message


def test_a_broken_library_is_named(nothing_built, caplog, monkeypatch):
    (nothing_built / "innff_baseline.so").write_bytes(b"not a library")
    assert module.resolve_engine("auto") == "torch"
    assert "it can't be loaded" in caplog.text


def test_an_evaluator_without_the_library_works_in_torch(tiny_potential, nothing_built, caplog):
    points = torch.tensor([[0.0, 0, 0], [1.0, 0, 0]], dtype=torch.float64)
    with caplog.at_level(logging.WARNING, logger="openmm_innff"):
        energies = [
            tiny_potential.evaluator("total", [8, 1], periodic=False, engine=engine)(
                points, torch.zeros(3, 3)
            )[0]
            for engine in ("auto", "torch")
        ]
    assert energies[0] == energies[1]
    assert len(caplog.records) == 1
    with pytest.raises(BackendError, match="engine 'compiled' was not built"):
        tiny_potential.evaluator("total", [8, 1], periodic=False, engine="compiled")


def test_asking_for_what_is_not_there_is_an_error(nothing_built):
    assert module.resolve_engine("torch") == "torch"
    with pytest.raises(BackendError, match=r"engine 'compiled' was not built .* C\+\+ compiler"):
        module.resolve_engine("compiled")
    with pytest.raises(
        BackendError, match="engine must be one of auto, compiled, torch, found 'c'"
    ):
        module.resolve_engine("c")
