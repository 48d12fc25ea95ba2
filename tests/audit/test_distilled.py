"""A distilled model, whose slow part is the whole less the fast part, in the tests of an audit."""

from dataclasses import replace

import pytest

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import Check, all_checks, find_checks
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.structures import default_structures, water_dimer
from openmm_innff.audit.subjects import Options
from openmm_innff.audit.subjects.innff import InnffSubject
from openmm_innff.audit.suite import run_check
from openmm_innff.model import Model
from openmm_innff.modelfile import ModelCard
from openmm_innff.potential import Potential

EXACT = find_checks(["exactness"])
# Not its dynamics: random numbers make no potential that molecules survive.
OTHERS = [c for c in all_checks() if c.group not in {"exactness", "dynamics", "scales"}]


@pytest.fixture(scope="module")
def subject(tiny_config) -> InnffSubject:
    """Of two layers, with random parameters."""
    slow = replace(tiny_config.slow, messages=3)
    potential = Potential(replace(tiny_config, slow=slow, distilled=True), seed=1)
    return InnffSubject(Model(potential, ModelCard("distilled", "none")))


@pytest.fixture(scope="module")
def structures(subject: InnffSubject) -> tuple[Structure, ...]:
    return default_structures(subject, seed=1)


@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.name)
def test_it_is_exact(check: Check, subject: InnffSubject, structures) -> None:
    result = run_check(check, Bench(subject, structures, "quick", 1, check.name))
    assert result.value is not None, result.reason
    # Not the verdict: curves of random numbers are so rough that error bars may be too wide.
    assert result.value <= result.threshold


@pytest.mark.parametrize("check", OTHERS, ids=lambda check: check.name)
def test_other_tests_measure_something_or_say_why_not(
    check: Check, subject: InnffSubject, structures
) -> None:
    result = run_check(check, Bench(subject, structures, "quick", 1, check.name))
    of_data = ("force-errors", "energy-errors", "uncertainty", "calibration", "coverage")
    reasons = {"dihedrals": "rotatable bond", "learning-curve": "--learning-curve"}
    reasons |= dict.fromkeys(of_data, "--data")
    if check.name in reasons:
        assert reasons[check.name] in result.reason
    elif check.name == "memory" and result.value is None:
        assert "too little to tell" in result.reason  # it depends on the versions of torch
    else:
        assert result.value is not None, result.reason
        assert result.rows


def test_the_whole_is_not_the_sum_of_both_components(subject: InnffSubject) -> None:
    dimer = water_dimer()
    energies = [
        subject.bind(dimer, Options(part))(dimer.positions, None).energy
        for part in ("", "fast", "slow")
    ]
    whole = subject.model.potential.slow
    assert subject.model.potential.components("total") == [whole]
    assert energies[2] == pytest.approx(energies[0] - energies[1], abs=1e-9)


def test_functions_of_the_whole_are_shown(subject: InnffSubject, structures) -> None:
    (check,) = find_checks(["extrapolation"])
    titles = [panel.title for panel in run_check(check, Bench(subject, structures)).panels]
    assert "Radial functions, whole" in titles
    assert "O, whole, layer 2" in titles
    assert not [title for title in titles if "slow" in title]
    assert ("energy", "the whole was learned; slow: less fast") in subject.facts()
