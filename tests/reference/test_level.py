import pytest

from openmm_innff.errors import ConfigError
from openmm_innff.reference.level import parse_level


@pytest.mark.parametrize(
    ("text", "method", "basis", "functional"),
    [
        ("gfn2-xtb", "GFN2-xTB", "", ""),
        ("hf/sto-3g", "HF", "sto-3g", ""),
        ("CCSD(T) / cc-pVDZ", "CCSD(T)", "cc-pVDZ", ""),
        ("B3LYP-D3(BJ)/def2-SVP", "B3LYP-D3BJ", "def2-SVP", "B3LYP"),
        ("wB97X-D3BJ/def2-TZVP", "wB97X-D3BJ", "def2-TZVP", "wB97X"),
        ("PBE/6-31G*", "PBE", "6-31G*", "PBE"),
    ],
)
def test_levels_are_read(text, method, basis, functional):
    level = parse_level(text)
    assert (level.method, level.basis, level.functional) == (method, basis, functional)
    assert level.dispersed == ("D3" in text)


def test_a_composite_is_a_large_basis_corrected_in_a_small_one():
    level = parse_level("CCSD(T)/cc-pVDZ // MP2/cc-pVTZ")
    parts = [(factor, str(part)) for factor, part in level.parts()]
    assert parts == [(1.0, "MP2/cc-pVTZ"), (1.0, "CCSD(T)/cc-pVDZ"), (-1.0, "MP2/cc-pVDZ")]
    assert level.key == "CCSD(T)/cc-pVDZ // MP2/cc-pVTZ, frozen core"


def test_the_key_tells_settings_apart():
    keys = {
        parse_level("PBE0/def2-SVP", **options).key
        for options in ({}, {"density_fit": False}, {"grid": 4}, {"counterpoise": True})
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MP2", "basis: MP2 needs one"),
        ("GFN2-xTB/cc-pVDZ", "basis: GFN2-xTB has one of its own"),
        ("", "level: wanted a method"),
        ("a/b//c/d//e/f", "wanted one // at most"),
        ("MP2/cc-pVDZ//GFN2-xTB", "can't be part of a composite"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_level(text)


def test_counterpoise_of_the_correction_alone():
    level = parse_level("CCSD(T)/6-31G* CP // MP2/aug-cc-pVDZ")
    assert str(level) == "CCSD(T)/6-31G* CP // MP2/aug-cc-pVDZ"
    assert [(factor, str(part)) for factor, part in level.parts()] == [
        (1.0, "MP2/aug-cc-pVDZ"),
        (1.0, "CCSD(T)/6-31G* CP"),
        (-1.0, "MP2/6-31G* CP"),
    ]
    both = parse_level("CCSD(T)/6-31G* // MP2/aug-cc-pVDZ", counterpoise=True)
    assert {part.counterpoise for _, part in both.parts()} == {True}
    assert parse_level(str(both)) == both != level
    assert parse_level("HF/6-31g CP") == parse_level("HF/6-31g", counterpoise=True)
