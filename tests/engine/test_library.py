"""Which build is loaded, and what happens where there is none."""

import logging
import os
import subprocess
import sys

import pytest

from openmm_innff.engine import library as module
from openmm_innff.errors import BackendError

EVALUATION = """
import torch
from openmm_innff.boxes import water_box
from openmm_innff.engine.library import library
from openmm_innff import load_model

topology, positions = water_box(64)
numbers = [atom.element.atomic_number for atom in topology.atoms()]
evaluator = load_model("water-pbe0").potential.evaluator("total", numbers, periodic=False)
energy, forces = evaluator(torch.tensor(positions), torch.zeros(3, 3))
print(library().level, float(energy), float(forces.abs().sum()))
"""


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
        assert numbers == pytest.approx(found[best], rel=1e-5)


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


def test_asking_for_what_is_not_there_is_an_error(nothing_built):
    assert module.resolve_engine("torch") == "torch"
    with pytest.raises(BackendError, match=r"engine 'compiled' was not built .* C\+\+ compiler"):
        module.resolve_engine("compiled")
    with pytest.raises(
        BackendError, match="engine must be one of auto, compiled, torch, found 'c'"
    ):
        module.resolve_engine("c")
