"""Memory that something needs while it runs, as the kernel of Linux counts it."""

import contextlib
import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK_OF_RESIDENT = "5"
"""Written to `_RESET`, it sets the largest resident memory back to what it is now, see proc(5)."""


def peak_memory(work: Callable[[], object]) -> float | None:
    """Return how much resident memory grows at most while a function runs, MB.

    What it returns is kept until then. Memory that was freed before and not given back to the
    kernel would be used again unseen; it is given back first, as far as the C library can.

    Parameters
    ----------
    work
        The function.

    Returns
    -------
    float or None
        None where the kernel can't tell.
    """
    _give_back()
    try:
        _RESET.write_text(_PEAK_OF_RESIDENT)
        before = _field("VmRSS")
        kept = work()
        peak = _field("VmHWM")
    except OSError:
        return None
    del kept
    return max(peak - before, 0.0)


def _give_back() -> None:
    gc.collect()  # what Python would free meanwhile
    with contextlib.suppress(AttributeError, OSError):  # a C library without it
        ctypes.CDLL(None).malloc_trim(0)


def _field(name: str) -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) * 1024 / 1e6
    raise OSError(f"{_STATUS}: has no {name}")
