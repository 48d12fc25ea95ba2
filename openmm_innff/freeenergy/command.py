"""``innff free-energy``: from a recipe to a free energy with its error."""

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from openmm_innff.errors import ConfigError, SimulationError
from openmm_innff.files import atomic_write, make_folder
from openmm_innff.freeenergy.config import FreeEnergyConfig

EXAMPLE = "innff free-energy recipes/binding-free-energy/host-guest.toml"
_RUN = "run.json"
_MAY_CHANGE = {"title", "length_ps", "threads", "platform"}


def free_energy(
    config: FreeEnergyConfig,
    out: str | Path,
    *,
    resume: bool = False,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Calculate a free energy, and write a report.

    Under MPI each process takes its share of the replicas.

    Parameters
    ----------
    config
        Which, and how.
    out
        Folder to write to, made if missing.
    resume
        Go on with what is there; the length may differ.
    say
        Called with a line now and then; None: prints it.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    ConfigError, SystemSetupError
        If it can't be calculated.
    SimulationError
        If the folder holds another one, or there are too few samples.
    """
    from openmm_innff.freeenergy import exchange
    from openmm_innff.freeenergy.analysis import analyse, conclude
    from openmm_innff.freeenergy.legs import make_legs
    from openmm_innff.freeenergy.report import write_result
    from openmm_innff.simulation.machine import prepare_machine

    say = say or partial(print, flush=True)
    folder, first = Path(out), exchange.rank() == 0
    machine = prepare_machine(config.platform, config.precision, config.threads)
    legs = make_legs(config)
    if first:
        _open(folder, config, resume)

    def progress(leg: str, done: int, of: int) -> None:
        if first:
            say(f"{leg}: {done} of {of} exchanges")

    for leg in legs:
        exchange.sample(leg, config, folder, machine, progress)
    if not first:
        return folder / "report.html"
    found = [
        analyse(leg.name, exchange.storage(folder, leg, config), config.temperature_K)
        for leg in legs
    ]
    result = conclude(config, found, legs[0].standard_kJ_per_mol)
    facts = [(key.replace("_", " "), str(value)) for key, value in _facts(config).items()]
    report = write_result(dataclasses.replace(result, facts=[*facts, *machine.facts()]), folder)
    for name, value, error in result.terms:
        say(f"{name:45s} {value:10.2f} ± {error:.2f} kJ/mol")
    say(f"{result.what:45s} {result.value:10.2f} ± {result.error:.2f} kJ/mol")
    for warning in result.warnings:
        say(f"warning: {warning}")
    say(f"Report: {report}")
    return report


def _facts(config: FreeEnergyConfig) -> dict[str, object]:
    return {key: value for key, value in dataclasses.asdict(config).items() if value is not None}


def _open(folder: Path, config: FreeEnergyConfig, resume: bool) -> None:
    """Make the folder, or check that it holds the same."""
    make_folder(folder)
    now = json.loads(json.dumps(_facts(config)))
    there = folder / _RUN
    if there.is_file():
        if not resume:
            raise SimulationError(
                f"'{folder}' holds a free energy already; go on with it by --resume, or choose "
                "another folder with --out"
            )
        before = json.loads(there.read_text(encoding="utf-8"))
        changed = [
            f"{key} = {before.get(key)} (now {now.get(key)})"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key) and key not in _MAY_CHANGE
        ]
        if changed:
            raise ConfigError(
                f"'{folder}' holds another free energy: {', '.join(changed)}; choose another "
                "folder with --out"
            )
    elif any(folder.iterdir()):
        raise SimulationError(f"'{folder}' is not empty; choose another folder with --out")
    with atomic_write(there) as file:
        json.dump(now, file, indent=1)
