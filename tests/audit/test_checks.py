"""The mathematics inside tests, on functions whose answer is known."""

import numpy as np
import pytest

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import curl, find_checks, scans
from openmm_innff.audit.checks.jumps import largest_jump
from openmm_innff.audit.checks.smoothness import fall, roughness
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.structures import molecule, water_dimer
from openmm_innff.audit.subjects import Evaluate, Evaluation, Options, Subject, open_subject


@pytest.mark.parametrize("size", [0.0, 1e-3, 0.1])
def test_jumps_beside_a_steep_slope_are_found(size: float) -> None:
    def function(s: float) -> float:
        return float(np.exp(-3 * s) * 1e3 - size * (s > 3.21))

    grid = np.linspace(2.0, 6.0, 150)
    jump = largest_jump(function, grid, np.array([function(s) for s in grid]), 3, [])
    assert jump.size == pytest.approx(size, abs=1e-6)
    if size:
        assert jump.where == pytest.approx(3.21, abs=1e-3)


def test_smooth_curves_have_no_roughness_and_ripples_have_theirs() -> None:
    x = np.arange(0.0, 2.0, 0.005)
    smooth = 50 * (1 - np.exp(-2 * (x - 0.5))) * np.exp(-2 * (x - 0.5))
    ripple = 0.01 * np.sqrt(np.mean(smooth**2)) * np.sqrt(2) * np.sin(2 * np.pi * x / 0.02)
    assert roughness(smooth) < 1e-6
    assert roughness(smooth + ripple) == pytest.approx(0.01, rel=0.3)


def test_energies_fall_into_other_minima_and_off_the_end() -> None:
    x = np.linspace(-2.0, 2.0, 401)
    assert fall(x**2, 150) == 0.0
    double = (x**2 - 1) ** 2 + 0.1 * x
    wall = double[150:250].max()
    assert fall(double, 110) == pytest.approx(wall - double[200:].min())
    assert fall(double, 290) == pytest.approx(wall - double[:200].min())
    assert fall(x**2 - 0.5 * x**3, 210) == pytest.approx(
        16 / 27, rel=1e-3
    )  # highest at 4/3, 0 at 2
    assert fall(-x, 200) == pytest.approx(2.0)


class Swirl(Subject):
    """A force with a curl: each atom is driven around an axis, beside a spring."""

    name, kind = "swirl", "made up"
    strength = 0.5

    def bind(self, structure: Structure, options: Options = Options()) -> Evaluate:  # noqa: B008
        turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])

        def evaluate(positions: Array, cell: Array | None) -> Evaluation:
            forces = -positions + self.strength * positions @ turn
            return Evaluation(float(np.sum(positions**2) / 2), forces)

        return evaluate

    def impulse(self, structure: Structure, step_fs: float) -> Array:
        return np.zeros_like(structure.positions)


def test_curl_is_the_asymmetry_of_the_jacobian() -> None:
    bench = Bench(Swirl(), (molecule("H2O"),), "full")
    found = curl.measure(bench)
    # J = -1 + s K: |J - J^T| = 2 s sqrt(2), |J| = sqrt(3 + 2 s^2), for each atom
    assert found.value == pytest.approx(2 * 0.5 * np.sqrt(2 / (3 + 2 * 0.25)), rel=0.4)


def test_a_dihedral_turns_one_side() -> None:
    (scan,) = scans.dihedrals(molecule("H2O2"))
    start = scan.structure.positions
    np.testing.assert_allclose(scan.place(2 * np.pi), start, atol=1e-12)
    moved = np.flatnonzero(np.abs(scan.place(1.0) - start).max(1) > 1e-6)
    assert len(moved) == 1
    slope = (scan.place(1e-5) - scan.place(-1e-5)) / 2e-5
    np.testing.assert_allclose(scan.tangent(0.0), slope, atol=1e-8)


def test_bonds_in_rings_are_left_out() -> None:
    labels = [scan.label for scan in scans.bonds(molecule("C6H6"))]
    assert labels == ["C6H6: C–H"]
    assert not scans.dihedrals(molecule("C2H2"))


@pytest.mark.parametrize("name", ["images", "triclinic"])
def test_without_a_box_there_is_a_reason(name: str) -> None:
    (check,) = find_checks([name])
    with pytest.raises(NotApplicable, match="no periodic structure among: water dimer"):
        check.measure(Bench(open_subject("ase:emt"), (water_dimer(),)))
