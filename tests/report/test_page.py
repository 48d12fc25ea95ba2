"""The report is one whole HTML page with its pictures inside."""

import base64
import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from openmm_innff.analysis import RadialDistribution
from openmm_innff.report import RunReport, write_report
from openmm_innff.throughput import Speed

VOID = {"meta", "img", "br", "hr", "link"}


class Page(HTMLParser):
    """Collects pictures and text, and checks that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[bytes] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            kind, data = str(values["src"]).split(",")
            assert kind == "data:image/png;base64"
            assert values["alt"]
            self.pictures.append(base64.b64decode(data))
        assert not {"src", "href"} & values.keys() or tag == "img"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _table(n: int = 100, density: bool = False) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "stage": np.array(["equilibration"] * (n // 4) + ["production"] * (n - n // 4)),
        "time_ps": 0.1 * np.arange(1, n + 1),
        "potential_eV": generator.normal(-300.0, 0.3, n),
        "kinetic_eV": generator.normal(10.0, 0.3, n),
        "temperature_K": generator.normal(300.0, 15.0, n),
        "density_g_per_cm3": generator.normal(1.0, 0.01, n) if density else np.full(n, 0.997),
    }


def _report(**changes: object) -> RunReport:
    r = np.arange(0.025, 6.2, 0.05)
    g = np.where(r > 2.5, 1 + 1.5 * np.exp(-(((r - 2.8) / 0.2) ** 2)), 0.0)
    found = [RadialDistribution(pair, r, g, 0.05 * g) for pair in ("O-O", "O-H", "H-H")]
    reference = {pair: RadialDistribution(pair, r, 0.95 * g, 0.02 * g) for pair in ("O-O", "H-H")}
    speeds = [
        Speed("single step, 0.5 fs", 1.0, 0.9, 1.1, 2000, 2000),
        Speed("single step, 1 fs", 2.0, 1.9, 2.1, 1000, 1000),
        Speed("multiple time steps, 2 fs slow and 0.5 fs fast", 2.5, 2.4, 2.6, 2000, 500),
    ]
    values = {
        "title": "Water <64>",
        "lead": "64 waters & a model",
        "table": _table(),
        "temperature": 300.0,
        "n_atoms": 192,
        "run_speed": 2.4,
        "structure": found,
        "reference": reference,
        "speeds": speeds,
        "facts": {"Model": [("name", "water-pbe0")]},
        "commands": [("Longer:", "innff run runs/water/recipe.toml --resume --length 50")],
    }
    return RunReport(**{**values, **changes})


def test_page_is_whole_and_needs_no_other_file(tmp_path: Path) -> None:
    write_report(_report(), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert len(page.pictures) == 3
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 5000 for picture in page.pictures)
    for text in ("Water <64>", "64 waters & a model", "water-pbe0", "--resume --length 50",
                 "2.4 ns/day", "2.5 times", "2.50 times", "1.25 times", "97.4%"):  # fmt: skip
        assert text in page.text, text


@pytest.mark.parametrize("density", [False, True])
def test_page_without_optional_parts(tmp_path: Path, density: bool) -> None:
    table = _table(8, density)
    report = _report(structure=[], reference={}, speeds=[], facts={}, commands=[], table=table)
    write_report(report, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(page.pictures) == 1
    assert "Structure" not in page.text


def test_temperature_of_few_frames() -> None:
    report = _report()
    few = {name: values[:2] for name, values in report.table.items()}
    few["stage"] = np.array(["production"] * 2)
    text = dataclasses.replace(report, table=few).temperature_text()
    assert text.endswith("K (too few samples for an error)")


def test_mean_temperature() -> None:
    mean, error = _report().mean_temperature()
    assert mean == pytest.approx(300.0, abs=3 * 15 / 75**0.5)
    assert 0.2 < error < 4.0
