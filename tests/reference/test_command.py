"""`innff label` as users type it."""

import pytest
from ase import Atoms
from ase.io import write

from openmm_innff import cli
from openmm_innff.data import read_frames

pytest.importorskip("pyscf")
pytest.importorskip("tblite")


@pytest.fixture
def structures(water, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = [Atoms(water.numbers, water.positions * (1 + 0.01 * i)) for i in range(3)]
    write("water.xyz", frames, format="extxyz")
    return tmp_path


def test_from_structures_to_training_data(structures, capsys):
    assert cli.main("label water.xyz --level gfn2-xtb".split()) == 0
    assert "written: water-labels.xyz, 3 frames" in capsys.readouterr().out
    frames = read_frames("water-labels.xyz", check_labels=False)
    assert len(frames) == 3
    assert frames[0].energy == pytest.approx(-137.95, abs=0.05)
    assert cli.main("label water.xyz --level gfn2-xtb".split()) == 0
    assert "3 of 3" in capsys.readouterr().out


def test_method_and_basis_with_options(structures, capsys):
    arguments = "label water.xyz --method mp2 --basis sto-3g --index 1: --charge 1 --spin 1"
    assert cli.main([*arguments.split(), *"--all-electrons --out a.db --export b.xyz".split()]) == 0
    frames = read_frames("b.xyz", check_labels=False)
    assert len(frames) == 2
    assert frames[0].info["level"] == "MP2/sto-3g, all electrons"
    assert frames[0].info["charge"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("water.xyz", "wanted --level"),
        ("water.xyz --level HF/sto-3g --basis sto-3g", "goes into --level"),
        ("water.xyz --level GFN2-xTB --charge 1", "frame 0 (H2O +1): spin: 9 electrons"),
        ("no.xyz --level GFN2-xTB", "can't read 'no.xyz'"),
        ("water.xyz --index 9: --level GFN2-xTB", "no frames found"),
        ("water.xyz --level GFN2-xTB --out a.h5", "ends in .db"),
    ],
)
def test_mistakes(structures, capsys, arguments, message):
    assert cli.main(["label", *arguments.split()]) == 2
    assert message in capsys.readouterr().err
