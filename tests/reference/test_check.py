"""What can't work is said before anything is calculated."""

import dataclasses
import sys

import numpy as np
import pytest

from openmm_innff.errors import (
    ConfigError,
    DataError,
    MissingDependencyError,
    UnsupportedElementError,
)
from openmm_innff.reference.check import check
from openmm_innff.reference.level import parse_level
from openmm_innff.reference.molecule import Target

pytest.importorskip("pyscf")
pytest.importorskip("tblite")


@pytest.mark.parametrize(
    "text",
    ["GFN2-xTB", "wB97X-D3BJ/def2-TZVP", "B3LYP-D3BJ/def2-SVP", "PBE0-D3BJ/def2-SVP",
     "r2SCAN-D3BJ/def2-SVP", "HF-D3BJ/6-31g", "CCSD(T)/cc-pVDZ // MP2/cc-pVTZ",
     "MP2/cc-pVDZ // PBE0-D3BJ/def2-TZVP"],
)  # fmt: skip
def test_what_works_passes(water, text):
    check(parse_level(text), [water])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PBE9/def2-SVP", "method: wanted one such as"),
        ("wB97M-V/def2-SVP", "VV10 are not supported"),
        ("PBE0-D4/def2-SVP", "of dispersions there is D3.BJ. alone"),
        ("PBE0-D3/def2-SVP", "as in PBE0-D3BJ; found 'PBE0-D3'"),
        ("B97-D/def2-SVP", "as in PBE0-D3BJ; found 'B97-D'"),
        ("MP2-D3BJ/cc-pVDZ", "wanted one such as|is for HF and DFT"),
        ("HF/no-such-basis", "basis: 'no-such-basis' is unknown"),
        ("M06-D3BJ/def2-SVP", "no parameters for the functional"),
    ],
)
def test_unknown_methods_and_bases(water, text, message):
    with pytest.raises(ConfigError, match=message):
        check(parse_level(text), [water])


@pytest.mark.parametrize(
    ("charge", "unpaired", "message"),
    [
        (0, 1, r"spin: 10 electrons can't have 1 unpaired ones; wanted an even number"),
        (1, 0, r"9 electrons can't have 0 unpaired ones; wanted an odd number.*radical"),
        (0, 12, "wanted 0 to 10 unpaired"),
        (10, 0, "leaves no electrons"),
        (0, -2, "wanted 0 to 10 unpaired"),
    ],
)
def test_impossible_charges_and_spins(water, charge, unpaired, message):
    target = dataclasses.replace(water, charge=charge, unpaired=unpaired)
    with pytest.raises(ConfigError, match=message):
        check(parse_level("GFN2-xTB"), [target])


def test_the_frame_is_named(water):
    with pytest.raises(ConfigError, match=r"frame 1 \(H2O \+1\): spin"):
        check(parse_level("GFN2-xTB"), [water, dataclasses.replace(water, charge=1)])


@pytest.mark.parametrize(
    ("text", "number"), [("GFN2-xTB", 92), ("HF/6-31g", 79), ("MP2/cc-pVDZ", 58)]
)
def test_elements_without_parameters_or_basis(text, number):
    target = Target(np.array([number, 1]), np.array([[0, 0, 0], [0, 0, 2.0]]))
    with pytest.raises(UnsupportedElementError, match=r"for [A-Z]"):
        check(parse_level(text), [target])


def test_correlation_needs_electrons_and_orbitals():
    atom = Target(np.array([1]), np.zeros((1, 3)), unpaired=1)
    with pytest.raises(ConfigError, match="at least 2 electrons outside of the core, found 1"):
        check(parse_level("MP2/cc-pVDZ"), [atom])
    helium = Target(np.array([2]), np.zeros((1, 3)))
    with pytest.raises(ConfigError, match="no empty orbitals"):
        check(parse_level("CCSD/sto-3g"), [helium])
    hydroxyl = Target(np.array([8, 1]), np.array([[0, 0, 0], [0, 0, 0.97]]), unpaired=1)
    with pytest.raises(ConfigError, match="closed shells"):
        check(parse_level("CCSD(T)/cc-pVDZ"), [hydroxyl])


def test_atoms_that_overlap(water):
    target = dataclasses.replace(water, positions=water.positions * 0.3)
    with pytest.raises(DataError, match="atoms 0 and 1 overlap"):
        check(parse_level("GFN2-xTB"), [target])


def test_structures_that_repeat(water):
    repeated = dataclasses.replace(water, cell=10 * np.eye(3))
    check(parse_level("GFN1-xTB"), [repeated])
    for text in ("GFN2-xTB", "HF/sto-3g"):
        with pytest.raises(ConfigError, match="wanted GFN1-xTB"):
            check(parse_level(text), [repeated])


def test_counterpoise_is_for_dimers(water, dimer):
    level = parse_level("MP2/cc-pVDZ", counterpoise=True)
    check(level, [dimer, water])  # one molecule has nothing to take off
    numbers = np.concatenate([dimer.numbers, water.numbers])
    positions = np.concatenate([dimer.positions, water.positions + np.array([0.0, 9.0, 0.0])])
    three = dataclasses.replace(dimer, numbers=numbers, positions=positions)
    with pytest.raises(DataError, match="wanted two molecules, found 3"):
        check(level, [three])
    with pytest.raises(DataError, match="wanted a neutral dimer"):
        check(level, [dataclasses.replace(dimer, charge=2)])


@pytest.mark.parametrize(
    ("text", "module", "message"),
    [
        ("GFN2-xTB", "tblite.interface", "need the package tblite"),
        ("HF/sto-3g", "pyscf", "need the package pyscf"),
        ("PBE0-D3BJ/sto-3g", "pyscf.dispersion", "needs the package pyscf-dispersion"),
    ],
)
def test_programs_that_are_not_installed(water, monkeypatch, text, module, message):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=message):
        check(parse_level(text), [water])
