"""The parts of openmmtools that free energies use, imported late and without greetings."""

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator
from types import ModuleType

from openmm_innff.errors import MissingDependencyError


def library(name: str) -> ModuleType:
    """Import a module of openmmtools.

    Parameters
    ----------
    name
        Such as "multistate".

    Raises
    ------
    MissingDependencyError
        If openmmtools is not installed.
    """
    with quiet():
        try:
            return importlib.import_module(f"openmmtools.{name}")
        except ImportError as error:
            raise MissingDependencyError(
                "free energies need openmmtools; pip install 'openmm-innff[freeenergy,openmmtools]'"
            ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep requests for citation, greetings and warnings of libraries from the user."""
    for name in ("openmmtools", "pymbar"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")
        yield
