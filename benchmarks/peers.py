"""Energy and forces of the same frames by this project's model and by its peers, on this machine.

    python benchmarks/peers.py                              # everything, about half an hour
    python benchmarks/peers.py --only innff mace-small --sizes 192 --seconds 2
    python benchmarks/peers.py --resume                     # go on with a run that was stopped

Peers are built from their PyPI packages with published hyper-parameters and random weights; they
live in environments of their own (.venv-peers-*), which are made when missing. Each measurement
runs in a process of its own. Prints lines as it goes, and writes the tables to peers.md. Leave
the machine alone meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from peers import catalogue, frames, report

HERE = Path(__file__).parent
OUTPUT = Path(__file__).with_suffix(".md")
DIRECTORY = HERE.parent / "runs" / "peers"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENMM_CPU_THREADS",
    "DP_INTRA_OP_PARALLELISM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)

Result = dict[str, Any]


def main() -> None:
    arguments = parse()
    wanted = [name for name in catalogue.models() if name in arguments.only]
    for environment in sorted({catalogue.environment_of(name) for name in wanted}):
        if not catalogue.is_installed(environment):
            catalogue.install(environment)
    if arguments.install:
        return
    file = arguments.directory / "results.jsonl"
    if not arguments.resume:
        file.unlink(missing_ok=True)
    if not (arguments.directory / "frames.npz").exists():
        frames.write(arguments.directory / "frames.npz")
    # What failed or was left out is tried again: its reason may be gone, or a limit raised.
    kept = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    results = [result for result in kept if "ms" in result]
    print(report.progress_header(), flush=True)
    for frame in frames.names(arguments.sizes):
        for threads in arguments.threads:
            for name in wanted:
                result = find(results, name, frame, threads)
                if result is None:
                    result = run(name, frame, threads, arguments, results)
                    results.append(result)
                    with file.open("a") as stream:
                        stream.write(json.dumps(result) + "\n")
                print(report.progress(result), flush=True)
    text = report.document(results, arguments.directory / "frames.npz")
    arguments.output.write_text(text)
    print(f"\nwritten to {arguments.output}")


def parse() -> argparse.Namespace:
    doc = __doc__ or ""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names, cores = list(catalogue.models()), len(os.sched_getaffinity(0))
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME",
                        help=f"some of: {', '.join(names)}")  # fmt: skip
    parser.add_argument("--sizes", type=int, nargs="+", default=[22, *frames.WATER], metavar="N",
                        help="atoms: 22 (alanine dipeptide), 192, 1536, 12288 (water)")  # fmt: skip
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}), metavar="N",
                        help="default: one and all cores")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement")
    parser.add_argument("--call-limit", type=float, default=60.0, metavar="S",
                        help="leave out what would take longer a call")  # fmt: skip
    parser.add_argument("--memory-limit", type=float, default=0.8, metavar="FRACTION",
                        help="of the free memory; leave out what would need more")  # fmt: skip
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="frames and results")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the tables")
    parser.add_argument("--resume", action="store_true", help="keep what is measured already")
    parser.add_argument("--install", action="store_true", help="only make the environments")
    return parser.parse_args()


def find(results: list[Result], name: str, frame: str, threads: int) -> Result | None:
    key = (name, frame, threads)
    for result in results:
        if (result["model"], result["frame"], result["threads"]) == key:
            return result
    return None


def run(
    name: str, frame: str, threads: int, arguments: argparse.Namespace, results: list[Result]
) -> Result:
    """Measure in a fresh process, unless what is known of smaller boxes says that it won't fit."""
    memory_mb = arguments.memory_limit * free_mb()
    atoms = int(frame.removeprefix("water")) if frame != frames.DIPEPTIDE else 22
    result: Result = {"model": name, "frame": frame, "threads": threads, "atoms": atoms}
    reason = too_large(name, atoms, threads, arguments.call_limit, memory_mb, results)
    if reason:
        return {**result, "error": f"too large: {reason}"}
    python = catalogue.interpreter(catalogue.environment_of(name))
    command = [python, "-m", "peers.worker", name, frame, "--threads", threads]
    command += ["--frames", (arguments.directory / "frames.npz").resolve()]
    command += ["--seconds", arguments.seconds]
    counts = dict.fromkeys(THREAD_VARIABLES, str(threads))
    limit = 12 * arguments.call_limit + 20 * arguments.seconds
    output, ended = watch([str(part) for part in command], {**os.environ, **counts},
                          threads, limit, memory_mb)  # fmt: skip
    lines = [line for line in output.splitlines() if line.startswith("@result ")]
    if lines:
        return {**result, **json.loads(lines[-1].removeprefix("@result "))}
    return {**result, "error": ended}


def too_large(
    name: str, atoms: int, threads: int, seconds: float, memory_mb: float, results: list[Result]
) -> str:
    """Return why a model can't be measured, judged by its largest smaller box, or ""."""
    known = [r for r in results if r["model"] == name and r["threads"] == threads]
    smaller = [r for r in known if r["frame"] != frames.DIPEPTIDE and r["atoms"] < atoms]
    if not smaller:
        return ""
    last = max(smaller, key=lambda r: r["atoms"])
    if "error" in last:
        return f"so was {last['atoms']} atoms" if "too large" in last["error"] else ""
    factor = atoms / last["atoms"]
    needed_s, needed_mb = factor * last["ms"] / 1e3, factor * last["memory_mb"]
    if needed_s > seconds:
        return f"about {needed_s:.0f} s a call"
    if needed_mb > memory_mb:
        return f"about {needed_mb / 1024:.0f} GB"
    return ""


def watch(
    command: list[str], environment: dict[str, str], threads: int, limit_s: float, limit_mb: float
) -> tuple[str, str]:
    """Run a command on as many cores as threads; return its output and how it ended."""
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    stop = time.monotonic() + limit_s
    with tempfile.TemporaryFile("w+", errors="replace") as stream:
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=stream, stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )  # fmt: skip
        ended = ""
        while process.poll() is None:
            time.sleep(0.2)
            if resident_mb(process.pid) > limit_mb:
                ended = f"too large: more than {limit_mb / 1024:.0f} GB"
            elif time.monotonic() > stop:
                ended = f"too large: not done after {limit_s:.0f} s"
            if ended:
                process.kill()
                process.wait()
        stream.seek(0)
        output = stream.read()
    if not ended:
        last = [line for line in output.splitlines() if line.strip()]
        ended = f"failed: code {process.returncode}; {last[-1][:120] if last else 'no output'}"
    return output, ended


def resident_mb(process: int) -> float:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:  # it has just ended
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def free_mb() -> float:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/meminfo: wanted MemAvailable, found none")


if __name__ == "__main__":
    sys.exit(main())
