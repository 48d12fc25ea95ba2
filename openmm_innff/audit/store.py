"""Results of an audit on disk: each test is a file that is whole or not there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmm_innff.audit.result import Result
from openmm_innff.errors import ConfigError, DataError
from openmm_innff.files import atomic_write, make_folder

_SETTINGS = "settings.json"


class Store:
    """The folder that holds the results of one subject.

    Parameters
    ----------
    folder
        Made if it does not exist.
    settings
        What the results depend on.
    resume
        Whether results that are there are kept.

    Raises
    ------
    ConfigError
        If the folder holds results and ``resume`` is false, or they were made otherwise.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], resume: bool) -> None:
        self._folder = make_folder(folder)
        file = folder / _SETTINGS
        if file.is_file():
            if not resume:
                raise ConfigError(
                    f"out: '{folder}' holds an audit; go on with --resume or choose another folder"
                )
            found = _load(file)
            if found != settings:
                keys = settings.keys() | found.keys()
                other = sorted(key for key in keys if settings.get(key) != found.get(key))
                raise ConfigError(
                    f"out: '{folder}' holds an audit with another {', '.join(other)}; choose "
                    f"another folder"
                )
        _dump(file, settings)

    def find(self, name: str) -> Result | None:
        """Return the result of a test; None if it has not been finished."""
        file = self._folder / f"{name}.json"
        if not file.is_file():
            return None
        try:
            return Result.from_dict(_load(file))
        except DataError as error:
            raise ConfigError(f"{file}: {error}") from error

    def keep(self, result: Result) -> None:
        """Write a result."""
        _dump(self._folder / f"{result.name}.json", result.to_dict())


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: wanted JSON of an audit, found none: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: wanted JSON of an audit, found {type(content).__name__}")
    return content


def _dump(file: Path, content: Mapping[str, Any]) -> None:
    with atomic_write(file) as stream:
        json.dump(content, stream, indent=1, allow_nan=False)
        stream.write("\n")
