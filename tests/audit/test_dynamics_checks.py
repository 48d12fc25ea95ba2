"""Tests of dynamics and scales: their mathematics on known answers, and one run shared by all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from openmm_innff.analysis import RadialDistribution
from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import (
    diffusion,
    find_checks,
    force_path,
    heat_capacity,
    pressure,
    temperature,
)
from openmm_innff.audit.checks.geometry import liquid_water_of, nearest
from openmm_innff.audit.checks.hydrogen_bonds import count
from openmm_innff.audit.checks.rdf import first_maximum, same_pair
from openmm_innff.audit.checks.stability import forgive_transfers
from openmm_innff.audit.checks.vibrations import unshifted
from openmm_innff.audit.faults import Torn
from openmm_innff.audit.recording import Plan
from openmm_innff.audit.recordings import Recordings
from openmm_innff.audit.result import NotApplicable, Result
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.structures import (
    default_structures,
    liquid_water,
    molecule,
    water_dimer,
)
from openmm_innff.audit.subjects import Evaluate, Evaluation, Options, Subject, open_subject
from openmm_innff.audit.suite import run_check
from openmm_innff.errors import ConfigError
from openmm_innff.statistics import Mean
from openmm_innff.units import KB_EV_PER_K

SHORT = Plan(rest_ps=0.1, length_ps=0.2, friction=10.0, seed=1)


@pytest.fixture(scope="module")
def model() -> Subject:
    return open_subject("water-pbe0")


@pytest.fixture(scope="module")
def structures(model: Subject) -> tuple[Structure, ...]:
    liquid, _, single = default_structures(model, seed=1)
    return liquid, single


@pytest.fixture(scope="module")
def results(model: Subject, structures) -> dict[str, Result]:
    recordings = Recordings()
    return {
        check.name: run_check(
            check, Bench(model, structures, "quick", 1, check.name, recordings=recordings)
        )
        for check in find_checks(["dynamics", "scales"])
    }


def audit(subject: Subject, structures: tuple[Structure, ...], *names: str) -> dict[str, Result]:
    recordings = Recordings()
    return {
        check.name: run_check(
            check, Bench(subject, structures, "quick", 1, check.name, recordings=recordings)
        )
        for check in find_checks(names)
    }


def test_the_shipped_model_is_sound_in_a_short_run(results: dict[str, Result]) -> None:
    for name in ("stability", "energy-drift", "vibrations", "rdf-data", "force-change"):
        assert results[name].verdict == "pass", results[name]
    for name in ("kinetic-temperature", "configurational-temperature"):
        assert results[name].verdict != "fail", results[name]
        assert results[name].error is not None
    for name in ("density", "heat-capacity"):
        assert "--full" in results[name].reason
    assert "20 ps are needed" in results["diffusion"].reason


def test_the_separation_is_seen(results: dict[str, Result]) -> None:
    rows = {row[0]: float(row[2].split()[0]) for row in results["force-spectra"].rows}
    assert rows["fast"] > 0.8
    assert rows["slow"] < 0.2
    assert [curve.label for curve in results["force-spectra"].panels[0].curves] == ["fast", "slow"]


def test_molecules_that_tear_fail_stability_alone(model: Subject, structures) -> None:
    found = audit(
        Torn(model),
        structures[1:],
        "stability",
        "kinetic-temperature",
        "configurational-temperature",
    )
    assert found["stability"].verdict == "fail"
    broken, lost = (int(cell) for cell in found["stability"].rows[-1][3:5])
    assert found["configurational-temperature"].verdict == "not applicable"
    exploded = "exploded" in found["stability"].rows[-1][-1]
    assert exploded or (broken, lost) == (2, 2)


def test_a_hydrogen_may_go_over_to_another_atom() -> None:
    """It leaves the first oxygen, and is held by the second one, then by none."""
    bonded = Structure("", np.array([8, 1, 8]), np.zeros((3, 3)), bonds=((0, 1),))
    positions = np.zeros((3, 3, 3))
    positions[:, 1, 0], positions[:, 2, 0] = (1.0, 1.6, 1.6), (2.6, 2.6, 4.0)
    longer = positions[:, [1], 0] - 1.0
    forgive_transfers(longer, bonded, positions)
    np.testing.assert_allclose(longer[:, 0], [0.0, 0.0, 0.6])


class Swirl(Subject):
    """Springs to the origin, and a force with a curl that drives each atom around an axis."""

    name, kind = "swirl", "made up"

    def __init__(self, strength: float) -> None:
        self.turn = strength * np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        def evaluate(positions: Array, cell: Array | None) -> Evaluation:
            energy = 0.5 * float(np.sum(positions**2))
            return Evaluation(energy, positions @ self.turn - positions)

        return evaluate

    def impulse(self, structure: Structure, step_fs: float) -> Array:
        return np.zeros_like(structure.positions)


@pytest.mark.parametrize(("strength", "verdict"), [(0.0, "pass"), (0.04, "fail")])
def test_a_force_that_is_no_gradient_makes_energy_drift(strength: float, verdict: str) -> None:
    found = audit(Swirl(strength), (molecule("H2O"),), "energy-drift")["energy-drift"]
    assert found.verdict == verdict, found


def test_a_stopped_run_goes_on_with_the_same_numbers(model: Subject, tmp_path: Path) -> None:
    structure, plan = water_dimer(), replace(SHORT, length_ps=8.0)
    whole = Recordings().find(model, structure, plan, lambda: None)
    ticks = 0

    def stop() -> None:
        nonlocal ticks
        ticks += 1
        if ticks > 300:  # in the second of two segments
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Recordings(tmp_path / "runs").find(model, structure, plan, stop)
    kept = sorted(file.name for file in (tmp_path / "runs").iterdir())
    assert kept == ["water_dimer-0.npz", "water_dimer-1.npz"]
    resumed = Recordings(tmp_path / "runs").find(model, structure, plan, lambda: None)
    np.testing.assert_array_equal(resumed.seen.positions, whole.seen.positions)
    np.testing.assert_array_equal(resumed.seen.squares, whole.seen.squares)
    (tmp_path / "runs" / "water_dimer-1.npz").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="wanted a part of a run, found none"):
        Recordings(tmp_path / "runs").find(model, structure, plan, lambda: None)


@pytest.mark.parametrize("name", ["water-pbe0", "openmm:tip3p.xml", "ase:emt"])
def test_any_potential_runs_through_the_same_door(name: str) -> None:
    subject, structure = open_subject(name), molecule("H2O")
    found = Recordings().find(subject, structure, SHORT, lambda: None)
    assert not found.failure
    assert found.survived_ps == pytest.approx(0.3)
    _, order = subject.system(structure)
    assert sorted(order) == [0, 1, 2]
    assert found.species.masses == pytest.approx([15.999, 1.008, 1.008], abs=1e-3)


def test_nearest_images_and_hydrogen_bonds_of_a_dimer() -> None:
    cell = np.diag([10.0, 11.0, 12.0])
    moved = nearest(np.array([9.0, -6.0, 30.5]), cell)
    np.testing.assert_allclose(moved, [-1.0, 5.0, -5.5])
    dimer = water_dimer()
    assert count(dimer, dimer.positions) == 1.0  # one bond, two ends, two molecules
    apart = dimer.positions + 3.0 * (np.arange(6) > 2)[:, None]
    assert count(dimer, apart) == 0.0


def test_leapfrog_frequencies_are_put_right() -> None:
    step, true = 1.0, 3500.0
    omega = 2 * np.pi * 2.99792458e-5 * true
    seen = 2 / step * np.arcsin(omega * step / 2) / (2 * np.pi * 2.99792458e-5)
    assert seen > true + 50
    assert unshifted(np.array([seen]), step)[0] == pytest.approx(true)


def test_numbers_of_experiment_and_corrections() -> None:
    assert diffusion.experiment(298.15) == pytest.approx(2.299, abs=0.002)
    # xi k T / (6 pi eta L) by hand for 12.44 angstrom
    assert diffusion.size_correction(12.44) == pytest.approx(0.587, abs=0.003)


def test_boxes_of_several_sizes_show_diffusion_without_walls_and_viscosity() -> None:
    edges, slope = [12.4, 15.7, 19.7], diffusion.size_correction(1.0)
    exact = [Mean(2.4 - slope / edge, 0.01) for edge in edges]
    whole, found = diffusion.infinite_box(edges, exact)
    assert (whole.value, found.value) == pytest.approx((2.4, slope))
    random = np.random.default_rng(1)
    tries = [
        diffusion.infinite_box(
            edges, [Mean(m.value + random.normal(0.0, m.error), m.error) for m in exact]
        )[0]
        for _ in range(400)
    ]
    assert np.std([mean.value for mean in tries]) == pytest.approx(whole.error, rel=0.1)


def test_only_with_full_there_are_larger_boxes(model: Subject, structures, monkeypatch) -> None:
    seen = []

    def in_box(bench: Bench, structure: Structure) -> Mean:
        seen.append(len(structure.molecules))
        return Mean(2.0 + 0.001 * len(structure.molecules), 0.05)

    def liquid(seed: int, n: int) -> Structure:
        copies = np.zeros((n // 64, 3))
        return structures[0].with_copies(copies, n / 64 * structures[0].cell, f"{n}")

    monkeypatch.setattr(diffusion, "_in_box", in_box)
    monkeypatch.setattr(diffusion, "liquid_water", liquid)
    (check,) = find_checks(["diffusion"])
    assert not check.measure(Bench(model, structures, "default")).panels
    assert seen == [64]
    found = check.measure(Bench(model, structures, "full"))
    assert seen == [64, 64, 128, 256]
    assert len(found.panels[0].curves[1].x) == 4
    own = replace(structures[0], name="my.pdb")
    assert not check.measure(Bench(model, (own,), "full")).panels


def test_errors_of_temperatures_are_not_below_those_of_independent_vibrations() -> None:
    """300 atoms on springs, each a run of its own: their temperatures scatter as is said."""
    structure = replace(molecule("H2O"), numbers=np.array([8, 8, 8]))
    plan = Plan(rest_ps=0.5, length_ps=0.5, friction=10.0, seed=3)
    found = Recordings().find(Swirl(0.0), structure, plan, lambda: None)
    shown = temperature.deviation(found, {"all": Mean(290.0, 0.1)})
    assert shown.value == pytest.approx(100 / 30)
    assert shown.error == pytest.approx(100 * (2 / (9 * 10.0 * 0.5)) ** 0.5)


def test_infrared_light_is_absorbed_by_charges_that_move() -> None:
    subject = open_subject("openmm:tip3p.xml")
    box = replace(liquid_water(1, 216), name="box")
    charges = subject.charges(box)
    np.testing.assert_allclose(charges, [-0.834, 0.417, 0.417] * 216)
    np.testing.assert_allclose(
        subject.charges(box.reordered(np.arange(647, -1, -1))), charges[::-1]
    )
    bench = Bench(subject, (box,), "quick")
    plan = replace(SHORT, rest_ps=0.3, length_ps=0.5)
    bench.recordings.once(
        (box.name, bench.plan(box)), lambda: Recordings().find(subject, box, plan, lambda: None)
    )
    (check,) = find_checks(["infrared"])
    found = check.measure(bench)
    assert 3200.0 < float(found.rows[0][1].split()[0]) < 3700.0
    assert found.error is not None
    assert open_subject("water-pbe0").charges(box) is None


def test_a_maximum_is_found_between_bins() -> None:
    r = np.arange(0.025, 6.0, 0.05)
    g = np.exp(-((r - 2.81) ** 2) / 0.1) * 2.5
    function = RadialDistribution("O-H", r, g, np.full(len(r), 0.02))
    place, height = first_maximum(function)
    assert place == pytest.approx(2.81, abs=0.01)
    assert height.value == pytest.approx(2.5, abs=0.03)
    assert same_pair({"H-O": function}, "O-H") is function
    assert same_pair({"H-O": function}, "O-O") is None


def test_heat_capacity_is_that_of_the_fluctuations() -> None:
    random, wanted = np.random.default_rng(1), 75.0  # J/mol/K of each of 64 molecules
    spread = np.sqrt(64 * wanted / 8.31446 * (KB_EV_PER_K * 300.0) ** 2)
    found = heat_capacity.capacity(random.normal(-100.0, spread, 4000), 64)
    assert found.value == pytest.approx(wanted, abs=4 * found.error)
    assert found.error < 3.0


def test_constant_pressure_starts_from_the_density_of_the_box() -> None:
    subject = open_subject("openmm:tip3p.xml")
    structures = default_structures(subject, seed=1)[:1]
    bench = Bench(subject, structures, "quick")
    bench.recordings.once((structures[0].name, bench.plan(structures[0])), lambda: short(bench))
    run = pressure.at_pressure(bench, structures[0], 0.3)
    assert len(run.times) == 3
    assert run.densities == pytest.approx(np.full(3, 0.997), abs=0.05)
    assert np.ptp(run.densities) > 0.0


def test_a_stopped_run_at_constant_pressure_goes_on_with_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressure, "_SEGMENT_PS", 0.1)
    subject = open_subject("openmm:tip3p.xml")
    structures = default_structures(subject, seed=1)[:1]
    ticks = 0

    def stop() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 2:  # in the second of two segments
            raise KeyboardInterrupt

    def run(folder: Path | None, tick=lambda: None):
        bench = Bench(subject, structures, "quick", recordings=Recordings(folder), tick=tick)
        key = (structures[0].name, bench.plan(structures[0]))
        bench.recordings.once(key, lambda: short(bench))
        return pressure.at_pressure(bench, structures[0], 0.2)

    whole = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop)
    assert [file.name for file in tmp_path.iterdir()] == ["216_waters_liquid-pressure-1.npz"]
    resumed = run(tmp_path)
    np.testing.assert_array_equal(resumed.densities, whole.densities)
    np.testing.assert_array_equal(resumed.enthalpies, whole.enthalpies)
    np.testing.assert_allclose(whole.times, [0.1, 0.2])


def short(bench: Bench):
    return Recordings().find(bench.subject, bench.structures[0], SHORT, lambda: None)


def test_reasons_say_what_is_missing() -> None:
    with pytest.raises(NotApplicable, match="no liquid water"):
        liquid_water_of(
            Bench(
                open_subject("ase:emt"), (replace(molecule("H2O"), cell=9.0 * np.eye(3)),), "quick"
            )
        )
    with pytest.raises(NotApplicable, match="no parts"):
        force_path.force_path(Bench(open_subject("ase:emt"), (molecule("H2O"),), "quick"))
