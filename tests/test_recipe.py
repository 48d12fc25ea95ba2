"""Recipes: reading, writing, and errors that say what to change."""

import dataclasses
from pathlib import Path

import pytest

from openmm_innff.errors import ConfigError
from openmm_innff.recipe import RunConfig, load_recipe, shipped_recipes, write_recipe

REPOSITORY = Path(__file__).parents[1]


def _write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_water() -> None:
    config = load_recipe("water")
    assert (config.waters, config.temperature_K, config.pressure_bar) == (64, 300.0, None)
    assert config.rdf_pairs == ("O-O", "O-H", "H-H")
    assert shipped_recipes() == ["water"]


def test_recipe_for_users_is_the_shipped_one() -> None:
    assert load_recipe(REPOSITORY / "recipes" / "water" / "water.toml") == load_recipe("water")


@pytest.mark.parametrize("change", [{}, {"title": 'Wasser "heiß"'}, {"pressure_bar": 2}])
def test_written_recipe_reads_back_the_same(tmp_path: Path, change: dict) -> None:
    config = dataclasses.replace(load_recipe("water"), **change)
    write_recipe(config, tmp_path / "recipe.toml")
    assert load_recipe(tmp_path / "recipe.toml") == config


def test_files_are_sought_from_the_recipes_own_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.innff").touch()
    path = _write(tmp_path, 'structure = "start.pdb"\nmodel = "mine.innff"')
    config = load_recipe(path)
    assert config.structure == str(tmp_path / "start.pdb")
    assert config.model == str(tmp_path / "mine.innff")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("watres = 64", "watres: unknown entry; did you mean 'waters'"),
        ("waters = 8\ntemperature = 300", "did you mean 'temperature_K'"),
        ("xyz = 1", "xyz: unknown entry; known: title, model"),
        ("waters = 'many'", "waters: wanted a whole number, found 'many'"),
        ("waters = true", "waters: wanted a whole number, found True"),
        ("waters = 8.5", "waters: wanted a whole number, found 8.5"),
        ("waters = 0", "waters: wanted more than 0, found 0"),
        ("waters = 8\nlength_ps = nan", "length_ps: wanted a finite number"),
        ("waters = 8\nseed = -1", "seed: wanted 0 or more, found -1"),
        ("waters = 8\nbackend = 'jax'", "backend: wanted one of auto, torch, python"),
        ("waters = 8\nrdf_pairs = ['OH']", "rdf_pairs: wanted pairs such as 'O-H'"),
        ("waters = 8\nrdf_pairs = 'O-H'", "rdf_pairs: wanted a list"),
        ("waters = 8\nstructure = 'a.pdb'", "wanted one of these, found waters and structure"),
        ("seed = 1", "prmtop, testsystem: wanted one of these, found none"),
        ("waters = 8\ntemperature_K = 2000", "max_temperature_K: wanted more than"),
        ("waters = ", "not valid TOML"),
    ],
)
def test_errors_name_key_wanted_and_found(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"run\.toml") as caught:
        load_recipe(_write(tmp_path, text))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["watr", "missing.toml"])
def test_missing_recipe(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load_recipe(name)


def test_whole_numbers_are_fine_where_numbers_are_wanted() -> None:
    assert RunConfig(waters=1, length_ps=5).length_ps == 5.0
