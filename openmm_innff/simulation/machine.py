"""The machine: which platform runs, with how many threads, and what to call it in a report."""

import datetime
import os
import platform as host
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch  # before openmm: openmmtorch's libraries need those that torch loads

# isort: split
import openmm

from openmm_innff.errors import BackendError

_FASTEST_FIRST = ("CUDA", "CPU")


@dataclass(frozen=True, eq=False)
class Machine:
    """Where a run takes place.

    Parameters
    ----------
    platform
        OpenMM's platform.
    properties
        For its Contexts.
    threads
        CPU threads of the potential and of OpenMM.
    """

    platform: openmm.Platform
    properties: dict[str, str]
    threads: int

    def facts(self) -> list[tuple[str, str]]:
        """Names and values for a report."""
        device = _processor()
        if self.platform.getName() == "CUDA" and torch.cuda.is_available():
            device = f"{torch.cuda.get_device_name()} ({device})"
        versions = [f"{name} {version(name)}" for name in ("openmm-innff", "openmm", "torch")]
        return [
            ("platform", f"{self.platform.getName()}, CPU threads: {self.threads}"),
            ("machine", f"{device}, {usable_cores()} CPU cores usable"),
            ("system", f"{host.system()} {host.machine()}, Python {host.python_version()}"),
            ("versions", ", ".join(versions)),
            ("date", datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
        ]


def prepare_machine(name: str, threads: int, precision: str) -> Machine:
    """Choose the platform, and limit the threads of torch and OpenMM to the cores at hand.

    Parameters
    ----------
    name
        Name of a platform, or "auto": CUDA where it works, else CPU.
    threads
        0: one for each core that this process may use.
    precision
        "single" (mixed on a GPU) or "double".

    Raises
    ------
    BackendError
        If the platform is missing or doesn't work.
    """
    threads = threads or usable_cores()
    torch.set_num_threads(threads)
    properties = {
        "CPU": {"Threads": str(threads)},
        "CUDA": {"Precision": "double" if precision == "double" else "mixed"},
    }
    candidates = _FASTEST_FIRST if name == "auto" else (name,)
    obstacles = []
    for candidate in candidates:
        chosen = properties.get(candidate, {})
        obstacle = _obstacle(candidate, chosen)
        if obstacle is None:
            return Machine(openmm.Platform.getPlatformByName(candidate), chosen, threads)
        obstacles.append(f"{candidate}: {obstacle}")
    raise BackendError(f"platform: wanted {name}, which doesn't work here ({'; '.join(obstacles)})")


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
