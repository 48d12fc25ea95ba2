"""The conda recipe renders, and says the same as pyproject.toml under conda's names."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rattler_build.render import RenderConfig
from rattler_build.stage0 import Stage0Recipe
from rattler_build.tool_config import PlatformConfig

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "conda-recipe" / "recipe.yaml"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, BUILD = SETTINGS["project"], SETTINGS["build-system"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "openmmtorch": "openmm-torch"}


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    platform = PlatformConfig(target_platform="linux-64", experimental=True)
    variants = Stage0Recipe.from_file(RECIPE).render(None, RenderConfig(platform))
    assert len(variants) == 1
    return variants[0].recipe.to_dict()


def named(requirements: list[str]) -> dict[str, str]:
    """Split "name >=1.2" into name and bound, with conda's name and without spaces."""
    pairs = (re.match(r"([\w-]+)\s*(.*)", text).groups() for text in requirements)
    return {CONDA_NAMES.get(name, name): bound for name, bound in pairs}


def test_name_version_and_texts(recipe: dict[str, Any]) -> None:
    assert recipe["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}
    assert recipe["about"]["summary"] == PROJECT["description"]
    assert recipe["about"]["license"] == PROJECT["license"]
    assert PROJECT["version"] not in RECIPE.read_text(encoding="utf-8")


def test_one_package_for_all_versions_of_python(recipe: dict[str, Any]) -> None:
    assert recipe["build"]["python"]["version_independent"]
    built_with = named(recipe["requirements"]["host"])
    (backend,) = BUILD["requires"]
    assert named([backend]).items() <= built_with.items()


def test_command(recipe: dict[str, Any]) -> None:
    (entry,) = recipe["build"]["python"]["entry_points"]
    command, function = (part.strip() for part in entry.split("="))
    assert PROJECT["scripts"] == {command: function}


def test_requirements_are_those_of_pip(recipe: dict[str, Any]) -> None:
    found = named(recipe["requirements"]["run"])
    assert found.pop("python") == PROJECT["requires-python"]
    assert found.pop("openmm-torch")
    assert found == named(PROJECT["dependencies"])


def test_tests_of_the_recipe_exist(recipe: dict[str, Any]) -> None:
    imports, script = recipe["tests"]
    assert "openmm_innff" in imports["python"]["imports"]
    for name in script["files"]["recipe"]:
        assert (RECIPE.parent / name).is_file()
        assert f"python {name}" in script["script"]


def test_smoke_test_of_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(RECIPE.parent / "smoke_test.py"))
    assert "total" in capsys.readouterr().out
