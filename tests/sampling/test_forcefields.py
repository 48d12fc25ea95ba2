"""What moves atoms agrees with what labels them and with what is trained."""

import sys

import numpy as np
import pytest

from openmm_innff.data import Frame, FrameSet
from openmm_innff.errors import MissingDependencyError
from openmm_innff.model import load_model
from openmm_innff.reference.compute import compute
from openmm_innff.reference.level import parse_level
from openmm_innff.reference.molecule import Target
from openmm_innff.sampling.forcefields import ModelForces, ModelUncertainty, TightBinding
from openmm_innff.sampling.structure import load_molecule
from openmm_innff.training.predict import predict

pytest.importorskip("rdkit")


def test_tight_binding_is_that_of_the_labels():
    pytest.importorskip("tblite")
    molecule = load_molecule("C[NH3+]")
    force_field = TightBinding(molecule)
    for scale in (1.0, 1.02, 0.99):
        energy, forces = force_field(scale * molecule.positions)
        target = Target(molecule.numbers, scale * molecule.positions, charge=1)
        label = compute(target, parse_level("GFN2-xTB"))
        assert energy == pytest.approx(label.energy, abs=1e-4)
        np.testing.assert_allclose(forces, label.forces, atol=2e-3)


def test_a_model_is_what_it_predicts():
    model, water = load_model("water-pbe0"), load_molecule("O")
    energy, forces = ModelForces(model, water)(water.positions)
    frame = Frame(water.numbers, water.positions, np.zeros((3, 3)), False, 0.0, 0 * forces)
    found = predict(model.potential, FrameSet([frame]))
    assert energy == pytest.approx(found.energies[0], abs=1e-5)
    np.testing.assert_allclose(forces, found.forces[0], atol=1e-5)


def test_uncertainty_grows_away_from_the_data():
    model, water = load_model("water-pbe0"), load_molecule("O")
    uncertain = ModelUncertainty(model, water)
    near, far = (uncertain(scale * water.positions).forces.max() for scale in (1.0, 1.4))
    assert far > 2.0 * near


def test_without_tblite(monkeypatch):
    monkeypatch.setitem(sys.modules, "tblite.interface", None)
    with pytest.raises(MissingDependencyError, match="needs the package tblite"):
        TightBinding(load_molecule("O"))
