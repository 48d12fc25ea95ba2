"""Runs the tests of an audit on one or more potentials and writes the report."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from openmm_innff.audit.bench import Bench, Effort, Labelled
from openmm_innff.audit.checks import Check, find_checks
from openmm_innff.audit.pages import print_table, write_reports
from openmm_innff.audit.pages.content import Audited
from openmm_innff.audit.progress import Ticker
from openmm_innff.audit.recordings import Recordings
from openmm_innff.audit.spread import Part, ahead, parts
from openmm_innff.audit.store import Store
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.structures import default_structures, read_structures
from openmm_innff.audit.subjects import Subject, open_subject
from openmm_innff.audit.trial import run_check
from openmm_innff.cluster import check_workers
from openmm_innff.errors import ConfigError
from openmm_innff.files import make_folder


@dataclass(frozen=True, eq=False)
class SuiteConfig:
    """What an audit does.

    Parameters
    ----------
    tests
        Names of tests or groups; empty: all.
    effort
        How thorough to be.
    seed
        Of everything that is random.
    structures
        Files; empty: the default structures of each subject.
    frames
        Reference data for the tests of accuracy.
    series
        Files of models that were trained as the first one was, on several numbers of frames.
    """

    tests: tuple[str, ...] = ()
    effort: Effort = "default"
    seed: int = 1
    structures: tuple[Path, ...] = ()
    frames: tuple[Labelled, ...] = ()
    series: tuple[Path, ...] = ()


def run_suite(
    config: SuiteConfig,
    names: Sequence[str],
    out: Path,
    *,
    resume: bool = False,
    markdown: Path | None = None,
    console: Console | None = None,
    workers: int = 1,
    scheduler: str = "",
) -> list[Audited]:
    """Audit potentials and write ``report.html``, ``report.md`` and ``report.json``.

    Parameters
    ----------
    config
        What to do.
    names
        Of the potentials, see `subjects.open_subject`; the first is the one in question.
    out
        Folder for results.
    resume
        Whether to keep finished tests in the folder.
    markdown
        Where to write the Markdown besides, its figures beside it; None: nowhere.
    console
        Where to show progress.
    workers
        Processes on this machine.
    scheduler
        Address of a Dask scheduler whose workers are to run the tests instead.

    Raises
    ------
    InnffError
        If a potential or a structure can't be used, or the folder holds another audit.
    KeyboardInterrupt
        After Ctrl-C; finished tests are kept.
    """
    console, checks = console or Console(), find_checks(config.tests)
    check_workers(workers)
    if len(set(names)) < len(names):
        raise ConfigError(f"against: wanted other potentials, found one twice in {list(names)}")
    subjects = [open_subject(name) for name in names]
    for one, name in zip(subjects, names, strict=True):
        if sum(other.name == one.name for other in subjects) > 1 and one.name != name:
            one.name = f"{one.name} ({name})"
    make_folder(out)
    audited = []
    series = _open_series(config.series)
    folders = [out / "results" / re.sub(r"[^\w.-]+", "_", name) for name in names]
    with Ticker(console, len(subjects) * len(checks)) as ticker:
        if workers > 1 or scheduler:
            waiting: list[tuple[Part, Store]] = []
            for name, subject, folder in zip(names, subjects, folders, strict=True):
                structures, store = _open(config, subject, folder, resume)
                missing = [check for check in checks if store.find(check.name) is None]
                part = Part(name, (), structures, config.effort, config.seed, config.frames)
                waiting += [(made, store) for made in parts(part, missing)]
            ahead(waiting, workers, scheduler, ticker)
            resume = True
        for subject, folder in zip(subjects, folders, strict=True):
            audited.append(audit_subject(config, subject, checks, folder, ticker, resume, series))
            config, series = replace(config, series=()), ()  # that of the first alone
    write_reports(out, audited, config.effort, config.seed, markdown)
    print_table(console, audited, out)
    return audited


def audit_subject(
    config: SuiteConfig,
    subject: Subject,
    checks: Sequence[Check],
    folder: Path,
    ticker: Ticker,
    resume: bool = False,
    series: tuple[Subject, ...] = (),
) -> Audited:
    """Run tests on one potential; finished ones are kept in a folder.

    Parameters
    ----------
    config
        What to do; its tests are not looked at.
    subject
        The potential.
    checks
        The tests.
    folder
        Of the results.
    ticker
        Shows progress.
    resume
        Whether to keep what is there.
    series
        The models of the configuration's series.
    """
    structures, store = _open(config, subject, folder, resume)
    recordings, results = Recordings(folder / "runs"), []
    for check in checks:
        with ticker.task(f"{subject.name}: {check.name}"):
            result = store.find(check.name)
            if result is None:
                bench = Bench(
                    subject, structures, config.effort, config.seed, check.name, config.frames,
                    series, ticker.tick, recordings,
                )  # fmt: skip
                result = run_check(check, bench)
                store.keep(result)
            results.append(result)
    names = tuple(f"{structure.name} ({len(structure)} atoms)" for structure in structures)
    return Audited(subject.name, (*subject.facts(), ("structures", "; ".join(names))), results)


def _open(
    config: SuiteConfig, subject: Subject, folder: Path, resume: bool
) -> tuple[tuple[Structure, ...], Store]:
    """Return the structures of a subject, and where its results are kept."""
    if config.structures:
        structures = read_structures(config.structures, subject)
    else:
        structures = default_structures(subject, config.seed)
    return structures, Store(folder, _settings(config, subject, structures), resume)


def _open_series(paths: Sequence[Path]) -> tuple[Subject, ...]:
    """Open the models of a learning curve, which must say what they were trained on."""
    series = tuple(open_subject(str(path)) for path in paths)
    for path, subject in zip(paths, series, strict=True):
        if subject.training_frames is None:
            raise ConfigError(f"learning curve: {path} doesn't say what it was trained on")
    return series


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _settings(
    config: SuiteConfig, subject: Subject, structures: Sequence[Structure]
) -> dict[str, str | int]:
    """Return what results depend on; energies stand for the potential."""
    digest = hashlib.sha256()
    for structure in structures:
        digest.update(structure.numbers.tobytes())
        digest.update(np.round(structure.positions, 6).tobytes())
    energies = [subject.bind(s)(s.positions, s.cell).energy for s in structures]
    frames = hashlib.sha256(b"".join(f.structure.positions.tobytes() for f in config.frames))
    return {
        "subject": subject.name,
        "energies": ", ".join(f"{energy:.4f}" for energy in energies),
        "structures": digest.hexdigest(),
        "data": frames.hexdigest() if config.frames else "none",
        "learning curve": "".join(_digest(path) for path in config.series) or "none",
        "effort": config.effort,
        "seed": config.seed,
    }
