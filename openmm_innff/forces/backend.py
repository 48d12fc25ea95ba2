"""Which backend can be used: decided from versions, never by trying what could crash.

- `torch`: openmmtorch's TorchForce. The wheel of openmmtorch 1.5 is built against openmm 8.5: with
  openmm >= 8.6 its forces run, but copying or serialising a System ends the process. conda-forge
  rebuilds its package against each openmm.
- `python`: openmm's own PythonForce. Before openmm 8.6.1 it can give NaN where torch uses CUDA too,
  so there the potential stays on the CPU.
"""

import logging
import os
from functools import cache
from importlib import import_module, metadata, util
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

import torch  # before openmm: openmmtorch's libraries need those that torch loads

# isort: split
import openmm

from openmm_innff.engine.library import library
from openmm_innff.errors import BackendError

Backend = Literal["auto", "torch", "python"]

_WHEEL_NEEDS_OPENMM = {"1.5": (8, 5)}
"""openmm that a wheel of openmmtorch was built against, as (major, minor)."""


def default_backend() -> Literal["torch", "python"]:
    """Return `torch` where a working openmmtorch is installed, else `python`.

    Without CUDA, `python` is quicker where the compiled engine is there: it needs no torch.
    """
    lean = hasattr(openmm, "PythonForce") and library() is not None
    if torch_obstacle() or (lean and not torch.cuda.is_available()):
        return "python"
    return "torch"


def resolve_backend(backend: Backend) -> Literal["torch", "python"]:
    """Turn `auto` into the default backend, and refuse one that would not work.

    Parameters
    ----------
    backend
        `auto`, `torch` or `python`.

    Returns
    -------
    str
        `torch` or `python`.

    Raises
    ------
    BackendError
        If the backend is unknown, missing, or would crash with the installed versions.
    """
    if backend not in get_args(Backend):
        raise BackendError(f"backend must be one of {get_args(Backend)}, found {backend!r}")
    chosen = default_backend() if backend == "auto" else backend
    if chosen == "torch" and (reason := torch_obstacle()):
        raise BackendError(f"backend 'torch' can't be used: {reason}. Use backend='python'")
    if chosen == "python" and not hasattr(openmm, "PythonForce"):
        raise BackendError(
            f"backend 'python' needs openmm >= 8.5 for its PythonForce, found {openmm.__version__}"
        )
    return chosen


@cache
def torch_obstacle() -> str | None:
    """Say why openmmtorch can't be used here; None if it can."""
    if util.find_spec("openmmtorch") is None:
        return "openmmtorch is not installed"
    if reason := _wheel_mismatch():
        return reason
    try:
        load_openmmtorch()
    except (ImportError, OSError, openmm.OpenMMException) as error:
        return f"openmmtorch can't be loaded with torch {torch.__version__} ({error})"
    return None


def load_openmmtorch() -> ModuleType:
    """Import openmmtorch, with its kernels even if openmm was imported before torch."""
    # It imports OpenMM by its old name, for which OpenMM logs a warning that no user can heed.
    logging.getLogger().addFilter(_is_not_about_simtk)
    try:
        openmmtorch = import_module("openmmtorch")
    finally:
        logging.getLogger().removeFilter(_is_not_about_simtk)
    if any("OpenMMTorch" in failure for failure in openmm.Platform.getPluginLoadFailures()):
        _load_kernels()
    return openmmtorch


@cache
def _load_kernels() -> None:
    """Load the kernels for the platforms at hand that failed when openmm was imported."""
    folder = Path(openmm.version.openmm_library_path) / "plugins"
    if "OPENMM_PLUGIN_DIR" in os.environ or not folder.is_dir():  # as openmm itself decides
        folder = Path(openmm.Platform.getDefaultPluginsDirectory())
    for platform in ("Reference", "CUDA", "OpenCL", "HIP"):
        for plugin in folder.glob(f"*OpenMMTorch{platform}.*"):
            try:
                openmm.Platform.loadPluginLibrary(str(plugin))
            except openmm.OpenMMException:
                if platform == "Reference":  # others need a GPU, which may be absent
                    raise


def _is_not_about_simtk(record: logging.LogRecord) -> bool:
    return "simtk.openmm" not in record.getMessage()


def python_device() -> torch.device:
    """Return the device for the `python` backend: CUDA where present and safe, else the CPU."""
    safe = _version(openmm.__version__) >= (8, 6, 1)
    return torch.device("cuda" if safe and torch.cuda.is_available() else "cpu")


def _wheel_mismatch() -> str | None:
    """Compare the installed openmmtorch wheel with openmm."""
    try:
        wheel = metadata.distribution("openmmtorch")
    except metadata.PackageNotFoundError:  # a conda package without metadata
        return None
    built_for = _WHEEL_NEEDS_OPENMM.get(wheel.version)
    if built_for is None or (wheel.read_text("INSTALLER") or "").strip() == "conda":
        return None
    if _version(openmm.__version__)[:2] == built_for:
        return None
    needed = ".".join(map(str, built_for))
    return (
        f"openmmtorch {wheel.version} from PyPI is built for openmm {needed} and would end the "
        f"process when a System is copied or serialised with openmm {openmm.__version__}; "
        f"install 'openmm=={needed}.*' with it, or a later openmmtorch"
    )


def _version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
