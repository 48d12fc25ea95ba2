"""Files that are either whole or not there: every file of this package is written through here."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, overload

from openmm_innff.errors import InnffError


class FileWriteError(InnffError, OSError):
    """A file that could not be written: full disk, missing or unwritable folder."""


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder and those above it; one that exists is fine.

    Raises
    ------
    FileWriteError
        If it can't be made, or something that is not a folder has the name.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "something that is not a folder is in its place"
        if not isinstance(error, (FileExistsError, NotADirectoryError)):
            reason = error.strerror or str(error)
        raise FileWriteError(f"can't make the folder '{folder}': {reason}") from error
    return folder


@overload
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["w"] = "w"
) -> contextlib.AbstractContextManager[IO[str]]: ...
@overload
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["wb"]
) -> contextlib.AbstractContextManager[IO[bytes]]: ...
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["w", "wb"] = "w"
) -> contextlib.AbstractContextManager[IO[Any]]:
    """Open a temporary file that takes the place of `path` when the block ends without error.

    Until then, and after any error or interruption, the old file stays as it was. Libraries that
    want a path instead of a file object may write to ``file.name``. A symbolic link is followed.

    Parameters
    ----------
    path
        The file to write; its folder must exist.
    mode
        ``"w"`` for text (UTF-8, lines end as written) or ``"wb"`` for bytes.

    Raises
    ------
    FileWriteError
        If the folder is missing or not writable, or the disk is full; names path and reason.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode must be 'w' or 'wb', found {mode!r}")
    return _atomic_write(Path(path), mode)


@contextlib.contextmanager
def _atomic_write(path: Path, mode: str) -> Iterator[IO[Any]]:
    target = Path(os.path.realpath(path))
    # Ends in .tmp so that no search for "*.ckpt" or the like ever finds a half-written file.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        with open(temporary, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        # An error that names another file comes from the caller's own work: leave it alone.
        if error.filename is None or Path(error.filename) == temporary:
            raise FileWriteError(_explain(path, error)) from error
        raise
    finally:
        # Gone already after os.replace; a folder that can't be reached must not hide the reason.
        with contextlib.suppress(OSError):
            temporary.unlink()


def _explain(path: Path, error: OSError) -> str:
    folder = path.parent
    reasons = {
        errno.ENOENT: f"the folder '{folder}' does not exist",
        errno.ENOTDIR: f"'{folder}' is not a folder",
        errno.EACCES: f"no permission to write in the folder '{folder}'",
        errno.EPERM: f"no permission to write in the folder '{folder}'",
        errno.EROFS: f"the folder '{folder}' is on a read-only disk",
        errno.ENOSPC: f"the disk that holds '{folder}' is full",
        errno.EDQUOT: f"the disk quota of '{folder}' is used up",
        errno.EISDIR: "it is a folder, a file was wanted",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    kept = "; the old file is unchanged" if path.is_file() else ""
    return f"can't write '{path}': {reason}{kept}"
