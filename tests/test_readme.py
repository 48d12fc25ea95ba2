"""What the README and the guides tell people to type works."""

import re
import shlex
from pathlib import Path

import pytest

from openmm_innff.cli import _parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def innff_commands() -> list[str]:
    lines = "\n".join(block for page in PAGES for block in blocks(page, "sh")).splitlines()
    return [line.split("#")[0].strip() for line in lines if re.match(r"\S*innff ", line)]


@pytest.mark.parametrize("command", innff_commands())
def test_commands_are_understood(command: str) -> None:
    assert _parser().parse_args(shlex.split(command)[1:]).command


def test_the_first_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openmm.app import PDBFile
    from openmm.unit import angstrom

    from openmm_innff.boxes import water_box

    topology, positions = water_box(64)
    monkeypatch.chdir(tmp_path)
    with open("water.pdb", "w") as file:
        PDBFile.writeFile(topology, positions * angstrom, file)
    names: dict[str, object] = {}
    exec(compile(blocks(ROOT / "README.md", "python")[0], "README.md", "exec"), names)
    simulation, pdb = names["simulation"], names["pdb"]
    simulation.context.setPositions(pdb.positions)
    simulation.minimizeEnergy(maxIterations=2)
    simulation.step(2)


def test_links_between_files_hold() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]:
        links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        missing = [link for link in links if not (page.parent / link).exists()]
        assert not missing, f"{page.name} links to {missing}"
