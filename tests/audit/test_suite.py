"""An audit from end to end: kept results, resuming, reports, the command."""

import contextlib
import json
import pickle
import re
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from openmm_innff import cli, cluster
from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks import all_checks, find_checks
from openmm_innff.audit.checks.registry import Check, check
from openmm_innff.audit.pages.content import number_text
from openmm_innff.audit.result import Curve, Measurement, Panel, Result, judge
from openmm_innff.audit.spread import Part, parts
from openmm_innff.audit.structures import molecule, water_dimer
from openmm_innff.audit.subjects import EvaluationError, open_subject
from openmm_innff.audit.suite import SuiteConfig, run_check, run_suite
from openmm_innff.errors import ConfigError

QUIET = Console(quiet=True)
CONFIG = SuiteConfig(tests=("rotation", "bond-minima", "parts"), effort="quick")
NAMES = ["water-pbe0", "openmm:tip3p.xml"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    run_suite(CONFIG, NAMES, folder, console=QUIET)
    return folder


def values(folder: Path) -> list[object]:
    content = json.loads((folder / "report.json").read_text())
    return [
        (r["name"], r["value"], r["rows"]) for one in content["audited"] for r in one["results"]
    ]


def test_the_same_seed_gives_the_same_report(out: Path, tmp_path: Path) -> None:
    run_suite(CONFIG, NAMES, tmp_path, console=QUIET)
    assert values(tmp_path) == values(out)


class Workers:
    """A client of Dask that sends parts there and back; some kill their workers."""

    loop = None

    def __init__(self, deadly: str) -> None:
        self.deadly, self.sent = deadly, []

    def submit(self, function, part, pure):
        self.sent.append(part.tests)
        future = Future()
        future.release = lambda: None
        if self.deadly in part.tests:
            from distributed.scheduler import KilledWorker

            future.set_exception(KilledWorker("part", SimpleNamespace(address="tcp://a"), 3))
        else:
            future.set_result(function(pickle.loads(pickle.dumps(part))))
        return future

    def cancel(self, futures):
        pass


def test_workers_give_the_same_report(out, tmp_path, monkeypatch) -> None:
    distributed = pytest.importorskip("distributed")
    client = Workers(deadly="parts")
    monkeypatch.setattr(cluster, "connected", lambda *found: contextlib.nullcontext(client))
    monkeypatch.setattr(distributed, "as_completed", lambda futures, loop: iter(futures))
    run_suite(CONFIG, NAMES[1:], tmp_path, console=QUIET, scheduler="tcp://a")
    assert values(tmp_path) == values(out)[len(CONFIG.tests) :]
    assert sorted(client.sent) == sorted((name,) for name in CONFIG.tests)


def test_tests_that_share_runs_are_one_part_and_times_are_measured_here() -> None:
    made = list(parts(Part("water-pbe0", (), (), "quick", 1), all_checks()))
    together = [part.tests for part in made if len(part.tests) > 1]
    assert len(together) == 1
    assert {"stability", "rdf-experiment", "force-spectra"} < set(together[0])
    sent = {name for part in made for name in part.tests}
    here = {check.name for check in all_checks()} - sent
    assert here == {"learning-curve", *(c.name for c in all_checks() if c.group == "cost")}


def test_finished_tests_are_kept(out: Path) -> None:
    kept = out / "results" / "water-pbe0" / "rotation.json"
    content = json.loads(kept.read_text())
    kept.write_text(json.dumps({**content, "seconds": 1234.0}))
    (out / "results" / "water-pbe0" / "bond-minima.json").unlink()
    audited = run_suite(CONFIG, NAMES, out, resume=True, console=QUIET)
    seconds = {result.name: result.seconds for result in audited[0].results}
    assert seconds["rotation"] == 1234.0
    assert seconds["bond-minima"] < 100.0


def test_another_audit_is_not_overwritten(out: Path) -> None:
    with pytest.raises(ConfigError, match="go on with --resume"):
        run_suite(CONFIG, NAMES, out, console=QUIET)
    other = SuiteConfig(tests=CONFIG.tests, effort="quick", seed=2)
    with pytest.raises(ConfigError, match="another energies, seed, structures"):
        run_suite(other, NAMES, out, resume=True, console=QUIET)


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(bench: Bench) -> Measurement:
        raise KeyboardInterrupt

    first, *_ = find_checks(["rotation"])
    second = Check("never", "surface", "?", "", 1.0, "", interrupted)
    monkeypatch.setattr("openmm_innff.audit.suite.find_checks", lambda _: [first, second])
    with pytest.raises(KeyboardInterrupt):
        run_suite(CONFIG, ["water-pbe0"], tmp_path, console=QUIET)
    assert (tmp_path / "results" / "water-pbe0" / "rotation.json").is_file()
    assert not (tmp_path / "results" / "water-pbe0" / "never.json").exists()


def test_reports_show_both_side_by_side(out: Path) -> None:
    page, text = ((out / f"report.{kind}").read_text() for kind in ("html", "md"))
    for report in (page, text):
        assert "water-pbe0 beside tip3p" in report
        assert "it has no parts" in report
    assert "data:image/png;base64," in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert "| `rotation` |" in text


def test_the_markdown_has_its_figures_beside_it(out: Path, tmp_path: Path) -> None:
    copy = tmp_path / "docs" / "audit-water.md"
    run_suite(CONFIG, NAMES, out, resume=True, markdown=copy, console=QUIET)
    text = copy.read_text()
    figures = re.findall(r"\]\((images/audit-water/[\w-]+\.png)\)", text)
    assert figures == ["images/audit-water/bond-minima.png"]
    size = (copy.parent / figures[0]).stat().st_size
    assert 1000 < size < 100_000
    assert "### `rotation`" in text
    assert (out / "images" / "report" / "bond-minima.png").is_file()


def test_numbers_are_short_and_have_no_exponents_where_there_is_room() -> None:
    values = (0.0123, 1e-7, 17.2, 123.0, 1.5e7)
    assert [number_text(value) for value in values] == ["0.012", "1e-07", "17", "120", "1.5e+07"]
    assert number_text(18.2, 1) == "20"


def test_results_survive_json() -> None:
    panel = Panel(
        "t", "x", "y", (Curve.of("c", [1, 2], [3, 4]),), x_range=(0.0, 1.0), marks=(("m", 1.0),)
    )
    result = Result(
        "n", "surface", "q", float("inf"), None, "eV", 1.0, "s", "fail",
        head=("a",), rows=(("b",),), panels=(panel,),
    )  # fmt: skip
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))) == result


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (0.5, None, "pass"),
        (1.5, None, "fail"),
        (float("nan"), None, "fail"),
        (0.9, 0.3, "pass"),
        (1.2, 0.3, "unclear"),
        (0.5, 2.0, "unclear"),
        (2.0, 0.3, "fail"),
    ],
)
def test_verdicts_know_error_bars(value: float, error: float | None, verdict: str) -> None:
    assert judge(value, error, 1.0) == verdict


def test_a_potential_that_gives_up_is_unclear() -> None:
    def gives_up(bench: Bench) -> Measurement:
        raise EvaluationError("no convergence")

    bench = Bench(open_subject("water-pbe0"), (molecule("H2O"), water_dimer()))
    result = run_check(Check("x", "surface", "?", "", 1.0, "", gives_up), bench)
    assert (result.verdict, result.value) == ("unclear", None)
    assert "no convergence" in result.reason


def test_tests_are_found_by_name_and_group() -> None:
    assert [c.name for c in find_checks(["rotation"])] == ["rotation"]
    assert {c.group for c in find_checks(["surface"])} == {"surface"}
    with pytest.raises(ConfigError, match="found 'nothing'"):
        find_checks(["nothing"])
    with pytest.raises(ConfigError, match="found 'rotation' twice"):
        check("rotation", "surface", question="", unit="", threshold=1.0, source="")


def test_each_test_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    assert [c.name for c in all_checks() if f"| `{c.name}` |" not in guide] == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "water-pbe0", "--tests", "parts", "--quick", "--out", str(tmp_path)]
    assert cli.main(words) == 0
    assert "water-pbe0: 1 pass" in capsys.readouterr().out
    assert cli.main(words) == 2
    assert "--resume" in capsys.readouterr().err
    assert cli.main([*words, "--resume"]) == 0


def test_structures_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "methane.xyz"
    file.write_text("2\n\nC 0 0 0\nH 0 0 1.1\n")
    words = ["audit", "water-pbe0", "--tests", "parts", "--structure", str(file)]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "methane.xyz has C, which water-pbe0 doesn't know" in capsys.readouterr().err
