"""The bonded fast part: physics, walls, topologies, and the compiled form against torch."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from ase.build import molecule

from openmm_innff.data import Frame
from openmm_innff.engine.library import library
from openmm_innff.errors import ConfigError, UnknownEnvironmentError
from openmm_innff.modelfile import ModelCard, read_model, save_model
from openmm_innff.potential import BondedConfig, Potential, PotentialConfig
from openmm_innff.potential.topology import environments, find_topology
from openmm_innff.training.bonded import frame_bonds, known_types
from tests.conftest import bonded_potential

CUBIC = 9.3 * torch.eye(3, dtype=torch.float64)
TRICLINIC = torch.tensor([[9.3, 0, 0], [2.0, 9.4, 0], [-3.0, 4.0, 9.5]], dtype=torch.float64)
NO_BOX = torch.zeros(3, 3, dtype=torch.float64)


def isolated(name: str) -> Frame:
    atoms = molecule(name)
    return Frame(
        atoms.numbers, atoms.positions, np.zeros((3, 3)), False, 0.0, np.zeros_like(atoms.positions)
    )


@pytest.fixture
def ethanol() -> Frame:
    return isolated("CH3CH2OH")


@pytest.fixture
def potential(water_box: Frame, ethanol: Frame) -> Potential:
    return bonded_potential([water_box, ethanol])


@pytest.fixture(params=["torch", "compiled"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "compiled" and library() is None:
        pytest.skip("the compiled engine was not built")
    return request.param


def evaluator(potential, frame, engine="torch", periodic=None, part="fast", **options):
    """A function of positions and box that returns energy and forces."""
    made = potential.evaluator(
        part,
        frame.numbers,
        periodic=frame.periodic if periodic is None else periodic,
        dtype=torch.float64,
        bonds=frame_bonds(frame),
        **options,
    )
    if engine == "torch":
        return made
    (component,) = made.components
    kept = component.compiled_object()

    def call(positions, box):
        energy, forces = kept(positions.numpy(), box.numpy())
        return torch.tensor(energy, dtype=torch.float64), torch.from_numpy(forces)

    return call


def distorted(frame: Frame, amount: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shift = torch.randn(frame.positions.shape, generator=generator, dtype=torch.float64)
    return torch.from_numpy(frame.positions) + amount * shift


@pytest.mark.parametrize("box", [CUBIC, TRICLINIC], ids=["cubic", "triclinic"])
@pytest.mark.parametrize("amount", [0.0, 0.3], ids=["inside the ranges", "far outside"])
def test_forces_are_finite_differences_of_the_energy(potential, water_box, engine, box, amount):
    fast = evaluator(potential, water_box, engine)
    positions, step = distorted(water_box, amount), 1e-5
    forces = fast(positions, box)[1]
    for atom, axis in ((0, 0), (1, 2), (40, 1)):
        energies = []
        for sign in (1, -1):
            moved = positions.clone()
            moved[atom, axis] += sign * step
            energies.append(fast(moved, box)[0])
        slope = -float(energies[0] - energies[1]) / (2 * step)
        assert float(forces[atom, axis]) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.skipif(library() is None, reason="the compiled engine was not built")
@pytest.mark.parametrize("amount", [0.0, 0.1, 0.5])
def test_the_compiled_form_is_the_torch_form(potential, water_box, ethanol, amount):
    for frame, box in ((water_box, CUBIC), (water_box, TRICLINIC), (ethanol, NO_BOX)):
        positions = distorted(frame, amount)
        energy, forces = evaluator(potential, frame)(positions, box)
        same_energy, same_forces = evaluator(potential, frame, "compiled")(positions, box)
        torch.testing.assert_close(same_energy, energy, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(same_forces, forces, rtol=1e-10, atol=1e-10)


def test_rotation_translation_permutation_and_images_change_nothing(potential, water_box, engine):
    box, positions = TRICLINIC, distorted(water_box, 0.02)
    energy, forces = evaluator(potential, water_box, engine)(positions, box)
    generator = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    images = torch.randint(-2, 3, positions.shape, generator=generator).double() @ box
    waters = torch.randperm(27, generator=generator)
    order = (3 * waters[:, None] + torch.arange(3)).reshape(-1)  # the frame's elements stay
    there = ((positions + images)[order] + 0.7) @ turn
    again, turned = evaluator(potential, water_box, engine)(there, box @ turn)
    torch.testing.assert_close(again, energy, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(turned, forces[order] @ turn, rtol=1e-8, atol=1e-8)


def test_two_far_molecules_have_twice_the_energy(potential, ethanol, engine):
    positions = torch.from_numpy(ethanol.positions)
    one = evaluator(potential, ethanol, engine)(positions, NO_BOX)[0]
    pair = Frame(
        np.tile(ethanol.numbers, 2),
        np.concatenate([ethanol.positions, ethanol.positions + 20.0]),
        np.zeros((3, 3)),
        False,
        0.0,
        np.zeros((18, 3)),
    )
    both = evaluator(potential, pair, engine)(torch.from_numpy(pair.positions), NO_BOX)[0]
    assert float(both) == pytest.approx(2 * float(one), rel=1e-12)


@pytest.mark.parametrize("moving", ["bond", "angle", "pair"])
def test_energy_is_twice_differentiable_through_all_ends(potential, water_box, engine, moving):
    """Second differences stay near each other, over range ends, walls and the pair cutoff."""
    waters = Frame(
        np.array([8, 1, 1, 8, 1, 1]),
        np.concatenate([water_box.positions[:3], water_box.positions[:3] + 2.5 * np.eye(3)[2]]),
        np.zeros((3, 3)),
        False,
        0.0,
        np.zeros((6, 3)),
    )
    fast = evaluator(potential, waters, engine)
    start = torch.from_numpy(waters.positions)
    steps = torch.linspace(-0.4, 0.9, 1301)
    energies = []
    for step in steps:
        moved = start.clone()
        if moving == "bond":
            moved[1] += step * (start[1] - start[0]) / (start[1] - start[0]).norm()
        elif moving == "angle":
            moved[1] += step * torch.linalg.cross(start[1] - start[0], moved.new_tensor([0, 0, 1]))
        else:
            moved[3:, 2] += step
        energies.append(float(fast(moved, NO_BOX)[0]))
    bend = np.diff(energies, n=2) / 1e-6
    assert np.abs(np.diff(bend)).max() < 0.15 * np.abs(bend).max()  # a jump would be of its size


def test_walls_hold_bonds_and_contacts(potential, water_box):
    fast = evaluator(potential, water_box)
    positions = torch.from_numpy(water_box.positions)
    bond = positions[1] - positions[0]
    for length in (0.3, 2.5):
        moved = positions.clone()
        moved[1] = moved[0] + length * bond / bond.norm()
        pull = float(fast(moved, CUBIC)[1][1] @ bond)
        assert (pull > 5.0) if length < 1 else (pull < -5.0)


def test_environments_name_an_atom_and_its_neighbours():
    assert environments("OHHC", [(0, 1), (0, 2)]) == ["O(HH)", "H(O)", "H(O)", "C()"]


def test_a_topology_lists_each_bond_and_angle_once():
    topology = find_topology("OHH", [(1, 0), (0, 2), (0, 1)])
    assert topology.bonds == [(1, 0), (2, 0)]
    assert topology.angles == [(1, 0, 2)]
    assert topology.angle_types == [("H(O)", "O(HH)", "H(O)")]


def test_an_unknown_environment_is_an_error_that_names_the_atom(water_box, ethanol):
    potential = bonded_potential([water_box])
    with pytest.raises(UnknownEnvironmentError, match=r"atom 0 is O\(H\).*knows: H\(O\), O\(HH\)"):
        potential.evaluator("fast", [8, 1], periodic=False, bonds=[(0, 1)])


def test_an_unknown_angle_is_an_error_that_names_the_atoms(water_box):
    known = bonded_potential([water_box]).config
    config = PotentialConfig(
        known.elements, BondedConfig(**{**vars(known.fast), "angles": ()}), known.slow
    )
    with pytest.raises(UnknownEnvironmentError, match=r"atoms 1, 0, 2 form the angle H\(O\)-O"):
        Potential(config).evaluator("fast", [8, 1, 1], periodic=False, bonds=[(0, 1), (0, 2)])


def test_bonds_must_be_given(potential):
    with pytest.raises(ConfigError, match="bonds: wanted the pairs"):
        potential.evaluator("total", [8, 1, 1], periodic=False)
    potential.evaluator("slow", [8, 1, 1], periodic=False)  # it has none


def test_faults_are_told(potential, water_box, engine):
    fast = evaluator(potential, water_box, engine)
    positions = torch.from_numpy(water_box.positions).clone()
    with pytest.raises(RuntimeError, match="twice the cutoff"):
        fast(positions, 5.0 * torch.eye(3, dtype=torch.float64))
    positions[7, 1] = torch.nan
    with pytest.raises(RuntimeError, match="NaN or inf at atom 7"):
        fast(positions, CUBIC)


def test_terms_follow_the_atoms(potential, water_box, engine):
    """A list that is kept gives what a new one gives."""
    kept = evaluator(potential, water_box, engine, skin=0.6)
    positions = torch.from_numpy(water_box.positions).clone()
    generator = torch.Generator().manual_seed(1)
    for _ in range(12):
        positions += 0.1 * torch.randn(positions.shape, generator=generator, dtype=torch.float64)
        fresh = evaluator(potential, water_box, engine, skin=0.0)
        torch.testing.assert_close(kept(positions, CUBIC), fresh(positions, CUBIC))


def test_scripted_it_gives_the_same(potential, water_box):
    made = evaluator(potential, water_box)
    positions = distorted(water_box, 0.05)
    torch.testing.assert_close(torch.jit.script(made)(positions, CUBIC), made(positions, CUBIC))


def test_fast_and_slow_add_up_to_the_total(potential, water_box):
    positions = torch.from_numpy(water_box.positions)
    parts = {
        part: evaluator(potential, water_box, part=part)(positions, CUBIC)
        for part in ("fast", "slow", "total")
    }
    for k in range(2):
        torch.testing.assert_close(parts["fast"][k] + parts["slow"][k], parts["total"][k])


def test_a_model_file_keeps_types_and_numbers(potential, water_box, tmp_path):
    path = save_model(tmp_path / "m.innff", potential, ModelCard(name="m"))
    loaded, _ = read_model(path)
    assert loaded.config == potential.config
    positions = torch.from_numpy(water_box.positions)
    before, after = (evaluator(p, water_box)(positions, CUBIC) for p in (potential, loaded))
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert json.loads(json.dumps(asdict(loaded.config)))["fast"]["kind"] == "bonded"


def test_known_types_hold_what_the_frames_hold(water_box, ethanol):
    config = known_types(BondedConfig(), [water_box, ethanol])
    assert "C(CHHO)" in config.environments
    assert ("H(O)", "O(HH)") in [kind.atoms for kind in config.bonds]
    assert ("H", "H") in [kind.atoms for kind in config.pairs]
    (angle,) = [kind for kind in config.angles if kind.atoms == ("H(O)", "O(HH)", "H(O)")]
    assert -0.6 < angle.low < np.cos(np.radians(104.5)) < angle.high < 0.1
