"""Which models there are, and the environments that hold their packages."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from peers.description import Model

ADAPTERS = ("innff", "mace", "ani", "deepmd", "nequip", "tip3p")
"""Modules of this package, in the order of the table."""

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def models() -> dict[str, Model]:
    """Return all models by name."""
    return {
        name: model
        for adapter in ADAPTERS
        for name, model in import_module(f"peers.{adapter}").MODELS.items()
    }


def adapter_of(name: str) -> str:
    """Return the module that builds a model."""
    for adapter in ADAPTERS:
        if name in import_module(f"peers.{adapter}").MODELS:
            return f"peers.{adapter}"
    raise SystemExit(f"--only: wanted some of {', '.join(models())}, found {name}")


def environment_of(name: str) -> str:
    """Return the environment of a model; "" is the one that runs this."""
    environment: str = import_module(adapter_of(name)).ENVIRONMENT
    return environment


def interpreter(environment: str) -> Path:
    """Return the Python of an environment."""
    if not environment:
        return Path(sys.executable)
    return folder(environment) / "bin" / "python"


def folder(environment: str) -> Path:
    """Return where an environment lies; git ignores it."""
    return ROOT / f".venv-peers-{environment}"


def is_installed(environment: str) -> bool:
    """Return whether an environment holds what its requirements file says now."""
    if not environment:
        return True
    stamp = folder(environment) / ".installed"
    return stamp.exists() and stamp.read_text() == requirements(environment).read_text()


def requirements(environment: str) -> Path:
    """Return the file that lists the packages of an environment."""
    return HERE / f"requirements-{environment}.txt"


def install(environment: str) -> None:
    """Make an environment afresh; pip's settings (index, cache) apply."""
    target, wanted = folder(environment), requirements(environment)
    print(f"installing {wanted.name} into {target.name} ...", flush=True)
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    pip = [str(interpreter(environment)), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-r", str(wanted)], check=True, preexec_fn=lambda: os.nice(10))
    (target / ".installed").write_text(wanted.read_text())
