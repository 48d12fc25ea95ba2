"""Time and memory against the number of atoms."""

import time
from pathlib import Path

import numpy as np
import pytest

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.checks.sizes import Size, power_law
from openmm_innff.audit.clock import own_time
from openmm_innff.audit.memory import peak_memory
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
    (check,) = find_checks(["time"])
    found = check.measure(Bench(open_subject("water-pbe0"), (structure,), "quick", 1))
    sizes = [int(row[0]) for row in found.rows]
    assert sizes == [len(structure) * 2**k for k in range(len(sizes))]
    assert len(sizes) >= 3
    for atoms, ms, per_atom in found.rows:
        assert float(per_atom) == pytest.approx(1000 * float(ms) / int(atoms), rel=0.01)


def test_memory_grows_with_the_atoms_and_is_seen_where_it_is_needed() -> None:
    if peak_memory(lambda: None) is None:
        pytest.skip("the operating system doesn't tell")
    megabyte = np.zeros(10**6, dtype=np.uint8)
    assert peak_memory(lambda: np.tile(megabyte, 60)) == pytest.approx(60.0, abs=6.0)
    assert peak_memory(lambda: None) < 3.0


def test_what_each_evaluation_needs_anyway_is_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    (check,) = find_checks(["memory"])
    measured = [Size(n, 1e-6 * n, 40.0 + 0.05 * n, 900.0) for n in (192, 384, 768, 1536, 3072)]
    monkeypatch.setattr("openmm_innff.audit.checks.cost.sizes", lambda bench: measured)
    found = check.measure(Bench(open_subject("water-pbe0"), (water_dimer(),)))
    assert found.value == pytest.approx(1.0)
    assert [row[2] for row in found.rows] == ["9.6", "19.2", "38.4", "76.8", "–"]
    monkeypatch.setattr(
        "openmm_innff.audit.checks.cost.sizes", lambda bench: [Size(100, 1.0, None, 900.0)]
    )
    with pytest.raises(NotApplicable, match="operating system"):
        check.measure(Bench(open_subject("water-pbe0"), (water_dimer(),)))
    little = [Size(n, 1.0, 7.0 + 0.001 * n, 900.0) for n in (192, 384, 768, 1536)]
    monkeypatch.setattr("openmm_innff.audit.checks.cost.sizes", lambda bench: little)
    with pytest.raises(NotApplicable, match="too little to tell how it grows: 9 MB for 1536 atoms"):
        check.measure(Bench(open_subject("water-pbe0"), (water_dimer(),)))


def test_the_clock_runs_with_work_and_with_waiting_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    began, on_the_wall = own_time(), time.perf_counter()
    time.sleep(0.05)
    assert 0.04 < own_time() - began <= time.perf_counter() - on_the_wall + 1e-3
    waited = [0.0, 0.0, 0.0, 3.0, 3.0, 3.0]  # taken away while it is read: once more
    monkeypatch.setattr("openmm_innff.audit.clock._waited", lambda: waited.pop(0))
    assert own_time() - own_time() == pytest.approx(3.0, abs=0.1)


def test_a_system_that_does_not_tell_has_the_time_on_the_wall(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("openmm_innff.audit.clock._STATISTICS", tmp_path / "none")
    assert own_time() == pytest.approx(time.perf_counter(), abs=0.1)
