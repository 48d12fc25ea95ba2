"""Radial distribution functions of systems whose answer is known."""

from pathlib import Path

import mdtraj
import numpy as np
import pytest

from openmm_innff.analysis import (
    RadialDistribution,
    agreement,
    load_table,
    radial_distribution,
    save_table,
)
from openmm_innff.errors import ConfigError, DataError


def _trajectory(positions: np.ndarray, symbols: list[str], box: np.ndarray) -> mdtraj.Trajectory:
    """Atoms without bonds; positions (n_frames, n_atoms, 3) and box (3, 3) in angstrom."""
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for symbol in symbols:
        element = mdtraj.element.Element.getBySymbol(symbol)
        topology.add_atom(symbol, element, topology.add_residue("X", chain))
    trajectory = mdtraj.Trajectory(positions / 10, topology)
    trajectory.unitcell_vectors = np.repeat(box[None] / 10, len(positions), axis=0)
    return trajectory


@pytest.mark.parametrize("box", [np.eye(3) * 10, np.array([[10, 0, 0], [3, 9, 0], [-2, 2, 8]])])
def test_ideal_gas_is_one_within_its_errors(box: np.ndarray) -> None:
    generator = np.random.default_rng(1)
    # Atoms are thrown over many boxes: only minimum images count.
    positions = generator.uniform(-2, 3, (200, 60, 3)) @ box
    found = radial_distribution(
        _trajectory(positions, ["O"] * 20 + ["H"] * 40, box), "O-H", bin_width=0.25
    )
    widest = 0.5 / np.linalg.norm(np.linalg.inv(box), axis=0).max()
    assert found.r[-1] == pytest.approx(widest, abs=0.26)
    outside = found.r > 1.0
    deviations = (found.g[outside] - 1) / found.error[outside]
    assert np.sqrt((deviations**2).mean()) < 1.8
    assert found.g[outside].mean() == pytest.approx(1.0, abs=0.02)


def test_errors_know_that_frames_resemble_each_other() -> None:
    generator = np.random.default_rng(1)
    box = np.eye(3) * 10
    positions = generator.uniform(0, 1, (100, 40, 3)) @ box
    repeated = np.repeat(positions, 10, axis=0)  # ten times as many frames that tell no more
    names = ["O"] * 40
    once, often = (
        radial_distribution(_trajectory(frames, names, box), "O-O", bin_width=0.5)
        for frames in (positions, repeated)
    )
    np.testing.assert_allclose(often.g, once.g, atol=1e-12)
    assert often.error[4:].mean() == pytest.approx(once.error[4:].mean(), rel=0.25)


def test_neighbours_on_a_cubic_lattice() -> None:
    spacing, cells = 2.53, 5
    sites = spacing * np.stack(np.meshgrid(*[np.arange(cells)] * 3), -1).reshape(-1, 3)
    box = np.eye(3) * spacing * cells
    frames = np.stack([sites, sites + 1.0])
    found = radial_distribution(_trajectory(frames, ["O"] * cells**3, box), "O-O")
    shells = 4 * np.pi * (found.r**2 + 0.05**2 / 12) * 0.05
    neighbours = found.g * shells * (cells**3 - 1) / (spacing * cells) ** 3
    filled = neighbours > 0.01
    np.testing.assert_allclose(
        found.r[filled], spacing * np.sqrt([1, 2, 3, 4, 5, 6])[: filled.sum()], atol=0.03
    )
    np.testing.assert_allclose(neighbours[filled][:5], [6, 12, 8, 6, 24], rtol=1e-4)
    assert (found.error == 0).all()


def test_pairs_within_a_molecule_are_left_out() -> None:
    trajectory = _trajectory(np.array([[[0.0, 0, 0], [1, 0, 0], [4, 0, 0]]]), ["O", "H", "H"],
                             np.eye(3) * 10.0)  # fmt: skip
    atoms = list(trajectory.topology.atoms)
    trajectory.topology.add_bond(atoms[0], atoms[1])
    found = radial_distribution(trajectory, "O-H")
    assert found.r[found.g > 0] == pytest.approx([4.0], abs=0.03)
    trajectory.topology.add_bond(atoms[0], atoms[2])
    with pytest.raises(DataError, match="no atoms O-H in different molecules"):
        radial_distribution(trajectory, "O-H")


def test_agreement() -> None:
    r = np.arange(0.5, 6)
    one = RadialDistribution("O-O", r, np.ones(6), np.full(6, 0.3))
    other = RadialDistribution("O-O", r, np.full(6, 1.5), np.full(6, 0.4))
    assert agreement(one, one).similarity == 1.0
    found = agreement(one, other)
    assert found.similarity == pytest.approx(1 - 0.5 / 2.5)
    assert found.difference == pytest.approx(0.5)
    assert found.noise == pytest.approx(0.5 * np.sqrt(2 / np.pi))


def test_table_reads_back(tmp_path: Path) -> None:
    r = np.arange(0.025, 1, 0.05)
    saved = RadialDistribution("O-H", r, r**2, r / 10)
    save_table([saved], tmp_path / "rdf.csv", ["Comment, with a comma"])
    read = load_table(tmp_path / "rdf.csv")["O-H"]
    np.testing.assert_allclose(read.r, r, atol=1e-4)
    np.testing.assert_allclose(read.g, saved.g, atol=1e-4)
    np.testing.assert_allclose(read.error, saved.error, atol=1e-4)


def test_what_is_not_a_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing-here"):
        load_table("nothing-here")
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match=r"other\.csv' is not a table"):
        load_table(path)


def test_one_frame_or_no_box() -> None:
    trajectory = _trajectory(np.zeros((1, 2, 3)), ["O", "O"], np.eye(3) * 10.0)
    assert (radial_distribution(trajectory, "O-O").error == 0).all()
    trajectory.unitcell_vectors = None
    with pytest.raises(DataError, match="periodic box"):
        radial_distribution(trajectory, "O-O")


def test_shipped_reference_is_liquid_water() -> None:
    table = load_table("water-pbe0-rdf")
    oxygen = table["O-O"]
    assert oxygen.r[np.argmax(oxygen.g)] == pytest.approx(2.75, abs=0.1)
    assert 2.3 < oxygen.g.max() < 3.5
    assert oxygen.r[-1] == pytest.approx(12.444661 / 2, abs=0.06)
    for function in table.values():
        assert function.g[function.r > 5.0].mean() == pytest.approx(1.0, abs=0.12)
        assert function.g[function.r < 1.2].max() == 0.0
