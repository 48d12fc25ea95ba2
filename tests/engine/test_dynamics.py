"""A compiled component along a trajectory: lists, errors, copies, other processes."""

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from openmm_innff.data import Frame
from openmm_innff.engine import dynamics

pytestmark = pytest.mark.usefixtures("compiled")

BOX = 9.3 * torch.eye(3, dtype=torch.float64)


@pytest.fixture
def positions(water_box: Frame) -> torch.Tensor:
    return torch.from_numpy(water_box.positions)


@pytest.fixture
def make(tiny_potential, water_box):
    def evaluator(engine: str = "compiled", **options):
        options = {"periodic": True, "dtype": torch.float64, **options}
        return tiny_potential.evaluator("total", water_box.numbers, engine=engine, **options)

    return evaluator


def test_the_engine_may_change_in_the_middle_of_a_trajectory(make, positions):
    """Steps of velocity Verlet with engines by turns and with torch alone."""
    trajectories = []
    for engines in (("compiled", "torch"), ("torch", "torch")):
        evaluators = [make(engine) for engine in engines]
        x, v = positions.clone(), torch.zeros_like(positions)
        force = evaluators[0](x, BOX)[1]
        energies = []
        for step in range(20):
            v = v + 0.01 * force
            x = x + 0.02 * v
            energy, force = evaluators[step // 5 % 2](x, BOX)
            v = v + 0.01 * force
            energies.append(float(energy))
        trajectories.append(energies)
    np.testing.assert_allclose(trajectories[0], trajectories[1], rtol=1e-12)


def test_a_list_is_renewed_when_an_atom_has_moved_half_the_skin_or_the_box_has_changed(
    make, positions
):
    evaluator = make(skin=0.6)
    evaluator(positions, BOX)
    kept = evaluator.components[1].compiled_object()
    assert kept.rebuilds == 1
    moved = positions.clone()
    moved[0, 0] += 0.29
    evaluator(moved, BOX)
    assert kept.rebuilds == 1
    moved[0, 0] += 0.02
    evaluator(moved, BOX)
    assert kept.rebuilds == 2
    evaluator(moved, 1.001 * BOX)
    assert kept.rebuilds == 3


@pytest.mark.parametrize("scripted", [False, True], ids=["eager", "scripted"])
def test_errors_say_what_was_wanted_and_found(make, positions, scripted: bool):
    evaluator = torch.jit.script(make()) if scripted else make()
    with pytest.raises(Exception, match=r"box: wanted a width of .* 5\.0 angstrom, found 4\.65"):
        evaluator(positions, 0.5 * BOX)
    broken = positions.clone()
    broken[7, 1] = torch.nan
    with pytest.raises(Exception, match=r"positions: wanted finite numbers, .* at atom 7"):
        evaluator(broken, BOX)
    with pytest.raises(Exception, match=r"positions: wanted shape \(81, 3\), found \(80, 3\)"):
        evaluator(positions[1:], BOX)
    assert torch.isfinite(evaluator(positions, BOX)[0])


@pytest.mark.parametrize("count", [80, 82])
@pytest.mark.parametrize("scripted", [False, True], ids=["eager", "scripted"])
@pytest.mark.parametrize("engine", ["torch", "compiled"])
def test_another_number_of_atoms_is_refused(make, positions, engine, scripted, count):
    evaluator = torch.jit.script(make(engine)) if scripted else make(engine)
    others = torch.cat([positions, positions + 50.0])[:count]
    with pytest.raises(Exception, match=rf"wanted shape \(81, 3\), found \({count}, 3\)"):
        evaluator(others, BOX)


@pytest.mark.parametrize("engine", ["torch", "compiled"])
@pytest.mark.parametrize("factor", [0.0, torch.nan, torch.inf])
def test_a_box_that_is_none_is_refused_as_any_narrow_one(make, positions, engine, factor: float):
    with pytest.raises(RuntimeError, match=r"box: wanted"):
        make(engine)(positions, factor * BOX)


def test_a_skin_that_the_compiled_list_cannot_hold_is_named(make, positions):
    with pytest.raises(RuntimeError, match=r"skin: wanted at most the cutoff, 2\.5 .* found 20"):
        make(skin=20.0)(positions, BOX)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_the_list_is_complete_in_boxes_of_any_shape(tiny_potential, periodic, seed):
    """Dense and dilute, flat and long, skewed, with atoms far outside: as vesin finds the pairs."""
    random = np.random.default_rng(seed)
    box = np.diag(random.uniform(8.1, 20.0, 3)) + np.tril(random.uniform(-4.0, 4.0, (3, 3)), -1)
    atoms = int(random.integers(2, 120))
    fractions = random.uniform(0.0, 1.0, (atoms, 3))
    if periodic:
        fractions += random.integers(-3, 4, (atoms, 3))
        fractions[0] = -1e-17, 1.0, 0.0  # on faces
    positions, cell = torch.from_numpy(fractions @ box), torch.from_numpy(box)
    numbers = random.choice([1, 8], atoms)
    found, expected = (
        tiny_potential.evaluator(
            "slow", numbers, periodic=periodic, dtype=torch.float64, engine=engine
        )(positions, cell)
        for engine in ("compiled", "torch")
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("skin", [0.0, 0.5, 2.0])
def test_numbers_depend_neither_on_the_skin_nor_on_when_the_list_was_made(
    tiny_potential, water_box, positions, skin
):
    """In a box of several cells each way, as vesin finds the pairs."""
    shifts = 9.3 * torch.cartesian_prod(*[torch.arange(3)] * 3).double()
    first = (positions + shifts[:, None]).reshape(-1, 3)
    random = torch.Generator().manual_seed(1)
    moved = first + 0.2 * torch.rand(first.shape, generator=random, dtype=torch.float64) - 0.1
    results = []
    for engine, own in (("compiled", skin), ("torch", 0.0)):
        evaluator = tiny_potential.evaluator(
            "total",
            np.tile(water_box.numbers, 27),
            periodic=True,
            skin=own,
            dtype=torch.float64,
            engine=engine,
        )
        evaluator(first, 3 * BOX)
        results.append(evaluator(moved, 3 * BOX))
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)


def test_isolated_atoms_need_no_box(make, positions):
    found, expected = (
        make(engine, periodic=False)(positions, torch.zeros(3, 3))
        for engine in ("compiled", "torch")
    )
    torch.testing.assert_close(found, expected)


def test_results_depend_on_the_number_of_threads_only(make, positions):
    before = torch.get_num_threads()
    results = {}
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            first, second = make()(positions, BOX), make()(positions, BOX)
            assert torch.equal(first[0], second[0])
            assert torch.equal(first[1], second[1])
            results[count] = first
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(results[1], results[2], atol=1e-12, rtol=0)


def test_copies_may_be_used_by_several_threads_at_once(make, positions):
    """Copies share one compiled object; each thread has its own place along a line."""
    evaluator = make()
    places = [positions + torch.tensor([0.4 * k, 0, 0]) * (positions > 4.0) for k in range(3)]
    expected = [make()(place, BOX)[1] for place in places]

    def forces(k: int) -> list[torch.Tensor]:
        copied = copy.deepcopy(evaluator)
        return [copied(places[k], BOX)[1] for _ in range(20)]

    with ThreadPoolExecutor(3) as pool:
        for k, found in enumerate(pool.map(forces, range(3))):
            for result in found:
                torch.testing.assert_close(result, expected[k], atol=1e-12, rtol=0)


def test_copies_give_the_same_numbers(make, positions):
    evaluator = make()
    energy, forces = evaluator(positions, BOX)
    for copied in (copy.deepcopy(evaluator), pickle.loads(pickle.dumps(evaluator))):
        again = copied(positions, BOX)
        torch.testing.assert_close(again[0], energy, rtol=1e-14, atol=0)
        torch.testing.assert_close(again[1], forces, rtol=0, atol=1e-13)


def test_a_saved_module_works_in_another_process(make, positions, tmp_path):
    path = tmp_path / "evaluator.pt"
    energy = float(make()(positions, BOX)[0])
    torch.jit.script(make()).save(path)
    torch.save(positions, tmp_path / "positions.pt")
    code = (
        "import torch, openmm_innff.engine.dynamics\n"
        f"evaluator = torch.jit.load({str(path)!r})\n"
        f"positions = torch.load({str(tmp_path / 'positions.pt')!r})\n"
        "print(float(evaluator(positions, 9.3 * torch.eye(3).double())[0]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(energy, rel=1e-14)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(make, positions):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        evaluator = make()
        energy = float(evaluator(positions, BOX)[0])
        child = os.fork()
        if child == 0:
            os._exit(0 if float(evaluator(positions, BOX)[0]) == energy else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        torch.set_num_threads(before)


def test_objects_not_used_for_long_are_dropped_and_made_anew(make, positions, monkeypatch):
    monkeypatch.setattr(dynamics, "_MOST", 2)
    first = make()
    energy = first(positions, BOX)[0]
    for _ in range(3):
        make()(positions, BOX)
    assert dynamics.find(first.components[0].key) is None
    torch.testing.assert_close(first(positions, BOX)[0], energy)
