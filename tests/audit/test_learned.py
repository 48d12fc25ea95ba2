"""The functions that an INN-FF has learned, and where they are used."""

import pytest

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.structures import liquid_water, molecule, water_dimer
from openmm_innff.audit.subjects import open_subject

SUBJECT = open_subject("water-pbe0")
(CHECK,) = find_checks(["extrapolation"])


def test_distorted_molecules_leave_the_trained_range() -> None:
    near = CHECK.measure(Bench(SUBJECT, (liquid_water(1),), "quick", 1)).value
    squeezed = molecule("H2O")
    squeezed = squeezed.moved(0.6 * squeezed.positions)
    far = CHECK.measure(Bench(SUBJECT, (squeezed,), "quick", 1)).value
    assert near < CHECK.threshold < far


def test_functions_are_drawn_with_the_atoms_that_use_them() -> None:
    found = CHECK.measure(Bench(SUBJECT, (liquid_water(1), molecule("H2O")), "quick", 1))
    titles = [panel.title for panel in found.panels]
    assert titles[0].startswith("Radial functions")
    assert any(curve.points for panel in found.panels for curve in panel.curves)
    with pytest.raises(NotApplicable, match="not made of functions"):
        CHECK.measure(Bench(open_subject("ase:emt"), (water_dimer(),)))
