"""The compiled library: found and loaded once; its absence costs speed, nothing else.

It is plain C++ behind a C interface, so it fits every version of Python and of torch. There is one
build for each level of x86-64 processors; the best that this machine can run is taken.
"""

import ctypes
import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

import torch

from openmm_innff.errors import BackendError

ENGINES = ("auto", "compiled", "torch")
LEVELS = {"v4": 4, "v3": 3, "baseline": 0}
"""Builds, best first, and the processor level that each needs."""

Pointer = ctypes.c_void_p
log = logging.getLogger("openmm_innff")


class Library:
    """Functions of the compiled library; a call raises where the function reports an error.

    Parameters
    ----------
    path : Path
        Of the shared library.
    level : str
        Its processor level.
    """

    def __init__(self, path: Path, level: str) -> None:
        self.level = level
        self._functions = ctypes.CDLL(str(path))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, f"inn_{name}")

    def call(self, name: str, *arguments: Any) -> int:
        """Call a function that returns 0, a positive answer, or a negative error."""
        code: int = getattr(self, name)(*arguments)
        if code == -1:
            raise MemoryError("the compiled engine ran out of memory")
        if code < 0:
            raise RuntimeError(f"the compiled engine refused {name}: code {code}")
        return code


@cache
def library() -> Library | None:
    """Return the compiled library; None, with one line in the log, where there is none.

    The environment variable INNFF_CPU_LEVEL (v4, v3, baseline) chooses a lower build.
    """
    reason = "it was not built when the package was installed, for want of a C++ compiler"
    wanted = os.environ.get("INNFF_CPU_LEVEL", "v4")
    if wanted not in LEVELS:
        raise ValueError(f"INNFF_CPU_LEVEL: wanted one of {', '.join(LEVELS)}, found {wanted!r}")
    for folder in _folders():
        for level, needed in LEVELS.items():
            path = folder / f"innff_{level}.so"
            if needed > LEVELS[wanted] or not path.exists() or needed > _cpu_level(folder):
                continue
            try:
                return _declared(Library(path, level))
            except (OSError, AttributeError) as error:
                reason = f"it can't be loaded ({error})"
    log.warning(
        "openmm_innff: no compiled engine, PyTorch is used instead, about ten times slower: %s",
        reason,
    )
    return None


def resolve_engine(engine: str) -> str:
    """Turn "auto" into what is there; refuse an engine that is not.

    Parameters
    ----------
    engine : str
        "auto", "compiled" or "torch".

    Returns
    -------
    str
        "compiled" or "torch".

    Raises
    ------
    BackendError
        If the engine is unknown or was not built.
    """
    if engine not in ENGINES:
        raise BackendError(f"engine must be one of {', '.join(ENGINES)}, found {engine!r}")
    if engine == "torch":
        return engine
    if library() is None:
        if engine == "compiled":
            raise BackendError(
                "engine 'compiled' was not built when openmm-innff was installed: install a C++ "
                "compiler, then openmm-innff again, or use engine='torch'"
            )
        return "torch"
    return "compiled"


def threads() -> int:
    """Return how many threads a call may use: torch's number, or OPENMM_CPU_THREADS if fewer."""
    allowed = torch.get_num_threads()
    limit = os.environ.get("OPENMM_CPU_THREADS", "")
    return min(allowed, int(limit)) if limit.isdigit() and int(limit) > 0 else allowed


def address(tensor: torch.Tensor | None) -> int | None:
    """Return where the numbers of a contiguous CPU tensor lie."""
    if tensor is None:
        return None
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError("wanted a contiguous tensor on the CPU")
    return tensor.data_ptr()


def _folders() -> list[Path]:
    """Return where the build may be: beside this file, or where an editable install put it."""
    import openmm_innff.engine

    return [Path(folder) for folder in openmm_innff.engine.__path__]


@cache
def _cpu_level(folder: Path) -> int:
    try:
        return int(ctypes.CDLL(str(folder / "innff_baseline.so")).inn_cpu_level())
    except (OSError, AttributeError):
        return 0


def _declared(found: Library) -> Library:
    """Declare argument types where C's defaults would not do."""
    integer = ctypes.c_int
    found.create.restype = Pointer
    found.create.argtypes = [integer, Pointer, Pointer]
    found.destroy.argtypes = [Pointer]
    found.destroy.restype = None
    found.set_parameters.argtypes = [Pointer] * 2
    found.set_layer.argtypes = [Pointer] * 3
    found.set_tensors.argtypes = [Pointer] * 4
    found.forward.argtypes = [Pointer] * 4 + [integer]
    found.backward.argtypes = [Pointer] * 7 + [integer]
    found.backward_tensors.argtypes = [Pointer] * 7 + [integer]
    for prefix in ("", "bonded_"):
        getattr(found, f"{prefix}set_atoms").argtypes = [Pointer] * 2
        getattr(found, f"{prefix}evaluate").argtypes = [Pointer] * 5 + [integer]
        getattr(found, f"{prefix}renewals").restype = ctypes.c_int64
        getattr(found, f"{prefix}renewals").argtypes = [Pointer]
    found.bonded_create.restype = Pointer
    found.bonded_create.argtypes = [Pointer] * 2
    found.bonded_destroy.argtypes = [Pointer]
    found.bonded_destroy.restype = None
    found.move_hydrogens.argtypes = [Pointer, ctypes.c_int64] + [Pointer] * 4
    found.move_hydrogens.restype = None
    found.pass_forces.argtypes = [Pointer] * 3
    found.pass_forces.restype = None
    found.density_forward.argtypes = [integer] + [Pointer] * 4 + [integer]
    found.density_backward.argtypes = [integer] + [Pointer] * 5 + [integer]
    found.density_double_backward.argtypes = [integer] + [Pointer] * 6 + [integer]
    return found
