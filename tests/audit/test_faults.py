"""Faults on purpose are found by the tests that should see them, and by no others."""

import pytest

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.faults import Anisotropic, Hole, ScaledForces, Truncated, Unintegrated
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


def audit(subject: Subject, structures: tuple[Structure, ...]) -> dict[str, Result]:
    checks = find_checks(GROUPS)
    benches = (Bench(subject, structures, "quick", 1, check.name) for check in checks)
    return {c.name: run_check(c, bench) for c, bench in zip(checks, benches, strict=True)}


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
