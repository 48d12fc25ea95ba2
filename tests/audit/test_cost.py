"""Time against the number of atoms."""

import numpy as np
import pytest

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.checks.cost import power_law
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structures import liquid_water, water_dimer
from openmm_innff.audit.subjects import open_subject


def test_a_power_law_is_found_and_small_systems_do_not_count() -> None:
    times = {n: 2e-6 * n**1.5 for n in (200, 400, 800, 1600)}
    exponent, error, factor = power_law({3: 1.0, **times})
    assert (exponent, factor) == pytest.approx((1.5, 2e-6))
    assert error < 1e-9


def test_the_exponent_has_the_standard_error_of_a_slope() -> None:
    random, sizes = np.random.default_rng(1), 100 * 2 ** np.arange(8)
    fits = [
        power_law({int(n): n * np.exp(random.normal(0.0, 0.1)) for n in sizes}) for _ in range(300)
    ]
    exponents, errors, _ = np.transpose(fits)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(exponents.std(), rel=0.15)
    assert exponents.mean() == pytest.approx(1.0, abs=0.01)


def test_two_sizes_are_too_few() -> None:
    with pytest.raises(NotApplicable, match=r"fewer than 3 sizes were quick enough: \[100, 200\]"):
        power_law({100: 1.0, 200: 2.0})


@pytest.mark.parametrize("structure", [liquid_water(1), water_dimer()])
def test_systems_double_and_times_are_per_atom(structure) -> None:
    (check,) = find_checks(["cost"])
    found = check.measure(Bench(open_subject("water-pbe0"), (structure,), "quick", 1))
    sizes = [int(row[0]) for row in found.rows]
    assert sizes == [len(structure) * 2**k for k in range(len(sizes))]
    assert len(sizes) >= 3
    for atoms, ms, per_atom, _ in found.rows:
        assert float(per_atom) == pytest.approx(1000 * float(ms) / int(atoms), rel=0.01)
