"""A molecule in its site: motion that is known, energies that OpenMM knows."""

from itertools import pairwise
from pathlib import Path

import mdtraj
import numpy as np
import openmm
import pytest

from openmm_innff.binding import interaction_energy, save_course, site_course, site_of
from openmm_innff.errors import DataError

BOX = 3.0  # nm
LIGAND = [0, 1, 2]


def made(frames: np.ndarray, box: bool = True) -> mdtraj.Trajectory:
    """A ligand of 3 atoms, a host of 8 and a water; positions (n_frames, 14, 3) in nm."""
    topology, element = mdtraj.Topology(), mdtraj.element
    chain = topology.add_chain()
    for name, symbols in (("LIG", "CCH"), ("HST", "CCCCCCCC"), ("HOH", "OHH")):
        residue = topology.add_residue(name, chain)
        atoms = [
            topology.add_atom(symbol, element.Element.getBySymbol(symbol), residue)
            for symbol in symbols
        ]
        for first, second in pairwise(atoms):
            topology.add_bond(first, second)
    trajectory = mdtraj.Trajectory(frames.astype(np.float32), topology)
    if box:
        trajectory.unitcell_vectors = np.repeat(np.eye(3)[None] * BOX, len(frames), axis=0)
    return trajectory


@pytest.fixture
def start() -> np.ndarray:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    ligand = np.array([[0.25, 0.25, 0.2], [0.25, 0.25, 0.32], [0.3, 0.3, 0.36]])
    return np.concatenate([ligand, 0.5 * corners, [[1.2, 1, 1], [1.2, 1.1, 1], [1.2, 1, 1.1]]])


def turn(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_motion_of_the_whole_does_not_count(start: np.ndarray) -> None:
    moved = start.copy()
    moved[LIGAND] += [0.0, 0.0, 0.1]  # by one angstrom along an axis of the host
    frames = np.stack([start, start @ turn(1) + 0.7, moved @ turn(2) - 3.1])
    course = site_course(made(frames, box=False), LIGAND, 0.5)
    np.testing.assert_allclose(course.time, [0.5, 1.0, 1.5])
    np.testing.assert_allclose(course.displacement, [0, 0, 1], atol=1e-4)
    np.testing.assert_allclose(course.rmsd, [0, 0, 1], atol=1e-4)
    assert course.coulomb is None
    assert list(course.distances) == ["site centre", "HST 1"]
    apart = np.linalg.norm(start[:2, None] - start[None, 3:11], axis=2).min()
    np.testing.assert_allclose(course.distances["HST 1"][:2], 10 * apart, atol=1e-3)


def test_images_do_not_count(start: np.ndarray) -> None:
    other = start.copy()
    other[LIGAND] += [BOX, -2 * BOX, 0]
    other[3:7] += [0, BOX, 0]  # a host that a face of the box cuts
    course = site_course(made(np.stack([start, other])), LIGAND, 1.0)
    np.testing.assert_allclose(course.displacement, 0, atol=1e-4)


def test_site_is_the_heavy_surroundings_without_water(start: np.ndarray) -> None:
    assert site_of(made(start[None]), LIGAND).tolist() == list(range(3, 11))
    far = start.copy()
    far[LIGAND] += 1.2
    with pytest.raises(DataError, match=r"a site of at least 4 heavy atoms .* found 0"):
        site_course(made(far[None]), LIGAND, 1.0)


def test_energy_is_openmms(start: np.ndarray) -> None:
    random = np.random.default_rng(1)
    system, force = openmm.System(), openmm.NonbondedForce()
    for _ in range(14):
        system.addParticle(1.0)
        force.addParticle(random.normal(), random.uniform(0.1, 0.2), random.uniform(0.1, 1))
    system.addForce(force)

    def energies(chosen: list[int]) -> tuple[float, float]:
        parts = []
        for charged in (True, False):
            only, pairs = openmm.System(), openmm.NonbondedForce()
            for i in range(14):
                charge, sigma, epsilon = force.getParticleParameters(i)
                on = i in chosen
                only.addParticle(1.0)
                pairs.addParticle(charge * (on and charged), sigma, epsilon * (on and not charged))
            only.addForce(pairs)
            context = openmm.Context(
                only,
                openmm.VerletIntegrator(0.001),
                openmm.Platform.getPlatformByName("Reference"),
            )
            context.setPositions(start)
            parts.append(context.getState(energy=True).getPotentialEnergy()._value)
        return parts[0], parts[1]

    others = list(range(3, 14))
    found = interaction_energy(made(start[None], box=False), LIGAND, system)
    for k in (0, 1):
        expected = energies(LIGAND + others)[k] - energies(LIGAND)[k] - energies(others)[k]
        assert found[k][0] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(DataError, match="wanted a NonbondedForce with charges"):
        interaction_energy(made(start[None]), LIGAND, openmm.System())


def test_table(start: np.ndarray, tmp_path: Path) -> None:
    course = site_course(made(np.stack([start, start + 0.1])), LIGAND, 2.0)
    save_course(course, tmp_path / "site.csv")
    lines = (tmp_path / "site.csv").read_text().splitlines()
    assert lines[0] == (
        "time_ps,rmsd_angstrom,displacement_angstrom,site_centre_angstrom,HST_1_angstrom"
    )
    assert lines[2].startswith("4.0000,0.000")
