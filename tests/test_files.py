"""Files are replaced whole or not at all, and failures say why."""

import errno
import os
import stat
from pathlib import Path

import pytest

from openmm_innff.errors import InnffError
from openmm_innff.files import FileWriteError, atomic_write, make_folder


def test_text_and_bytes(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.txt") as file:
        file.write("Å\n")
    with atomic_write(tmp_path / "a.bin", "wb") as file:
        file.write(b"\x00\n")
    assert (tmp_path / "a.txt").read_bytes() == "Å\n".encode()
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bin", "a.txt"]


def test_replaces_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write("new")
        assert path.read_text() == "old"
        assert list(tmp_path.glob("*.txt")) == [path]
    assert path.read_text() == "new"


def test_a_library_may_write_to_the_name(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.txt") as file:
        Path(file.name).write_text("by name")
    assert (tmp_path / "a.txt").read_text() == "by name"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.txt") as file:
        file.write("x")
    (tmp_path / "plain.txt").write_text("x")
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with atomic_write(tmp_path / "link.txt") as file:
        file.write("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_interruption_keeps_the_old_file(tmp_path: Path, kind: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_write(path) as file:
            file.write("half")
            raise kind

    with pytest.raises(kind):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, when, full)
    with (
        pytest.raises(FileWriteError, match=r"a\.txt.* is full; the old file is unchanged"),
        atomic_write(path) as file,
    ):
        file.write("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with atomic_write(path) as file, open("/dev/full", "w") as disk:
            os.dup2(disk.fileno(), file.fileno())
            file.write("x" * 100_000)

    with pytest.raises(FileWriteError, match="is full"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(InnffError, match=r"can't write .*'.*nowhere' does not exist$"),
        atomic_write(tmp_path / "nowhere" / "a.txt"),
    ):
        pass


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FileWriteError, match="is not a folder"),
        atomic_write(tmp_path / "file" / "a.txt"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FileWriteError, match="no permission"), atomic_write(tmp_path / "a.txt"):
        pass
    tmp_path.chmod(0o700)


def test_target_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="a file was wanted"), atomic_write(tmp_path):
        pass


def test_errors_of_other_files_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="other"), atomic_write(tmp_path / "a.txt"):
        (tmp_path / "other").read_text()


def test_unknown_mode(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found 'a'"):
        atomic_write(tmp_path / "a.txt", "a")  # type: ignore[call-overload]


def test_make_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a").is_dir()
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "under"):
        with pytest.raises(FileWriteError, match=r"can't make the folder .* in its place"):
            make_folder(path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(FileWriteError, match=r"new': No space left on device"):
        make_folder(tmp_path / "new")
