"""From what a user types to a subject."""

import ast
from pathlib import Path
from typing import Any

from openmm_innff.audit.subjects.base import Subject
from openmm_innff.errors import ConfigError

KINDS = {
    "ase": "ase:NAME or ase:MODULE:CLASS, an ASE calculator",
    "openmm": "openmm:FILE+FILE, an OpenMM force field",
    "openmm-ml": "openmm-ml:NAME, a potential of OpenMM-ML",
}
_KEY_VALUE = "="


def open_subject(name: str) -> Subject:
    """Return the potential of a name.

    Parameters
    ----------
    name
        A shipped model or an ``.innff`` file; an ``.xml`` file that holds a System; or
        ``KIND:NAME,KEY=VALUE...`` with a kind of `KINDS`.

    Raises
    ------
    InnffError
        If there is none, or it needs something that is not installed.
    """
    kind, _, rest = name.partition(":")
    if kind in KINDS and rest:
        words = rest.split(",")
        options = _options(words[1:])
        if kind == "ase":
            from openmm_innff.audit.subjects.calculator import CalculatorSubject, make_calculator

            label = ", ".join([words[0], *(v for v in options.values() if isinstance(v, str))])
            return CalculatorSubject(make_calculator(words[0], options), label)
        from openmm_innff.audit.subjects.system import ForceFieldSubject, OpenMMMLSubject

        if kind == "openmm":
            return ForceFieldSubject(words[0].split("+"))
        return OpenMMMLSubject(words[0], options)
    if name.endswith(".xml"):
        from openmm_innff.audit.subjects.system import FileSubject

        return FileSubject(Path(name))
    from openmm_innff.audit.subjects.innff import InnffSubject
    from openmm_innff.model import load_model

    return InnffSubject(load_model(name))


def _options(words: list[str]) -> dict[str, Any]:
    """Parse KEY=VALUE; numbers, True, False and None are taken as such."""
    options: dict[str, Any] = {}
    for word in words:
        key, sign, value = word.partition(_KEY_VALUE)
        if not sign:
            raise ConfigError(f"model: wanted KEY=VALUE after a comma, found {word!r}")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return options
