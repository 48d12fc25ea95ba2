"""A clock that stands while others have the core: times of a busy machine, as if it were not."""

import time
from pathlib import Path

_STATISTICS = Path("/proc/thread-self/schedstat")
"""Of the scheduler of Linux: nanoseconds that this thread ran, and that it waited for a core."""


def own_time() -> float:
    """Return seconds since some time in the past, without those this thread waited for a core.

    Waiting for other things, such as a GPU or other threads, counts. Where the kernel keeps no such
    statistics, it is the time on the wall.
    """
    while True:
        before, now, after = _waited(), time.perf_counter(), _waited()
        if before == after:  # else the core was taken away between the two readings
            return now - before


def _waited() -> float:
    try:
        return int(_STATISTICS.read_text().split()[1]) * 1e-9
    except (OSError, IndexError, ValueError):
        return 0.0
