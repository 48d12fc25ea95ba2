"""Faults on purpose are found by the tests that should see them, and by no others."""

import pytest

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.faults import (
    Anisotropic,
    Hole,
    Mixed,
    ScaledForces,
    Stiff,
    Truncated,
    Unintegrated,
)
from openmm_innff.audit.recordings import Recordings
from openmm_innff.audit.result import Result
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.structures import default_structures
from openmm_innff.audit.subjects import Subject
from openmm_innff.audit.subjects.innff import InnffSubject
from openmm_innff.audit.suite import run_check
from openmm_innff.model import load_model

GROUPS = ("exactness", "surface")


@pytest.fixture(scope="module")
def sound() -> InnffSubject:
    return InnffSubject(load_model("water-pbe0"))


@pytest.fixture(scope="module")
def structures(sound: InnffSubject) -> tuple[Structure, ...]:
    return default_structures(sound, seed=1)


def audit(
    subject: Subject, structures: tuple[Structure, ...], groups: tuple[str, ...] = GROUPS
) -> dict[str, Result]:
    checks, recordings = find_checks(groups), Recordings()
    benches = (
        Bench(subject, structures, "quick", 1, check.name, recordings=recordings)
        for check in checks
    )
    return {c.name: run_check(c, bench) for c, bench in zip(checks, benches, strict=True)}


def failed(results: dict[str, Result]) -> set[str]:
    return {name for name, result in results.items() if result.verdict == "fail"}


@pytest.fixture(scope="module")
def wanted(sound: InnffSubject, structures: tuple[Structure, ...]) -> dict[str, Result]:
    return audit(sound, structures)


def test_the_shipped_model_is_exact(wanted: dict[str, Result]) -> None:
    verdicts = {r.name: r.verdict for r in wanted.values() if r.group == "exactness"}
    assert set(verdicts.values()) <= {"pass", "not applicable"}, verdicts


@pytest.mark.parametrize(
    ("fault", "found_by"),
    [
        (ScaledForces, {"forces"}),
        (Truncated, {"cutoff"}),
        (Hole, {"dimers"}),
        (Anisotropic, {"rotation"}),
    ],
)
def test_each_fault_is_found_by_its_test(
    fault: type, found_by: set[str], sound: InnffSubject, structures, wanted
) -> None:
    results = audit(fault(sound), structures)
    changed = {name for name, r in results.items() if r.verdict != wanted[name].verdict}
    assert changed == found_by
    assert {results[name].verdict for name in found_by} == {"fail"}


def test_a_force_that_is_not_integrated_is_found(structures, wanted) -> None:
    results = audit(Unintegrated(load_model("water-pbe0")), structures)
    changed = {name for name, r in results.items() if r.verdict != wanted[name].verdict}
    assert changed == {"integration"}


def test_a_slow_part_with_vibrations_is_found_by_the_tests_of_scales(sound, structures) -> None:
    assert failed(audit(sound, structures[1:], ("scales", "interpretation"))) == set()
    found = audit(Mixed(sound), structures[1:], ("scales", "interpretation"))
    assert failed(found) == {"force-change", "force-spectra"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found_by"),
    [
        (ScaledForces, set()),  # dynamics of 1.01 times the energy, conserved as such
        (Truncated, set()),  # the energy of pairs in reach goes up and down, and doesn't drift
        (Hole, set()),  # no atom gets there at 300 K
        (Anisotropic, set()),
        (Stiff, {"vibrations", "force-change", "force-spectra"}),
    ],
)
def test_dynamics_see_what_they_can_see(
    fault: type, found_by: set[str], sound: InnffSubject, structures
) -> None:
    """Of the liquid; what the exact tests find needs not show in averages of a short run."""
    liquid, _, single = structures
    results = audit(fault(sound), (liquid, single), ("dynamics", "scales"))
    assert failed(results) == found_by
