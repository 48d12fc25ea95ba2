"""The machine: which platform runs, with how many threads, and what to call it in a report."""

import datetime
import os
import platform as host
import statistics
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch  # before openmm: openmmtorch's libraries need those that torch loads

# isort: split
import openmm

from openmm_innff.errors import BackendError

_FASTEST_FIRST = ("CUDA", "Reference")
"""Without a GPU the work is the potential's, which is the same on both other platforms, and that
called CPU wakes up threads in each step, which takes longer than a fast part."""
_FASTEST_FOR_FORCE_FIELDS = ("CUDA", "CPU")

_WARM_UPS, _ROUNDS, _AT_MOST_S = 3, 5, 5.0
_WORTH = 0.1
"""Gain for which more threads are taken."""


@dataclass(frozen=True, eq=False)
class Machine:
    """Where a run takes place.

    Parameters
    ----------
    platform
        OpenMM's platform.
    properties
        For its Contexts.
    """

    platform: openmm.Platform
    properties: dict[str, str]

    def facts(self) -> list[tuple[str, str]]:
        """Names and values for a report."""
        device = _processor()
        if self.platform.getName() == "CUDA" and torch.cuda.is_available():
            device = f"{torch.cuda.get_device_name()} ({device})"
        versions = [f"{name} {version(name)}" for name in ("openmm-innff", "openmm", "torch")]
        return [
            ("platform", f"{self.platform.getName()}, CPU threads: {torch.get_num_threads()}"),
            ("machine", f"{device}, {usable_cores()} CPU cores usable"),
            ("system", f"{host.system()} {host.machine()}, Python {host.python_version()}"),
            ("versions", ", ".join(versions)),
            ("date", datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
        ]


def prepare_machine(name: str, precision: str, mm_threads: int | None = None) -> Machine:
    """Choose the platform.

    Parameters
    ----------
    name
        Name of a platform, or "auto": CUDA where it works, else Reference.
    precision
        "single" (mixed on a GPU) or "double".
    mm_threads
        CPU threads of a force field, 0 for all; then "auto" is CUDA where it works, else CPU. None:
        there is no force field.

    Raises
    ------
    BackendError
        If the platform is missing or doesn't work.
    """
    properties = {
        # The work is the potential's, which has threads of its own: OpenMM's would be idle.
        "CPU": {"Threads": "1" if mm_threads is None else str(mm_threads or usable_cores())},
        "CUDA": {"Precision": "double" if precision == "double" else "mixed"},
    }
    fastest = _FASTEST_FIRST if mm_threads is None else _FASTEST_FOR_FORCE_FIELDS
    candidates = fastest if name == "auto" else (name,)
    obstacles = []
    for candidate in candidates:
        chosen = properties.get(candidate, {})
        obstacle = _obstacle(candidate, chosen)
        if obstacle is None:
            return Machine(openmm.Platform.getPlatformByName(candidate), chosen)
        obstacles.append(f"{candidate}: {obstacle}")
    raise BackendError(f"platform: wanted {name}, which doesn't work here ({'; '.join(obstacles)})")


def choose_threads(context: openmm.Context) -> int:
    """Set torch's CPU threads to the number that is quickest here and now, and return it.

    A second thread may bring nothing in a small box, and on busy cores it costs several times as
    much as it brings. So the evaluations are timed; of numbers that do as well, the smallest wins.

    Parameters
    ----------
    context
        With positions.
    """
    cores = usable_cores()
    candidates = sorted({1, *(2**i for i in range(1, 6) if 2**i < cores), cores})
    times: dict[int, list[float]] = {n: [] for n in candidates}
    for _ in range(_WARM_UPS):
        context.getState(forces=True)
    began = time.perf_counter()
    while len(times[cores]) < _ROUNDS and time.perf_counter() - began < _AT_MOST_S:
        for threads in candidates:
            torch.set_num_threads(threads)
            for repeat in range(2):  # the first wakes the threads up
                start = time.perf_counter()
                context.getState(forces=True)
                if repeat:
                    times[threads].append(time.perf_counter() - start)
    medians = {threads: statistics.median(found) for threads, found in times.items()}
    best = next(n for n in candidates if medians[n] <= (1 + _WORTH) * min(medians.values()))
    torch.set_num_threads(best)
    return best


def usable_cores() -> int:
    """Cores that this process may use: of its affinity, and of its container's share."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no such limit
    return cores


def _obstacle(name: str, properties: dict[str, str]) -> str | None:
    """Why a platform can't be used; None if it can."""
    names = [
        openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())
    ]
    if name not in names:
        return f"not installed, found {', '.join(names)}"
    system = openmm.System()
    system.addParticle(1.0)
    try:
        platform = openmm.Platform.getPlatformByName(name)
        openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)
    except openmm.OpenMMException as error:
        return " ".join(str(error).split())
    return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else host.processor() or host.machine()
