"""Tests of uncertainties find those that rank nothing and those that are of the wrong size."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from openmm_innff.audit.bench import Bench, Labelled
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.checks.uncertainty import spearman
from openmm_innff.audit.result import Measurement, NotApplicable, judge
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.structures import water_dimer
from openmm_innff.audit.subjects import (
    Deviations,
    Evaluate,
    Evaluation,
    Options,
    Subject,
    open_subject,
)

FRAMES = 30
SIZES = np.geomspace(0.01, 0.1, FRAMES)  # eV/A, of the errors in each frame


class Honest(Subject):
    """Forces of zero, errors of which have sizes that it knows."""

    name, kind = "honest", "made up"

    def __init__(self, say: Callable[[Array], Array] = lambda sizes: sizes) -> None:
        self.said = say(SIZES)

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        return lambda positions, cell: Evaluation(0.0, np.zeros_like(positions))

    def impulse(self, structure: Structure, step_fs: float) -> Array:
        return np.zeros_like(structure.positions)

    def deviations(self, structure: Structure) -> Deviations:
        size = self.said[int(structure.name.split()[1])]
        return Deviations(float(size), np.full(len(structure), size))


def frames(sizes: Array = SIZES) -> tuple[Labelled, ...]:
    random, found = np.random.default_rng(1), []
    for number, size in enumerate(sizes):
        structure = replace(water_dimer(), name=f"frame {number}")
        error = random.normal(0.0, size, structure.positions.shape)
        found.append(Labelled(structure, random.normal(0.0, size), error))
    return tuple(found)


def measure(name: str, subject: Subject, data: tuple[Labelled, ...]) -> tuple[str, Measurement]:
    (check,) = find_checks([name])
    found = check.measure(Bench(subject, (water_dimer(),), "quick", 1, name, frames=data))
    return judge(found.value, found.error, check.threshold), found


def test_an_honest_subject_passes() -> None:
    verdict, found = measure("uncertainty", Honest(), frames())
    assert verdict == "pass"
    assert found.value < 0.15
    table = {row[0]: float(row[1]) for row in found.rows}
    # Errors are drawn from what was said, so what could be reached is reached.
    assert table["forces on atoms"] == pytest.approx(
        table["forces on atoms, if errors were drawn from it"], abs=0.1
    )
    verdict, found = measure("calibration", Honest(), frames())
    assert verdict == "pass"
    assert found.value < 1.4
    assert all(0.7 < float(row[3]) < 1.4 for row in found.rows)


def test_what_ranks_nothing_fails_though_it_is_right_on_average() -> None:
    shuffled = Honest(lambda sizes: np.random.default_rng(2).permutation(sizes))
    assert measure("uncertainty", shuffled, frames())[0] == "fail"
    assert measure("calibration", shuffled, frames())[0] == "fail"


def test_too_sure_of_itself_fails_though_it_ranks_right() -> None:
    sure = Honest(lambda sizes: sizes / 4.0)
    assert measure("uncertainty", sure, frames())[0] == "pass"
    verdict, found = measure("calibration", sure, frames())
    assert verdict == "fail"
    assert found.value == pytest.approx(4.0, rel=0.3)


def test_errors_that_are_all_alike_cannot_be_ranked() -> None:
    alike = frames(np.full(FRAMES, 0.05))
    with pytest.raises(NotApplicable, match="too alike to be ranked"):
        measure("uncertainty", Honest(), alike)


def test_it_does_not_apply_without_data_or_to_those_who_say_nothing() -> None:
    for name in ("uncertainty", "calibration"):
        with pytest.raises(NotApplicable, match="--data"):
            measure(name, Honest(), ())
        with pytest.raises(NotApplicable, match="too few"):
            measure(name, Honest(), frames()[:3])
        with pytest.raises(NotApplicable, match="says nothing of its own errors"):
            measure(name, open_subject("ase:emt"), frames())


def test_the_shipped_model_says_how_far_it_may_be_off() -> None:
    said = open_subject("water-pbe0").deviations(water_dimer())
    assert said is not None
    assert said.energy > 0.0
    assert said.forces.shape == (6,)
    assert 1e-3 < said.forces.min() < said.forces.max() < 1.0


def test_ranks_are_those_of_spearman() -> None:
    x = np.array([1.0, 5.0, 2.0, 9.0])
    assert spearman(x, x**3) == pytest.approx(1.0)
    assert spearman(x, -x) == pytest.approx(-1.0)
    assert spearman(x, np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(0.8)
