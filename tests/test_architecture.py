"""The shape of the package, read from its source: who imports whom, how large a file gets."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import openmm_innff

PACKAGE = Path(openmm_innff.__file__).parent
ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAX_LINES = 350
MAX_EXPORTS = 12

COMES_WITH_TORCH = {"triton"}  # in its CUDA builds
COMES_WITH_MATPLOTLIB = {"PIL"}
NOT_ON_PYPI = {"openff", "openmmforcefields"}  # the one without the other is of no use

SHARED_NAMES = {"ase": "ase calculator"}
"""Modules of this package that are called like a package of others, and their places in LAYERS."""

# Each module or subpackage imports only from lines above its own.
LAYERS = (
    ("errors", "units"),
    ("files", "elements", "interrupt", "settings", "connectivity"),
    ("cluster", "plotstyle", "statistics"),
    ("data",),
    ("reference",),
    ("nn",),
    ("neighbors",),
    ("engine",),
    ("potential",),
    ("modelfile",),
    ("modelcard",),
    ("forces",),
    ("noise",),
    ("integrators",),
    ("isokinetic", "middle", "velocities"),
    ("system",),
    ("mixed",),
    ("model",),
    ("openmmml_plugin",),
    ("training",),
    ("ase calculator",),
    ("sampling",),
    ("boxes", "recipe", "analysis", "binding", "correction", "throughput", "torsions"),
    ("report",),
    ("trust",),
    ("prepare", "simulation"),
    ("freeenergy",),
    ("bespoke",),
    ("audit",),
    ("commands",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Mathematics and the potential know no program; running knows neither data sets nor training.
RUNNING = (
    *("forces", "noise", "integrators", "isokinetic", "middle", "velocities"),
    *("system", "mixed", "openmmml_plugin", "model"),
    *(
        "prepare",
        "boxes",
        "analysis",
        "binding",
        "throughput",
        "torsions",
        "report",
        "trust",
        "simulation",
        "freeenergy",
        "audit",
    ),
)
MATHEMATICS = ("nn", "neighbors", "engine", "potential", "modelfile")
FORBIDDEN = {
    **{name: {"data", "openmm", "ase"} for name in MATHEMATICS},
    **{name: {"data", "reference", "training"} for name in RUNNING},
    "reference": {"torch", "openmm"},
    "data": {"torch", "openmm"},
    "training": {"openmm", "forces", "integrators", "system"},
}


def module_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """Layer name of a file: its subpackage, or the module itself."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return SHARED_NAMES.get(name, name)


def imported_modules(path: Path) -> Iterator[str]:
    """Full names of all that a file imports anywhere, functions and type checks included."""
    package = ("openmm_innff", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join((*base, *([node.module] if node.module else [])))
            if source == "openmm_innff":
                yield from (f"{source}.{alias.name}" for alias in node.names)
            else:
                yield source


def dependencies(path: Path) -> set[str]:
    """Layer names and third-party modules that a file imports."""
    found = set()
    for name in imported_modules(path):
        first, _, rest = name.partition(".")
        own = rest.partition(".")[0]
        found.add(SHARED_NAMES.get(own, own) if first == "openmm_innff" else first)
    return found - {part_of(path)}


def modules_of(requirements: list[str]) -> set[str]:
    """Names of the modules that requirements such as "vesin-torch>=0.6" bring."""
    return {re.split(r"[^\w-]", text)[0].replace("-", "_") for text in requirements}


@pytest.mark.parametrize("path", module_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return  # the root's exports are lazy, see below
    assert part in RANK, f"{part} is new: give it a place in LAYERS"
    found = dependencies(path)
    upward = {name for name in found & RANK.keys() if RANK[name] >= RANK[part]}
    assert not upward, f"{part} imports {upward}, which {part} must not know"
    forbidden = found & FORBIDDEN.get(part, set())
    assert not forbidden, f"{part} must not import {forbidden}"


@pytest.mark.parametrize("path", module_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_small_and_free_of_asserts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MAX_LINES
    asserts = [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]
    assert not asserts, f"assert in lines {asserts}: raise an error that survives python -O"


def test_declared_dependencies_are_the_imported_ones() -> None:
    needed = modules_of(PROJECT["dependencies"])
    extras = PROJECT["optional-dependencies"].values()
    optional = set().union(*map(modules_of, extras))
    imported = set().union(*map(dependencies, module_files()))
    outside = imported - RANK.keys() - sys.stdlib_module_names
    outside -= COMES_WITH_TORCH | COMES_WITH_MATPLOTLIB | NOT_ON_PYPI
    assert outside <= needed | optional, "imported but not in pyproject.toml"
    assert needed <= outside, "in pyproject.toml but never imported"


def test_root_exports_few_names() -> None:
    assert len(openmm_innff.__all__) <= MAX_EXPORTS
    assert sorted(openmm_innff.__all__) == list(openmm_innff.__all__)
    for name in openmm_innff.__all__:
        assert getattr(openmm_innff, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = openmm_innff.nonsense


def test_importing_the_root_and_the_cli_is_light() -> None:
    code = (
        "import sys, openmm_innff, openmm_innff.cli\n"
        "heavy = {'torch', 'openmm', 'numpy', 'ase', 'matplotlib', 'rich', 'mdtraj'}\n"
        "sys.exit(' '.join(sorted(heavy & sys.modules.keys())) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"loaded at import: {done.stderr}"


def test_version_is_written_once() -> None:
    assert openmm_innff.__version__ == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
