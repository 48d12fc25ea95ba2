import numpy as np
import pytest

from openmm_innff.reference.molecule import Target

WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.47], [0.05, -0.8, -0.47]])


@pytest.fixture
def water():
    return Target(np.array([8, 1, 1]), WATER)


@pytest.fixture
def dimer():
    """Two waters with a hydrogen bond, oxygens 2.91 angstrom apart."""
    positions = [
        [-1.551007, -0.114520, 0.0], [-1.934259, 0.762503, 0.0], [-0.599677, 0.040712, 0.0],
        [1.350625, 0.111469, 0.0], [1.680398, -0.373741, -0.758561],
        [1.680398, -0.373741, 0.758561],
    ]  # fmt: skip
    return Target(np.array([8, 1, 1, 8, 1, 1]), np.array(positions))
