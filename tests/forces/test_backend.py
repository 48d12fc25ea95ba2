"""Which backend is chosen, from versions alone."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from openmm_innff.errors import BackendError
from openmm_innff.forces import backend as module


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Pretend that some versions are installed."""

    def pretend(openmm: str, openmmtorch: str | None, installer: str = "pip\n") -> None:
        wheel = SimpleNamespace(version=openmmtorch, read_text=lambda name: installer)
        monkeypatch.setattr(module.openmm, "__version__", openmm)
        monkeypatch.setattr(module.util, "find_spec", lambda name: openmmtorch)
        monkeypatch.setattr(module.metadata, "distribution", lambda name: wheel)
        monkeypatch.setattr(module, "load_openmmtorch", lambda: None)

    module.torch_obstacle.cache_clear()
    yield pretend
    module.torch_obstacle.cache_clear()


@pytest.mark.parametrize(
    ("openmm", "openmmtorch", "installer", "wanted"),
    [
        ("8.5.0", "1.5", "pip", "torch"),
        ("8.5.2", "1.5", "uv", "torch"),
        ("8.6", "1.5", "pip", "python"),
        ("8.6.1", "1.5", "uv", "python"),
        ("9.0.beta", "1.5", "pip", "python"),
        ("8.6.1", "1.5", "conda\n", "torch"),
        ("8.6.1", "1.6", "pip", "torch"),
        ("8.6.1", None, "pip", "python"),
    ],
)
def test_default_on_cuda(
    installed, monkeypatch, openmm: str, openmmtorch: str, installer: str, wanted: str
) -> None:
    installed(openmm, openmmtorch, installer)
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: True)
    assert module.default_backend() == wanted
    assert module.resolve_backend("auto") == wanted
    assert module.resolve_backend("python") == "python"


@pytest.mark.parametrize(("compiled", "wanted"), [(object(), "python"), (None, "torch")])
def test_default_on_the_cpu_needs_torch_only_without_the_compiled_engine(
    installed, monkeypatch, compiled: object, wanted: str
) -> None:
    installed("8.5.2", "1.5", "pip")
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(module, "library", lambda: compiled)
    assert module.default_backend() == wanted


def test_a_crash_is_refused_with_the_reason(installed) -> None:
    installed("8.6.1", "1.5")
    with pytest.raises(BackendError, match=r"1\.5 from PyPI is built for openmm 8\.5 .* 8\.6\.1;"):
        module.resolve_backend("torch")


def test_missing_openmmtorch(installed) -> None:
    installed("8.6.1", None)
    with pytest.raises(BackendError, match=r"openmmtorch is not installed\. Use backend='python'"):
        module.resolve_backend("torch")


def test_openmmtorch_for_another_torch(installed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ImportError("undefined symbol: c10")

    installed("8.5.2", "1.5")
    monkeypatch.setattr(module, "load_openmmtorch", fail)
    assert module.default_backend() == "python"
    with pytest.raises(BackendError, match=r"with torch .*\(undefined symbol: c10\)"):
        module.resolve_backend("torch")


@pytest.mark.parametrize(
    ("openmm", "cuda", "wanted"),
    [("8.5.2", True, "cpu"), ("8.6.1", True, "cuda"), ("8.6.1", False, "cpu")],
)
def test_device_of_the_python_backend(
    installed, monkeypatch: pytest.MonkeyPatch, openmm: str, cuda: bool, wanted: str
) -> None:
    installed(openmm, None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert module.python_device() == torch.device(wanted)


@pytest.mark.skipif(module.torch_obstacle() is not None, reason=f"{module.torch_obstacle()}")
def test_openmm_imported_before_torch(tmp_path: Path) -> None:
    """The kernels that failed to load with openmm are loaded later, and nothing is printed."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import openmm, torch
from openmm_innff.forces.backend import load_openmmtorch
class Zero(torch.nn.Module):
    def forward(self, x):
        return x.sum()
force = load_openmmtorch().TorchForce(torch.jit.script(Zero()))
system = openmm.System()
system.addParticle(1.0)
system.addForce(force)
platform = openmm.Platform.getPlatformByName("CPU")
openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
