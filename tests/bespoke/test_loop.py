"""From a molecule to a model: it ends, it goes on, and it says what is wrong first."""

import dataclasses
import io
import json

import pytest
from ase.io import read
from rich.console import Console

from openmm_innff import cli
from openmm_innff.bespoke import loop
from openmm_innff.bespoke.config import BespokeConfig
from openmm_innff.bespoke.folder import Folder
from openmm_innff.bespoke.loop import bespoke
from openmm_innff.errors import (
    ConfigError,
    SimulationError,
    UnsupportedElementError,
)
from openmm_innff.model import load_model
from openmm_innff.reference import campaign
from openmm_innff.reference.compute import compute
from openmm_innff.reference.level import parse_level
from openmm_innff.reference.molecule import Target
from openmm_innff.reference.store import LabelStore
from openmm_innff.sampling import pool
from openmm_innff.sampling.selection import without_doubles
from openmm_innff.sampling.structure import load_molecule
from openmm_innff.training.trainer import Trainer

pytest.importorskip("rdkit")
pytest.importorskip("tblite")

LEVEL = parse_level("GFN2-xTB")
SMALL = """
distilled = true
[fast]
cutoff = 2.0
channels = 2
l_max = 1
projections = 4
[slow]
cutoff = 2.5
channels = 4
projections = 4
messages = 2
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    return BespokeConfig(
        "mine", LEVEL.key, labels=24, rounds=2, fresh=6, round_steps=40, final_steps=60,
        distil_steps=6, stability_ps=0.55, scans=1, training=str(tmp_path / "small.toml"),
    )  # fmt: skip


def run(config, out, smiles="OO", **options):
    console = Console(file=io.StringIO(), width=200)
    path = bespoke(load_molecule(smiles), LEVEL, config, out, console=console, **options)
    return path, console.file.getvalue()


@pytest.mark.slow
def test_a_whole_run_its_report_and_a_larger_budget(config, tmp_path):
    out = tmp_path / "run"
    path, text = run(config, out)
    model = load_model(path)
    assert model.card.level_of_theory == "GFN2-xTB"
    assert model.uncertainty is not None
    report = json.loads((out / "report.json").read_text())
    assert report["rounds"][0]["labels"] == 10
    assert report["final"]["frames"] == 6
    # Some minutes of training would make it good; a few seconds make it better than nothing.
    assert report["final"]["force_mae"] < 0.6 * report["final"]["force_spread"]
    assert not report["target_reached"]
    assert report["scans"][0]["torsion"] == "H2-O0-O1-H3"
    assert len(report["scans"][0]["reference_eV"]) == 12
    assert report["dynamics_300K"]["errors"]["frames"] > 0
    assert report["minutes"].keys() == {"sampling", "labels", "training", "tests"}
    assert "data:image/png" in (out / "report.html").read_text()
    assert f"written: {path}" in text
    fresh = read(out / "fresh.xyz", ":")
    trained = [*read(out / "final-training-2" / "train.xyz", ":")]
    assert (len(fresh), len(trained)) == (6, report["final"]["labels"])
    new = without_doubles([a.positions for a in fresh], [a.positions for a in trained])
    assert new == list(range(6))  # none was trained on

    with pytest.raises(SimulationError, match="add --resume"):
        run(config, out)
    with pytest.raises(SimulationError, match="holds a run with seed = 0, found 1"):
        run(dataclasses.replace(config, seed=1), out, resume=True)
    with pytest.raises(SimulationError, match="holds a run of OO, found O"):
        run(config, out, "O", resume=True)
    count = len(LabelStore(out / "labels.db").labelled(LEVEL))
    before = path.stat().st_mtime_ns
    run(config, out, resume=True)  # nothing is left to do
    assert path.stat().st_mtime_ns == before
    assert len(LabelStore(out / "labels.db").labelled(LEVEL)) == count

    run(dataclasses.replace(config, rounds=3, labels=30), out, resume=True)
    more = json.loads((out / "report.json").read_text())
    assert len(more["rounds"]) == 3
    assert more["rounds"][:2] == report["rounds"]
    assert more["final"]["labels"] > report["final"]["labels"]


def test_interrupted_anywhere_it_goes_on(config, tmp_path, monkeypatch):
    """Ctrl-C in the labels of each kind and in each training: the result is that of one go."""
    config = dataclasses.replace(config, scans=0)
    expected, _ = run(config, tmp_path / "whole")
    out, stops = tmp_path / "cut", {"labels": [2, 9, 20], "steps": [15, 55, 120]}
    counts = {"labels": 0, "steps": 0}

    def counting(kind, function):
        def counted(*arguments):
            result = function(*arguments)
            counts[kind] += 1
            if stops[kind] and counts[kind] == stops[kind][0]:
                stops[kind].pop(0)
                raise KeyboardInterrupt
            return result

        return counted

    monkeypatch.setattr(campaign, "attempt", counting("labels", campaign.attempt))
    monkeypatch.setattr(Trainer, "train_step", counting("steps", Trainer.train_step))
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            run(config, out, resume=True)
    assert stops == {"labels": [], "steps": []}
    path, _ = run(config, out, resume=True)
    found, wanted = (
        json.loads((p.parent.parent / "report.json").read_text()) for p in (path, expected)
    )
    assert found["final"]["labels"] == wanted["final"]["labels"]
    assert found["final"]["force_mae"] == pytest.approx(wanted["final"]["force_mae"], rel=1e-3)


def test_frames_that_fail_are_left_out(config, tmp_path, monkeypatch):
    compute, calls = campaign.compute, []

    def sometimes(target, level):
        calls.append(1)
        if len(calls) % 4 == 0:
            raise campaign.CalculationFailed("no")
        return compute(target, level)

    monkeypatch.setattr(campaign, "compute", sometimes)
    run(dataclasses.replace(config, rounds=1), tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["labels_failed"] >= 3
    assert "data:image/png" in (tmp_path / "run" / "report.html").read_text()
    assert report["final"]["labels"] < 10


@pytest.mark.slow
def test_the_target_and_the_time_end_it(config, tmp_path):
    easy = dataclasses.replace(config, target=1e5, rounds=4, scans=0, licence="CC0-1.0")
    path, _ = run(easy, tmp_path / "easy")
    assert load_model(path).card.licence == "CC0-1.0"
    report = json.loads((tmp_path / "easy" / "report.json").read_text())
    assert (len(report["rounds"]), report["rounds_ended"]) == (1, "target reached")
    hasty = dataclasses.replace(easy, target=1.0, minutes=1e-3)
    run(hasty, tmp_path / "hasty")
    report = json.loads((tmp_path / "hasty" / "report.json").read_text())
    assert len(report["rounds"]) == 1
    assert "time" in report["rounds_ended"]
    assert report["final_steps"] == hasty.round_steps


def test_how_it_is_trained_is_kept_in_its_folder(config, tmp_path):
    molecule, out = load_molecule("OO"), tmp_path / "run"
    copy = out / "training.toml"
    assert Folder(out, config, molecule, resume=False).config.training == str(copy)
    assert copy.read_text() == SMALL
    (tmp_path / "small.toml").write_text(SMALL + "[optimizer]\nema = 0.9\n")
    with pytest.raises(SimulationError, match=r"small.toml differs; leave --training out"):
        Folder(out, config, molecule, resume=True)
    unsaid = dataclasses.replace(config, training="")
    Folder(out, unsaid, molecule, resume=True)
    assert copy.read_text() == SMALL


def test_a_run_of_an_older_version_goes_on(config, tmp_path):
    """It lacks settings that came later; they have their defaults."""
    molecule, out = load_molecule("OO"), tmp_path / "run"
    Folder(out, config, molecule, resume=False)
    state = json.loads((out / "state.json").read_text())
    del state["settings"]["licence"]
    (out / "state.json").write_text(json.dumps(state))
    assert Folder(out, config, molecule, resume=True).config.licence == "unknown"


def test_what_can_not_work_is_said_before_anything_is_made(config, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "label_frames", lambda *a, **k: pytest.fail("too late"))
    molecule = dataclasses.replace(load_molecule("OO"), unpaired=1)
    with pytest.raises(ConfigError, match="spin: 18 electrons can't have 1"):
        bespoke(molecule, LEVEL, config, tmp_path / "run")
    (tmp_path / "small.toml").write_text(SMALL + "[data]\ntrain = 'a'\n")
    with pytest.raises(ConfigError, match="data: is filled in"):
        run(config, tmp_path / "run")
    (tmp_path / "small.toml").write_text(SMALL + "[optimiser]\nema = 0.9\n")
    with pytest.raises(ConfigError, match="did you mean 'optimizer'"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("CC[O] --level gfn2-xtb", "is a hydrogen missing"),
        ("C(C)(C)(C)(C)C --level gfn2-xtb", "broken valence"),
        ("CCO --level gfn2-xtb --charge 1", "charge: the atoms"),
        ("CC[O] --level gfn2-xtb --spin 3", "1 unpaired electrons"),
        ("CCO --level nonsense/def2-SVP", "method: wanted one such as"),
        ("CC[Se]C --level HF/6-31g-nonsense", "basis: '6-31g-nonsense' is unknown"),
        ("C[Hg]C --level MP2/cc-pVDZ", "has no functions for Hg"),
        ("CCO", "wanted --level"),
        ("CCO --level gfn2-xtb --labels 3", "labels: wanted at least 20"),
        ("CCO --level gfn2-xtb --training no.toml", "no.toml"),
        ("no.sdf --level gfn2-xtb", "there is no file"),
        ("[Na+] --level gfn2-xtb", "wanted at least 2 atoms"),
        ("C[Fe]C --level gfn2-xtb", "neither MMFF94 nor UFF"),
    ],
)
def test_mistakes_are_explained(tmp_path, monkeypatch, capsys, arguments, message):
    pytest.importorskip("pyscf")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bespoke", *arguments.split()]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_molecules_that_change_are_refused(config, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "openmm_innff.sampling.modes.minimize", lambda positions, forces: 3.0 * positions
    )
    with pytest.raises(SimulationError, match="goes over into another molecule"):
        run(config, tmp_path / "run")


def test_settings_are_checked():
    for change, message in (
        ({"target": 0.0}, "target: wanted more than 0"),
        ({"hot": 200.0}, "hot: wanted at least"),
        ({"name": "a/b"}, "name: wanted one without slashes"),
        ({"fresh": 1}, "fresh: wanted at least 5"),
        ({"base_frames": 3}, "base_frames: wanted 0 or at least 20"),
        ({"base_frames": 30, "base": "c"}, "base_frames: there is a base already"),
    ):
        with pytest.raises(ConfigError, match=message):
            BespokeConfig(**{"name": "a", "level": "b", **change})


@pytest.mark.slow
def test_it_goes_on_from_a_model_of_another_level(config, tmp_path):
    """Of GFN1-xTB there are ten labels and few steps: the model of GFN2-xTB helps."""
    good = dataclasses.replace(config, labels=100, rounds=1, final_steps=600, scans=0)
    base, _ = run(good, tmp_path / "base")
    other, results = parse_level("GFN1-xTB"), {}
    for name, start in (("scratch", ""), ("continued", str(base))):
        few = dataclasses.replace(config, level=other.key, rounds=1, labels=20, scans=0, base=start)
        bespoke(load_molecule("OO"), other, few, tmp_path / name, console=Console(quiet=True))
        report = json.loads((tmp_path / name / "report.json").read_text())
        results[name] = report["final"]["force_mae"]
    assert results["continued"] < 0.7 * results["scratch"]


def test_dear_levels_begin_with_a_base_of_tight_binding(config, tmp_path, monkeypatch):
    pytest.importorskip("pyscf")
    level = parse_level("HF/STO-3G")
    dear = dataclasses.replace(
        config, level=level.key, labels=20, rounds=1, fresh=5, round_steps=5, final_steps=5,
        stability_ps=0.51, scans=0, base_frames=60, base_steps=40,
    )  # fmt: skip
    train, bases = loop.teach, []

    def teach(name, settings, folder, view, count, base):
        bases.append((name, count, base and base.card.level_of_theory))
        return train(name, settings, folder, view, count, base)

    monkeypatch.setattr(loop, "teach", teach)
    water, quiet = load_molecule("O"), Console(quiet=True)
    monkeypatch.setattr(
        "openmm_innff.sampling.pool.heated", counting_interrupt(pool.heated, stop_at=2)
    )
    with pytest.raises(KeyboardInterrupt):
        bespoke(water, level, dear, tmp_path / "run", console=quiet)
    assert not bases
    path = bespoke(water, level, dear, tmp_path / "run", console=quiet, resume=True)
    names = [entry[0].partition("/")[0] for entry in bases]
    assert names == ["base", "round-1", "final-training-1"]
    assert bases[0][1:] == (60, None)
    assert bases[1][2] == "GFN2-xTB"
    assert load_model(path).card.level_of_theory == level.key
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["base"]["labels"] == 60
    assert report["base"]["frames"] == 5
    assert "GFN2-xTB base" in (tmp_path / "run" / "report.html").read_text()
    base = read(tmp_path / "run" / "base" / "train.xyz", ":")
    label = compute(Target.of(base[0]), LEVEL)
    assert base[0].get_potential_energy() == pytest.approx(label.energy, abs=1e-4)
    assert base[0].get_forces() == pytest.approx(label.forces, abs=1e-3)


def counting_interrupt(function, stop_at):
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return function(*arguments)

    return counted


def test_a_base_model_must_know_the_elements(config, tmp_path):
    with pytest.raises(UnsupportedElementError, match="atom 0 is C"):
        run(dataclasses.replace(config, base="water-pbe0"), tmp_path / "run", "CO")
    assert not (tmp_path / "run").exists()
