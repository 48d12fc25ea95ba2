"""TOML tables as frozen dataclasses: unknown, missing and mistyped entries are named errors."""

import dataclasses
import difflib
import math
import os
import tomllib
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from openmm_innff.errors import ConfigError

T = TypeVar("T")

_WORDS = {
    bool: "true or false",
    dict: "a table",
    float: "a number",
    int: "a whole number",
    str: "a text",
}


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        If it can't be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: can't be read: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def build(kind: type[T], entries: dict[str, Any], where: str = "") -> T:
    """Make a dataclass of a table; tables in it become the dataclasses of its fields.

    Parameters
    ----------
    kind
        A dataclass whose fields are numbers, texts, tuples of texts, tables or dataclasses.
    entries
        What the file says.
    where
        Name of the table with a dot, for messages.

    Raises
    ------
    ConfigError
        Naming the first entry that is unknown, missing or of the wrong type.
    """
    kinds = typing.get_type_hints(kind)
    for key in entries:
        if key not in kinds:
            raise ConfigError(f"{where}{key}: unknown entry{_nearest(key, kinds)}")
    values = {key: convert(f"{where}{key}", kinds[key], value) for key, value in entries.items()}
    missing = [
        f"{where}{field.name}"
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"missing: {', '.join(missing)}")
    return kind(**values)


def check_fields(config: Any) -> None:
    """Convert the fields of a frozen dataclass in place, or raise a ConfigError."""
    for name, kind in typing.get_type_hints(type(config)).items():
        object.__setattr__(config, name, convert(name, kind, getattr(config, name)))


def convert(name: str, kind: Any, value: Any) -> Any:
    """Return a value as its declared type: an integer is a fine float, a list a fine tuple.

    Raises
    ------
    ConfigError
        Naming the entry, what was wanted and what was found.
    """
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and type(None) in options:
        return None
    if len(options) > 1 and dataclasses.is_dataclass(options[0]):
        kind = _chosen_table(name, options, value)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ConfigError(f"{name}: wanted a table [{name}], found {value!r}")
        return build(kind, value, f"{name}.")  # type: ignore[arg-type]
    if isinstance(value, int) and not isinstance(value, bool) and float in options:
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name}: wanted a finite number, found {value}")
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{name}: wanted a list, found {value!r}")
        item = typing.get_args(kind)[0]
        return tuple(convert(f"each of {name}", item, each) for each in value)
    plain = [typing.get_origin(option) or option for option in options]
    if type(value) not in plain:
        wanted = " or ".join(_WORDS[option] for option in plain if option in _WORDS)
        raise ConfigError(f"{name}: wanted {wanted}, found {value!r}")
    return value


def _chosen_table(name: str, options: tuple[Any, ...], value: Any) -> Any:
    """Return the dataclass whose ``kind`` a table names; the first one if it names none."""
    kinds = {option.kind: option for option in options}
    found = value.get("kind", options[0].kind) if isinstance(value, dict) else options[0].kind
    if found not in kinds:
        raise ConfigError(f"{name}.kind: wanted one of {', '.join(kinds)}, found {found!r}")
    return kinds[found]


def _nearest(key: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(names)}"
