"""`innff sample`: what it writes, and what it refuses."""

import numpy as np
import pytest
from ase.io import read

from openmm_innff import cli
from openmm_innff.errors import ConfigError, SimulationError
from openmm_innff.reference.store import write_frames
from openmm_innff.sampling.collect import Wish, collect
from openmm_innff.sampling.forcefields import TightBinding
from openmm_innff.sampling.selection import fingerprints
from openmm_innff.sampling.structure import load_molecule

pytest.importorskip("rdkit")
pytest.importorskip("tblite")
ALIKE = 2e-3  # 1/angstrom


def nearest(structures):
    rows = fingerprints(structures)
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    return (distances + np.eye(len(rows))).min()


def test_all_sources_give_different_intact_structures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = "sample C[NH3+] --frames 30 --temperatures 300 500 --out frames.xyz"
    assert cli.main(command.split()) == 0
    frames = read("frames.xyz", ":")
    assert len(frames) == 30
    assert {(a.info["charge"], a.info["spin"]) for a in frames} == {(1, 0)}
    molecule = load_molecule("C[NH3+]")
    assert all(molecule.intact(a.positions) for a in frames)
    assert nearest([a.positions for a in frames]) > ALIKE
    printed = capsys.readouterr().out
    for what in ("minima: ", "normal modes:", "dynamics:", "along dihedral", "chosen: 30"):
        assert what in printed

    # More of them, unlike those: what is known is read again.
    more = "sample C[NH3+] --frames 10 --sources modes --known frames.xyz --seed 1 --out more.xyz"
    assert cli.main(more.split()) == 0
    assert nearest([a.positions for a in (*frames, *read("more.xyz", ":"))]) > ALIKE


def test_it_is_repeatable_and_spreads_wide():
    molecule = load_molecule("OO")
    wish = Wish(10, sources=("modes", "scans"), seed=3)
    first, second = (collect(molecule, TightBinding(molecule), wish) for _ in range(2))
    assert np.allclose(first.structures, second.structures, atol=1e-6)
    angles = [molecule.atoms(p).get_dihedral(*molecule.torsions[0]) for p in first.structures]
    # The minimum is at 115 degrees and its mirror image; flat ones come from the scan.
    assert min(min(abs(a - 180), a, 360 - a) for a in angles) < 35


def test_a_model_moves_the_atoms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main("sample O --model water-pbe0 --frames 8 --out water.xyz".split()) == 0
    lengths = [a.get_distance(0, 1) for a in read("water.xyz", ":")]
    assert 0.8 < min(lengths) < max(lengths) < 1.2


def test_nothing_new_is_an_error():
    molecule = load_molecule("OO")
    force_field = TightBinding(molecule)
    wish = Wish(5, sources=("scans",))
    known = collect(molecule, force_field, Wish(100, sources=("scans",))).structures
    with pytest.raises(SimulationError, match="resemble those that are known"):
        collect(molecule, force_field, wish, known)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("OO --frames 0", "frames: wanted at least 1"),
        ("OO --temperatures -5", "temperatures: wanted above 0 K"),
        ("OO --out frames.db", "out: wanted a file that ends in .xyz"),
        ("CC[O]", "is a hydrogen missing"),
        ("CO --model water-pbe0", "atom 0 is C"),
        ("OO --known other.xyz", "known: frame 0 of 'other.xyz' is H2O"),
    ],
)
def test_mistakes_are_explained(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_frames("other.xyz", [load_molecule("O").atoms()])
    assert cli.main(["sample", *arguments.split()]) == 2
    assert message in capsys.readouterr().err


def test_wishes_are_checked():
    with pytest.raises(ConfigError, match="conformers: wanted at least 1"):
        Wish(conformers=0)
