"""Every mistake in a file is met by an error that names the file, the frame and the mistake."""

import gzip
import os
from pathlib import Path

import ase.io
import numpy as np
import pytest

from openmm_innff.data import read_frames
from openmm_innff.errors import DataError

LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4"'
COLUMNS = "Properties=species:S:1:pos:R:3:forces:R:3"
GOOD = f"{LATTICE} {COLUMNS} energy=-1.5"
ROWS = ("O 0 0 0 0.1 0 0", "H 1 0 0 -0.1 0 0")


def data_folder() -> Path:
    default = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("INNFF_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"the reference data are not at {folder} (set INNFF_DATA)")
    return folder


def write(tmp_path: Path, *comments: str, rows: tuple[str, ...] = ROWS) -> Path:
    path = tmp_path / "data.xyz"
    text = "".join("\n".join((str(len(rows)), comment, *rows, "")) for comment in comments)
    path.write_text(text)
    return path


def test_one_frame(tmp_path: Path) -> None:
    (frame,) = read_frames(write(tmp_path, GOOD + " source=run-7 temperature=300"))
    assert frame.periodic
    assert frame.energy == -1.5
    assert frame.numbers.tolist() == [8, 1]
    assert frame.forces[:, 0].tolist() == [0.1, -0.1]
    assert frame.cell.tolist() == np.diag([4.0, 4.0, 4.0]).tolist()
    assert frame.info == {
        "source": "data.xyz", "index": 0, "file_source": "run-7", "temperature": 300,
    }  # fmt: skip


def test_triclinic_box_keeps_its_rows(tmp_path: Path) -> None:
    comment = GOOD.replace("4 0 0 0 4 0 0 0 4", "4 0 0 1 4 0 0.5 0.25 4")
    (frame,) = read_frames(write(tmp_path, comment))
    assert frame.cell.tolist() == [[4, 0, 0], [1, 4, 0], [0.5, 0.25, 4]]


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        (":", [0, 1, 2, 3]), ("1", [1]), (-1, [3]), ("::2", [0, 2]), ("2:", [2, 3]),
        (slice(1, 3), [1, 2]), (2, [2]),
    ],
)  # fmt: skip
def test_index(tmp_path: Path, index: str | int | slice, wanted: list[int]) -> None:
    path = write(tmp_path, *[GOOD] * 4)
    assert [frame.info["index"] for frame in read_frames(path, index)] == wanted


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("a", "index must be a number or a slice"), ("1:2:3:4", "number or a slice"),
        (7, "frame 7 wanted, found 1 frames"), ("5:", "no frames found for index '5:' of 1"),
    ],
)  # fmt: skip
def test_bad_index(tmp_path: Path, index: str | int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_frames(write(tmp_path, GOOD), index)


@pytest.mark.parametrize(
    ("pbc", "isolated", "periodic"),
    [("", None, True), ('pbc="F F F"', None, False), ('pbc="F F F"', False, True),
     ('pbc="T T F"', True, False), ("", True, False)],
)  # fmt: skip
def test_periodicity(tmp_path: Path, pbc: str, isolated: bool | None, periodic: bool) -> None:
    (frame,) = read_frames(write(tmp_path, f"{GOOD} {pbc}"), isolated=isolated)
    assert frame.periodic is periodic
    assert frame.cell.any() == periodic


def test_other_keys(tmp_path: Path) -> None:
    comment = GOOD.replace("forces", "REF_forces").replace("energy", "REF_energy") + " energy=7"
    path = write(tmp_path, comment)
    (frame,) = read_frames(path, energy_key="REF_energy", forces_key="REF_forces")
    assert frame.energy == -1.5
    assert frame.forces[0, 0] == 0.1
    with pytest.raises(DataError, match=r"no forces: wanted the column 'forces', found REF_forces"):
        read_frames(path)


def test_a_single_atom_needs_no_forces(tmp_path: Path) -> None:
    comment = 'Properties=species:S:1:pos:R:3 energy=-13.6 pbc="F F F"'
    (frame,) = read_frames(write(tmp_path, comment, rows=("H 0 0 0",)))
    assert frame.forces.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        (GOOD + " energy=-2", "'energy' is there twice"),
        (GOOD + " energy=-1.5", "'energy' is there twice"),
        (GOOD + " Energy=-2", "two energies: 'energy' = -1.5 and 'Energy' = -2"),
        (GOOD.replace("pos:R:3:forces", "forces:R:3:forces"), "column 'forces' is there twice"),
        (GOOD.replace(" energy=-1.5", " free=1"), "no energy: wanted the key 'energy', found free"),
        (GOOD.replace("-1.5", "nan"), "energy must be finite"),
        (GOOD.replace("-1.5", "low"), r"energy \(energy\) must be a number, found 'low'"),
        (GOOD.replace("=-1.5", ""), "must be a number, found True"),
        (GOOD.replace("-1.5", '"1 2"'), r"energy must have shape \(\), found \(2,\)"),
        (GOOD.replace("forces", "push"), "wanted the column 'forces', found push"),
        (GOOD.replace("forces:R:3", "forces:R:x"), "Properties must be triples"),
        (GOOD.replace("forces:R:3", "forces:Q:3"), "unknown element or column type 'Q'|not valid"),
        (GOOD + ' pbc="T T F"', "pbc must be 'T T T' or 'F F F', found 'T T F'"),
        (f'{COLUMNS} energy=-1.5 pbc="T T T"', "needs a box, found no Lattice"),
        (GOOD.replace(LATTICE, 'Lattice="1 2 3"'), "not valid extended XYZ"),
        (GOOD.replace("4", "0.4"), "volume of 0.064 angstrom"),
    ],
)
def test_bad_comment(tmp_path: Path, comment: str, message: str) -> None:
    path = write(tmp_path, GOOD, comment)
    with pytest.raises(DataError, match=message) as caught:
        read_frames(path)
    assert str(caught.value).startswith(f"{path}, frame 1: ")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("H 1 0 0 0 0", "atom 1: wanted 7 columns, found 6"),
        ("H 1 0 0 0 0 0 0", "atom 1: wanted 7 columns, found 8"),
        ("Hx 1 0 0 0 0 0", "unknown element or column type 'Hx'"),
        ("X 1 0 0 0 0 0", "atomic numbers must be 1 to 118, found 0"),
        ("H 1 0 0 0 0 nan", "forces must be finite, found NaN or infinity of atom 1"),
        ("H 1 inf 0 0 0 0", "positions must be finite"),
        ("H 1 0 zero 0 0 0", "not valid extended XYZ: could not convert string to float: 'zero'"),
        ("H 0.1 0 0 0 0 0", "0.1 angstrom apart.*are the positions in angstrom"),
    ],
)
def test_bad_row(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_frames(write(tmp_path, GOOD, rows=(ROWS[0], row)))


def test_forces_in_another_unit(tmp_path: Path) -> None:
    rows = ("O 0 0 0 900 0 0", "H 1 0 0 -900 0 0")
    with pytest.raises(DataError, match=r"RMS of 519.6, .* another unit"):
        read_frames(write(tmp_path, GOOD, rows=rows))


def test_truncated_text(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, GOOD)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(DataError, match="frame 1: the file ends early, wanted 2 atoms, found 1"):
        read_frames(path)


def test_an_empty_line_does_not_end_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, GOOD)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], "", *lines[4:], "", ""]))
    assert len(read_frames(path)) == 2


def test_wrong_number_of_atoms(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, GOOD)
    path.write_text(path.read_text().replace("2\n", "1\n", 1))
    with pytest.raises(DataError, match="line 4: wanted the number of atoms, found 'H 1"):
        read_frames(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"can't read '.*none\.xyz': No such file"):
        read_frames(tmp_path / "none.xyz")
    (tmp_path / "empty.xyz").write_text("")
    with pytest.raises(DataError, match="no frames found"):
        read_frames(tmp_path / "empty.xyz")
    (tmp_path / "plain.xyz.gz").write_text("2\n")
    with pytest.raises(DataError, match="Not a gzipped file"):
        read_frames(tmp_path / "plain.xyz.gz")
    whole = gzip.compress(write(tmp_path, *[GOOD] * 20).read_bytes())
    (tmp_path / "cut.xyz.gz").write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"cut.xyz.gz': .*ended"):
        read_frames(tmp_path / "cut.xyz.gz")


@pytest.mark.parametrize(
    ("name", "periodic", "elements", "count"),
    [
        ("water_pbe0/water_pbe0_valid.xyz.gz", True, ("H", "O"), 80),
        ("dataset_acac/train_300K.xyz.gz", False, ("H", "C", "O"), 500),
        ("dataset_3BPA/iso_atoms.xyz", False, ("H", "C", "N", "O"), 4),
    ],
)
def test_real_files_agree_with_ase(
    name: str, periodic: bool, elements: tuple[str, ...], count: int
) -> None:
    path = data_folder() / name
    frames = read_frames(path)
    assert len(frames) == count
    assert frames.elements == elements
    last = ase.io.read(path, -1)
    assert frames[-1].periodic is periodic
    np.testing.assert_array_equal(frames[-1].positions, last.positions)
    assert frames[-1].energy == last.get_potential_energy()
    if len(last) > 1:
        np.testing.assert_array_equal(frames[-1].forces, last.get_forces())
