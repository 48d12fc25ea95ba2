"""The step advisor from end to end, on a classical water that is quick to evaluate."""

import dataclasses
import json
from pathlib import Path

import pytest
from openmm import NonbondedForce, System, app, unit
from rich.console import Console

from openmm_innff.audit.advice import advise
from openmm_innff.audit.config import AuditConfig, quick
from openmm_innff.audit.mts import audit_mts
from openmm_innff.audit.schemes import find_scheme
from openmm_innff.audit.verdict import Check, Tolerances, judge, overall
from openmm_innff.errors import ConfigError
from openmm_innff.integrators import mts_langevin_integrator
from openmm_innff.model import Model, load_model
from openmm_innff.modelfile import ModelCard, SafeSteps
from openmm_innff.potential import Potential, PotentialConfig

TINY = AuditConfig(
    waters=27,
    hydrogen_masses=(1.008, 3.024),
    steps=((0.5, 1.0), (0.5, 6.0)),
    length_ps=0.4,
    equilibration_ps=0.1,
    nve_ps=0.2,
    platform="CPU",
    threads=1,
)


class Classical(Model):
    """Flexible TIP3P-FB with its bonds in the slow part: an outer step of 6 fs can't work."""

    def create_system(self, topology: app.Topology, **options: object) -> System:
        mass = options.get("hydrogen_mass")
        system = app.ForceField("amber14/tip3pfb.xml").createSystem(
            topology,
            nonbondedMethod=app.CutoffPeriodic,
            nonbondedCutoff=0.4,
            rigidWater=False,
            hydrogenMass=mass,
        )
        for force in system.getForces():
            force.setForceGroup(int(not isinstance(force, NonbondedForce)))
        return system


@pytest.fixture(scope="module")
def model(tiny_config: PotentialConfig) -> Model:
    return Classical(Potential(tiny_config), ModelCard("classical"))


@pytest.fixture(scope="module")
def audited(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("audit") / "water"
    audit_mts(TINY, "classical", out, model=model, console=Console(quiet=True))
    return out


def test_it_writes_a_report_and_refuses_a_step_beyond_the_bound(audited: Path) -> None:
    report = json.loads((audited / "report.json").read_text())
    light, heavy = report["advice"]
    assert (light["hydrogen_mass"], heavy["hydrogen_mass"]) == (1.008, 3.024)
    short, long = light["candidates"]
    assert (short["outer_fs"], long["outer_fs"]) == (1.0, 6.0)
    assert "exploded" in long["exploded"]
    assert long["statics"] == long["dynamics"] == "fail"
    assert not short["exploded"]
    assert {check["group"] for check in short["checks"]} >= {
        *("drift", "kinetic", "configurational", "bonded", "rdf", "spectrum"),
    }
    stiffness = report["stiffness"]["1.008"]
    assert 3000 < stiffness["slow_per_cm"] < 4500  # O-H stretching
    assert stiffness["slow_bound_fs"] < 6.0
    text = (audited / "report.md").read_text()
    assert "exploded" in text
    assert (audited / "report.png").stat().st_size > 10_000


def test_resume_keeps_what_is_finished(audited: Path, model: Model) -> None:
    kept = audited / "reference-H1.008.json"
    lost = audited / "candidate-H1.008-0.5-1.json"
    before = kept.stat().st_mtime_ns, lost.read_text()
    lost.unlink()
    audit_mts(TINY, "classical", audited, model=model, resume=True, console=Console(quiet=True))
    assert kept.stat().st_mtime_ns == before[0]
    again = json.loads(lost.read_text())
    assert again["length_ps"] == json.loads(before[1])["length_ps"]


def test_a_folder_is_not_overwritten_or_mixed(audited: Path, model: Model) -> None:
    with pytest.raises(ConfigError, match="--resume"):
        audit_mts(TINY, "classical", audited, model=model)
    other = dataclasses.replace(TINY, length_ps=1.0)
    with pytest.raises(ConfigError, match="another length_ps"):
        audit_mts(other, "classical", audited, model=model, resume=True)


def test_steps_that_pass_are_written(
    audited: Path, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generous = Tolerances(500.0, 500.0, 500.0, 500.0, 500.0)
    config = dataclasses.replace(TINY, tolerances=generous)
    old = SafeSteps(0.5, 1.0, 2.0, "another mass")
    known = Classical(
        model.potential, dataclasses.replace(model.card, safe_steps=(SafeSteps(0.1, 0.1), old))
    )
    path = tmp_path / "x.innff"
    advice = audit_mts(config, "classical", audited, model=known, resume=True, write=path)
    assert advice[0].statics is not None
    first, second, *_ = load_model(path).card.safe_steps
    assert (first.inner_fs, first.outer_fs, first.hydrogen_mass) == (0.5, 1.0, 1.008)
    assert "27" not in first.evidence
    assert "81 atoms" in first.evidence
    assert second == old
    assert "written to" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(
    model: Model,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openmm_innff.interrupt.StopRequest.__call__", lambda self: True)
    with pytest.raises(KeyboardInterrupt):
        audit_mts(TINY, "classical", tmp_path / "out", model=model)
    assert "--resume" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("deviation", "error", "verdict"),
    [
        (1.0, 0.5, "pass"),
        (-1.0, 0.5, "pass"),
        (1.0, 2.5, "unclear"),
        (2.5, 0.5, "unclear"),
        (-3.5, 0.5, "fail"),
        (float("nan"), 0.5, "fail"),
    ],
)
def test_judge(deviation: float, error: float, verdict: str) -> None:
    assert judge(deviation, error, 2.0) == verdict


def test_overall_is_as_good_as_the_worst() -> None:
    good, open_, bad = (Check("rdf", "", 0, 0, 1, v) for v in ("pass", "unclear", "fail"))
    assert overall([good]) == "pass"
    assert overall([good, open_]) == "unclear"
    assert overall([open_, bad]) == "fail"
    assert overall([]) == "unclear"


def test_no_advice_beyond_a_step_that_fails() -> None:
    def result(outer: float, kelvin: float | None) -> dict:
        found = {"inner_fs": 0.5, "outer_fs": outer, "exploded": None if kelvin else "bang"}
        empty = {"deviations": {}, "rdf": {}, "bands": {}, "diffusion": None, "drift": None}
        temperature = {"kinetic temperature all": [kelvin, 1.0]}
        return {**found, **empty, "temperatures": temperature}

    candidates = [result(2.0, 300.0), result(4.0, 300.0), result(5.0, None), result(6.0, 300.0)]
    results = {1.008: {"reference": result(0.5, 300.0), "candidates": candidates}}
    (advice,) = advise(results, 300.0, Tolerances())
    assert advice.statics is not None
    assert advice.statics.outer_fs == 4.0
    assert advice.dynamics is None


def test_wrong_settings() -> None:
    with pytest.raises(ConfigError, match=r"found 0\.5/1\.7"):
        AuditConfig(steps=((0.5, 1.7),))
    with pytest.raises(ConfigError, match="wanted one of langevin"):
        find_scheme("verlet")
    assert quick(TINY).length_ps > TINY.length_ps  # a trial, but of use


def test_an_integrator_of_ones_own(model: Model, tmp_path: Path) -> None:
    asked = []

    def make(system, temperature, friction, outer, inner, seed):
        asked.append((temperature, friction, outer, inner))
        return mts_langevin_integrator(
            system, temperature, friction, outer * unit.femtosecond, inner * unit.femtosecond,
            seed=seed,
        )  # fmt: skip

    config = dataclasses.replace(
        TINY, hydrogen_masses=(1.008,), steps=((0.5, 1.0),), length_ps=0.2, nve_ps=0.1
    )
    (advice,) = audit_mts(
        config, "classical", tmp_path, model=model, make_integrator=make,
        console=Console(quiet=True),
    )  # fmt: skip
    assert asked == [(300.0, 2.0, 1.0, 0.5)]
    assert not any(check.group == "drift" for check in advice.candidates[0].checks)
