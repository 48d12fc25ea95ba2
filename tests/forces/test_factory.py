"""Forces of both backends against the evaluator, each other and finite differences."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

# isort: split
import openmm
from openmm import unit

from openmm_innff.errors import BackendError, SystemSetupError, UnsupportedElementError
from openmm_innff.forces import FAST, SLOW, make_force
from openmm_innff.forces.backend import torch_obstacle
from openmm_innff.forces.pythonforce import positions_of
from openmm_innff.potential import Potential
from openmm_innff.units import EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM, EV_TO_KJ_PER_MOL

BOXES = {
    "isolated": None,
    "orthorhombic": np.diag([8.0, 9.0, 10.0]),
    "triclinic": np.array([[9.0, 0.0, 0.0], [2.0, 9.0, 0.0], [-3.0, 2.5, 9.0]]),
}
PARTS = ("fast", "slow", "total")


@dataclass(frozen=True)
class Sample:
    """Atomic numbers (N,), positions (N, 3) and box vectors (3, 3) or None, in angstrom."""

    numbers: list[int]
    positions: np.ndarray
    box: np.ndarray | None

    def force(self, potential: Potential, part: str, **options: object) -> openmm.Force:
        periodic = self.box is not None
        options = {"precision": "double"} | options
        return make_force(potential, part, self.numbers, periodic=periodic, **options)


def make_sample(kind: str) -> Sample:
    """24 atoms, no two close to each other, some of them outside the box."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)[:24]
    positions = (grid + 0.12 * rng.normal(size=grid.shape)) * 2.4 - 1.0
    return Sample([8, 1, 1] * 8, positions, BOXES[kind])


@pytest.fixture(params=BOXES)
def sample(request: pytest.FixtureRequest) -> Sample:
    return make_sample(request.param)


def context_of(
    sample: Sample, *forces: openmm.Force, n: int = 24, platform: str = "Reference"
) -> openmm.Context:
    """Make a Context with n particles in the sample's box, at its positions if there are 24."""
    system = openmm.System()
    for _ in range(n):
        system.addParticle(1.0)
    for force in forces:
        system.addForce(force)
    if sample.box is not None:
        system.setDefaultPeriodicBoxVectors(*(sample.box / 10))
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    if n == len(sample.numbers):
        context.setPositions(sample.positions / 10)
    return context


def results(context: openmm.Context, groups: int = -1) -> tuple[float, np.ndarray]:
    """Energy in kJ/mol and forces (N, 3) in kJ/mol/nm."""
    state = context.getState(energy=True, forces=True, groups=groups)
    forces = state.getForces(asNumpy=True)
    return (
        state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
        forces.value_in_unit(unit.kilojoule_per_mole / unit.nanometer),
    )


def assert_same(found: tuple[float, np.ndarray], wanted: tuple[float, np.ndarray]) -> None:
    """Equal to 1e-9 relative: rounding only."""
    assert found[0] == pytest.approx(wanted[0], rel=1e-9)
    scale = np.abs(wanted[1]).max()
    np.testing.assert_allclose(found[1], wanted[1], rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("part", PARTS)
def test_equals_the_evaluator(
    potential: Potential, sample: Sample, backend: str, part: str
) -> None:
    context = context_of(sample, sample.force(potential, part, backend=backend))
    evaluator = potential.evaluator(
        part, sample.numbers, periodic=sample.box is not None, dtype=torch.float64
    )
    box = torch.zeros(3, 3) if sample.box is None else torch.tensor(sample.box)
    energy, forces = evaluator(torch.tensor(sample.positions), box)
    wanted = (
        float(energy) * EV_TO_KJ_PER_MOL,
        forces.numpy() * EV_PER_ANGSTROM_TO_KJ_PER_MOL_NM,
    )
    assert np.abs(wanted[1]).max() > 10  # the comparison means something
    assert_same(results(context), wanted)


@pytest.mark.skipif(torch_obstacle() is not None, reason=f"one backend: {torch_obstacle()}")
@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_backends_agree(
    potential: Potential, sample: Sample, precision: str, platform: str
) -> None:
    found = [
        results(
            context_of(
                sample,
                sample.force(potential, "total", backend=backend, precision=precision),
                platform="CPU",
            )
        )
        for backend in ("torch", "python")
    ]
    tolerance = 1e-9 if precision == "double" else 1e-5
    assert found[0][0] == pytest.approx(found[1][0], rel=tolerance)
    scale = np.abs(found[1][1]).max()
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=0, atol=tolerance * scale)


def test_precisions_agree(potential: Potential, backend: str) -> None:
    sample = make_sample("triclinic")
    single, double = (
        results(
            context_of(
                sample, sample.force(potential, "total", backend=backend, precision=precision)
            )
        )
        for precision in ("single", "double")
    )
    assert single[0] == pytest.approx(double[0], rel=1e-5)
    assert np.abs(single[1] - double[1]).max() < 1e-4 * np.abs(double[1]).max()


def test_forces_are_the_gradient(potential: Potential, sample: Sample) -> None:
    context = context_of(sample, sample.force(potential, "total", backend="python"))
    _, forces = results(context)
    step = 1e-5  # nm
    for atom, axis in ((0, 0), (7, 1), (22, 2)):
        energies = []
        for sign in (1, -1):
            positions = sample.positions / 10
            positions[atom, axis] += sign * step
            context.setPositions(positions)
            energies.append(results(context)[0])
        slope = (energies[0] - energies[1]) / (2 * step)
        # 1e-6 eV/angstrom is 1e-3 kJ/mol/nm.
        assert -slope == pytest.approx(forces[atom, axis], abs=1e-3)


def test_fast_and_slow_make_the_total(potential: Potential, backend: str) -> None:
    sample = make_sample("triclinic")
    parts = [sample.force(potential, part, backend=backend) for part in ("fast", "slow")]
    assert [force.getName() for force in parts] == ["INN-FF fast", "INN-FF slow"]
    assert [force.getForceGroup() for force in parts] == [FAST, SLOW]
    context = context_of(sample, *parts)
    total = context_of(sample, sample.force(potential, "total", backend=backend))
    assert_same(results(context), results(total))
    fast, slow = (results(context, {group}) for group in (FAST, SLOW))
    assert_same((fast[0] + slow[0], fast[1] + slow[1]), results(total))


def test_subset_of_atoms(potential: Potential, sample: Sample, backend: str) -> None:
    """The atoms may be any particles in any order; the others feel nothing."""
    wanted = results(context_of(sample, sample.force(potential, "total", backend=backend)))
    atoms = np.random.default_rng(0).permutation(40)[:24]
    force = sample.force(potential, "total", backend=backend, atoms=atoms, n_particles=40)
    context = context_of(sample, force, n=40)
    positions = np.zeros((40, 3))
    positions[atoms] = sample.positions / 10
    context.setPositions(positions)
    energy, forces = results(context)
    assert_same((energy, forces[atoms]), wanted)
    assert not forces[np.setdiff1d(np.arange(40), atoms)].any()


@pytest.mark.parametrize("kind", ["orthorhombic", "triclinic"])
def test_lattice_vectors_change_nothing(potential: Potential, backend: str, kind: str) -> None:
    sample = make_sample(kind)
    shifts = np.random.default_rng(1).integers(-3, 4, size=(24, 3)) @ sample.box
    moved = replace(sample, positions=sample.positions + shifts)
    found, wanted = (
        results(context_of(one, one.force(potential, "total", backend=backend)))
        for one in (moved, sample)
    )
    assert_same(found, wanted)


def test_box_of_the_context_is_used(potential: Potential, backend: str) -> None:
    """Forces follow the Context's box, not the System's, step after step."""
    sample = make_sample("triclinic")
    larger = replace(sample, box=1.1 * sample.box)
    wanted = results(context_of(larger, larger.force(potential, "total", backend=backend)))
    context = context_of(sample, sample.force(potential, "total", backend=backend))
    results(context)
    context.setPeriodicBoxVectors(*(larger.box / 10))
    assert_same(results(context), wanted)


def test_positions_are_found_without_what_openmm_hides() -> None:
    positions = make_sample("isolated").positions

    class PublicState:
        def getPositions(self, asNumpy: bool) -> unit.Quantity:
            return unit.Quantity(positions, unit.nanometer)

    found = positions_of(PublicState())
    np.testing.assert_array_equal(found, positions)
    assert not np.shares_memory(found, positions)


def test_another_number_of_particles_is_refused(potential: Potential, backend: str) -> None:
    sample = make_sample("isolated")
    context = context_of(sample, sample.force(potential, "slow", backend=backend), n=25)
    context.setPositions(np.zeros((25, 3)))
    with pytest.raises(openmm.OpenMMException, match=r"wanted shape \(24, 3\), found \(25, 3\)"):
        results(context)


@pytest.mark.parametrize("copied", [copy.deepcopy, openmm.XmlSerializer.clone])
def test_copies(potential: Potential, backend: str, copied: object) -> None:
    sample = make_sample("triclinic")
    force = sample.force(potential, "slow", backend=backend)
    context = context_of(sample, force)
    wanted = results(context)
    system = copied(context.getSystem())
    assert system.getForce(0).getForceGroup() == SLOW
    again = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU")
    )
    again.setPositions(sample.positions / 10)
    assert_same(results(again), wanted)


def test_reference_energies(potential: Potential, backend: str) -> None:
    sample = make_sample("triclinic")
    bare, shifted = (
        results(
            context_of(
                sample, sample.force(potential, "fast", backend=backend, reference_energies=given)
            )
        )
        for given in (False, True)
    )
    wanted = (bare[0] + (8 * -2000.0 + 16 * -13.0) * EV_TO_KJ_PER_MOL, bare[1])
    assert_same(shifted, wanted)


def test_messages_at_run_time_are_complete(potential: Potential, backend: str) -> None:
    sample = make_sample("orthorhombic")
    context = context_of(sample, sample.force(potential, "slow", backend=backend))
    context.setPeriodicBoxVectors(*(sample.box / 20))
    with pytest.raises(openmm.OpenMMException, match=r"box: wanted .*use a larger box"):
        results(context)
    context.setPeriodicBoxVectors(*(sample.box / 10))
    context.setPositions(np.full((24, 3), np.nan))
    with pytest.raises(openmm.OpenMMException, match="positions: wanted finite numbers, found NaN"):
        results(context)


def test_force_group(potential: Potential) -> None:
    force = make_sample("isolated").force(potential, "total", force_group=5, backend="python")
    assert force.getForceGroup() == 5
    assert force.getName() == "INN-FF total"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"backend": "cuda"}, BackendError, "backend must be one of .*found 'cuda'"),
        ({"precision": "half"}, SystemSetupError, "'single' or 'double', found 'half'"),
        ({"n_particles": 30}, SystemSetupError, "n_particles is 30, but there are 24 atomic"),
        ({"atoms": range(24)}, SystemSetupError, "n_particles, the size of the System, is needed"),
        ({"atoms": range(5), "n_particles": 40}, SystemSetupError, r"24 .*found shape \(5,\)"),
        ({"atoms": [1] * 24, "n_particles": 40}, SystemSetupError, "found one twice"),
        ({"atoms": range(20, 44), "n_particles": 40}, SystemSetupError, "= 39, found 20 to 43"),
    ],
)
def test_errors(potential: Potential, options: dict, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        make_sample("isolated").force(potential, "fast", **options)


def test_unknown_element(potential: Potential) -> None:
    with pytest.raises(UnsupportedElementError, match="atom 1 is Fe"):
        make_force(potential, "fast", [8, 26], periodic=False)
