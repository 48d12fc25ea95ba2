"""Fixtures for the tests of the compiled engine."""

import pytest

from openmm_innff.engine.library import library


@pytest.fixture
def compiled() -> None:
    """Skip where the compiled engine was not built."""
    if library() is None:
        pytest.skip("the compiled engine was not built")
