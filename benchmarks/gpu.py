"""Milliseconds per evaluation of water on a CUDA GPU, and what OpenMM makes of them.

    python benchmarks/gpu.py                     # the shipped model water-pbe0, about ten minutes
    python benchmarks/gpu.py --random --quick    # random weights, a look in two minutes

Three tables: energy and forces of fast, slow and total by each method (autograd of plain torch,
Triton kernels, Triton kernels in a CUDA graph), with the time of a step that finds its list of
neighbours outdated and is done twice; what a step costs in OpenMM through PythonForce and
TorchForce beyond that; and ns/day of 1000 waters with single and multiple time steps. Prints them,
and writes them to gpu.md. On a machine without a GPU it says so. Leave the machine alone meanwhile.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

SIZES = (192, 1536, 12288)
GOALS_MS = {1536: 0.15, 12288: 0.5}  # fast + slow on an H200
METHODS = ("torch", "triton", "graph")
PARTS = {"fast": ("fast",), "slow": ("slow",), "total": ("fast", "slow")}
PACKAGES = ("torch", "triton", "openmm", "openmmtorch", "vesin-torch", "openmm-innff")
SKIN = 0.5  # angstrom
WATERS = 1000
OUTPUT = Path(__file__).with_suffix(".md")

Call = Callable[[int], object]
Row = tuple[object, ...]


def main() -> None:
    arguments = parse()
    import torch  # before openmm

    if not torch.cuda.is_available():
        print("No CUDA device here: nothing to measure.")
        return
    seconds = 0.5 if arguments.quick else 3.0
    model = load(arguments)
    lines: list[str] = ["# Water on a GPU", "", describe(arguments), ""]
    print("\n".join(lines[2:]), flush=True)
    graph_ms: dict[int, float] = {}
    for title, head, rows in (
        ("Evaluation", EVALUATION, evaluations(model.potential, seconds, graph_ms)),
        ("OpenMM", OVERHEAD, overheads(model.potential, seconds, graph_ms)),
        (f"{WATERS} waters", SPEED, speeds(model, 10.0 * seconds)),
    ):
        for line in table(title, head, rows):
            print(line, flush=True)
            lines.append(line)
    OUTPUT.write_text("\n".join([*lines, ""]))
    print(f"written to {OUTPUT}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="water-pbe0", help="shipped model or file")
    parser.add_argument("--random", action="store_true", help="random weights, no model file")
    parser.add_argument("--quick", action="store_true", help="half a second for each number")
    return parser.parse_args()


def load(arguments: argparse.Namespace) -> Any:
    from openmm_innff import load_model

    model = load_model(arguments.model)
    if arguments.random:
        from dataclasses import replace

        from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig

        fast = ComponentConfig(cutoff=3.0, channels=16, projections=32)
        config = PotentialConfig(("H", "O"), fast=fast, slow=ComponentConfig(cutoff=5.5))
        return replace(model, potential=Potential(config))
    return model


def describe(arguments: argparse.Namespace) -> str:
    import torch

    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    what = "random weights" if arguments.random else arguments.model
    return (
        f"{date.today()}: {what}, float32, skin {SKIN} A; {torch.cuda.get_device_name()}, CUDA "
        f"{torch.version.cuda}; {platform.machine()}, Python {platform.python_version()}, "
        f"{', '.join(found)}"
    )


def table(title: str, head: Row, rows: Iterator[Row]) -> Iterator[str]:
    yield f"## {title}\n"
    yield cells(head)
    yield cells(["---"] * len(head))
    try:
        for row in rows:
            yield cells(row)
    except Exception as error:  # the other tables are still worth having
        yield f"\nfailed: {type(error).__name__}: {error}"
    yield ""


def cells(row: Any) -> str:
    return "| " + " | ".join(map(str, row)) + " |"


EVALUATION: Row = ("atoms", "part", *(f"{m} ms" for m in METHODS), "new list ms", "goal ms")


def evaluations(potential: Any, seconds: float, graph_ms: dict[int, float]) -> Iterator[Row]:
    import torch

    device = torch.device("cuda")
    for size in SIZES:
        here, box, numbers = (t.to(device) for t in water(size))
        near = [(here, box), (here + 0.001, box)]  # as in dynamics, the list is kept
        far = [(here, box), (here + 1.0, box)]
        for part, components in PARTS.items():
            times = []
            for method in METHODS:
                call = evaluator(potential, components, numbers, method, device)
                times.append(median_ms(in_turn(call, near), seconds))
            new = median_ms(in_turn(call, far), seconds)
            if part == "total":
                graph_ms[size] = times[-1]
            goal = GOALS_MS.get(size, "") if part == "total" else ""
            yield (size, part, *(f"{t:.3f}" for t in times), f"{new:.3f}", goal)


def in_turn(call: Callable[..., object], given: list[tuple[Any, Any]]) -> Call:
    return lambda k: call(*given[k % len(given)])


def evaluator(
    potential: Any, components: tuple[str, ...], numbers: Any, method: str, device: Any
) -> Callable[[Any, Any], object]:
    """Return a function of positions and box that evaluates some components one by one."""
    from openmm_innff.engine.cuda_evaluator import CudaEvaluator
    from openmm_innff.potential.folded import core_of, fold, shape_of

    species = potential.species_index(numbers.tolist())
    made = [
        CudaEvaluator(
            shape_of(component),
            fold(component),
            core_of(component),
            species,
            periodic=True,
            skin=SKIN,
            device=device,
            method=method,
        )
        for component in (getattr(potential, name) for name in components)
    ]
    return lambda positions, box: [one(positions, box) for one in made]


def water(n_atoms: int) -> tuple[Any, Any, Any]:
    """Return positions and box in angstrom, and atomic numbers, of copies of a box of 64 waters."""
    import torch

    from openmm_innff.boxes import water_box

    topology, positions = water_box(64)
    vectors = topology.getPeriodicBoxVectors()
    box = 10.0 * torch.tensor([[float(x) for x in v.value_in_unit(v.unit)] for v in vectors])
    box = box.double()
    copies = round((n_atoms / len(positions)) ** (1 / 3))
    shifts = torch.cartesian_prod(*[torch.arange(copies, dtype=torch.float64)] * 3).reshape(-1, 3)
    here = (torch.tensor(positions) + (shifts @ box)[:, None]).reshape(-1, 3)
    numbers = [atom.element.atomic_number for atom in topology.atoms()] * copies**3
    return here, copies * box, torch.tensor(numbers)


def median_ms(call: Call, seconds: float, batch: int = 20) -> float:
    """Return the median, over batches, of the time of a call when many follow each other."""
    import torch

    for k in range(5):
        call(k)
    times: list[float] = []
    stop = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < stop:
        torch.cuda.synchronize()
        start = time.perf_counter()
        for k in range(batch):
            call(k)
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start) / batch)
    return statistics.median(times)


OVERHEAD: Row = ("atoms", "backend", "step ms", "empty System ms", "beyond the graph ms")


def overheads(potential: Any, seconds: float, graph_ms: dict[int, float]) -> Iterator[Row]:
    """Yield the cost of an OpenMM step with one Force for fast + slow, as `make_force` makes it."""
    from openmm_innff.forces import make_force

    for size in SIZES:
        here, box, numbers = water(size)
        empty = step_ms(None, here, box, seconds)
        for backend in ("python", "torch"):
            try:
                force = make_force(
                    potential, "total", numbers.tolist(), backend=backend, periodic=True, skin=SKIN
                )
                found = step_ms(force, here, box, seconds)
            except Exception as error:
                yield size, backend, f"failed: {error}", "", ""
                continue
            beyond = found - empty - graph_ms.get(size, float("nan"))
            yield size, backend, f"{found:.3f}", f"{empty:.3f}", f"{beyond:.3f}"


def step_ms(force: Any, here: Any, box: Any, seconds: float) -> float:
    import openmm

    system = openmm.System()
    for _ in range(len(here)):
        system.addParticle(16.0)
    system.setDefaultPeriodicBoxVectors(*(openmm.Vec3(*row) for row in (0.1 * box).tolist()))
    if force is not None:
        system.addForce(force)
    integrator = openmm.VerletIntegrator(1e-6)  # ps: the atoms stay where they are
    cuda = openmm.Platform.getPlatformByName("CUDA")
    context = openmm.Context(system, integrator, cuda, {"Precision": "mixed"})
    context.setPositions((0.1 * here).numpy())
    return median_ms(lambda _: integrator.step(50), seconds, batch=2) / 50


SPEED: Row = ("scheme", "ns/day", "slowest", "fastest", "fast calls/ps", "slow calls/ps")


def speeds(model: Any, seconds: float) -> Iterator[Row]:
    import openmm
    from openmm import unit

    from openmm_innff.boxes import water_box
    from openmm_innff.throughput import measure_speeds

    topology, positions = water_box(WATERS)
    system = model.create_system(topology)
    cuda, properties = openmm.Platform.getPlatformByName("CUDA"), {"Precision": "mixed"}
    integrator = openmm.LangevinMiddleIntegrator(300.0, 10.0, 0.0005)
    context = openmm.Context(system, integrator, cuda, properties)
    context.setPositions(0.1 * positions)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=50)
    context.setVelocitiesToTemperature(300.0 * unit.kelvin, 1)
    integrator.step(500)
    safe = model.card.steps_for(1.008)
    for speed in measure_speeds(
        system,
        context.getState(positions=True, velocities=True),
        temperature=300.0,
        friction=1.0,
        outer_step_fs=safe.outer_fs if safe else 2.0,
        inner_step_fs=safe.inner_fs if safe else 0.5,
        platform=cuda,
        properties=properties,
        seconds=seconds,
        whole=model.create_system(topology, mollified=False, split=False),
    ):
        numbers = (speed.ns_per_day, speed.slowest, speed.fastest)
        counts = (speed.fast_per_ps, speed.slow_per_ps)
        yield (speed.name, *(f"{x:.2f}" for x in numbers), *(f"{x:.0f}" for x in counts))


if __name__ == "__main__":
    main()
