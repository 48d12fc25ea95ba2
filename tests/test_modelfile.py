"""Model files: what is written is read again; what can't be read is named."""

import dataclasses
import json

import numpy as np
import pytest
import torch  # before openmm

# isort: split
import openmm
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from openmm_innff.errors import ModelFileError, SystemSetupError
from openmm_innff.model import Model, load_model, shipped_models
from openmm_innff.modelcard import format_card
from openmm_innff.modelfile import (
    FORMAT_VERSION,
    ModelCard,
    SafeSteps,
    read_model,
    read_uncertainty,
    save_model,
)
from openmm_innff.potential import Potential
from openmm_innff.potential.uncertainty import Uncertainty

CARD = ModelCard(
    name="test",
    level_of_theory="none",
    errors={"valid_force_rmse_meV_per_A": 27.5},
    safe_steps=SafeSteps(0.5, 2.0, evidence="a test"),
    version="0",
)


@pytest.fixture(params=["one layer", "two layers", "distilled"])
def tiny_potential(request, tiny_config) -> Potential:
    """Of one layer, with a slow part of two, or distilled."""
    changes = {
        "one layer": {},
        "two layers": {"slow": dataclasses.replace(tiny_config.slow, messages=3)},
        "distilled": {"distilled": True},
    }
    return Potential(dataclasses.replace(tiny_config, **changes[request.param]), seed=1)


@pytest.fixture
def file(tmp_path, tiny_potential):
    return save_model(tmp_path / "test.innff", tiny_potential, CARD)


def rewrite_header(file, **changes):
    """Write the file again with a changed header."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        header = json.loads(opened.metadata()["innff"])
    save_file(load_file(file), file, metadata={"innff": json.dumps({**header, **changes})})


def test_a_model_survives_the_file(file, tiny_potential, water_box):
    potential, card = read_model(file)
    assert card == CARD
    assert potential.config == tiny_potential.config
    positions = torch.from_numpy(water_box.positions)
    box = torch.from_numpy(np.array(water_box.cell))
    found, expected = (
        p.evaluator("total", water_box.numbers, periodic=True)(positions, box)
        for p in (potential, tiny_potential)
    )
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert potential.reference_energy([8, 1]) == tiny_potential.reference_energy([8, 1])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"none.innff: there is no such file"):
        read_model(tmp_path / "none.innff")


@pytest.mark.parametrize("keep", [0, 5, 100, 0.5, 0.99])
def test_a_truncated_file_is_recognised(file, keep):
    content = file.read_bytes()
    file.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(ModelFileError, match="truncated"):
        read_model(file)


def test_a_foreign_file_is_recognised(tmp_path):
    text = tmp_path / "text.innff"
    text.write_text("this is a poem, not a model\n" * 20)
    with pytest.raises(ModelFileError, match="not a whole model file"):
        read_model(text)
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2)}, other)
    with pytest.raises(ModelFileError, match="but not a model of this package"):
        read_model(other)


def test_a_newer_file_asks_for_a_newer_package(file):
    rewrite_header(file, format_version=FORMAT_VERSION + 1)
    with pytest.raises(ModelFileError, match="install a newer openmm-innff"):
        read_model(file)


def test_a_damaged_header_is_recognised(file):
    rewrite_header(file, config={"elements": ["H", "O"]})
    with pytest.raises(ModelFileError, match="damaged"):
        read_model(file)


def test_a_failed_write_leaves_the_old_file(file, tiny_potential, monkeypatch):
    content = file.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match=r"test\.innff"):
        save_model(file, tiny_potential, dataclasses.replace(CARD, name="new"))
    assert file.read_bytes() == content


def test_the_card_prints_what_a_user_needs(tiny_potential):
    console = Console(width=100, record=True, quiet=True)
    console.quiet = False
    with console.capture() as capture:
        console.print(format_card(tiny_potential, CARD))
    text = capture.get()
    for expected in ("fast 2.5 A, slow 4.0 A", "inner 0.5 fs, outer 2.0 fs", "27.5", "H O"):
        assert expected in text


def test_unknown_model_names_list_the_shipped_ones(tmp_path):
    with pytest.raises(ModelFileError, match=r"wanted a file or one of: .*found 'nothing'"):
        load_model("nothing")


def test_safe_steps_by_hydrogen_mass(tiny_potential, tmp_path):
    light, heavy = SafeSteps(0.5, 4.0), SafeSteps(1.0, 8.0, 3.024)
    card = ModelCard("x", safe_steps=(light, heavy))
    _, found = read_model(save_model(tmp_path / "x.innff", tiny_potential, card))
    assert found.safe_steps == (light, heavy)
    assert found.steps_for(1.00794) == light
    assert found.steps_for(2.0) == light  # heavier is no harder
    assert found.steps_for(3.024) == heavy
    assert found.steps_for(15.999) == heavy
    assert found.steps_for(0.5) is None


@pytest.mark.parametrize(("stored", "found"), [(None, ()), (SafeSteps(0.5, 2.0), "itself")])
def test_one_entry_or_none_as_in_old_files(tiny_potential, tmp_path, stored, found):
    path = save_model(tmp_path / "x.innff", tiny_potential, ModelCard("x"))
    old = dataclasses.asdict(stored) if stored else None
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    inner = json.loads(header["__metadata__"]["innff"])
    inner["card"]["safe_steps"] = old
    header["__metadata__"]["innff"] = json.dumps(inner)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
    assert read_model(path)[1].safe_steps == ((stored,) if stored else found)
    assert ModelCard("x", safe_steps=stored).safe_steps == ((stored,) if stored else found)


def test_integrators_take_the_steps_of_the_hydrogens_in_the_system(tiny_potential):
    card = ModelCard("x", safe_steps=(SafeSteps(0.5, 4.0), SafeSteps(1.0, 8.0, 3.024)))
    model = Model(tiny_potential, card)
    for mass, outer in ((1.008, 0.004), (3.024, 0.008)):
        system = openmm.System()
        system.addParticle(15.999)
        system.addParticle(mass)
        assert model.mts_integrator(system, 300.0, 1.0).getStepSize()._value == outer
    system.addParticle(0.7)
    with pytest.raises(SystemSetupError, match=r"atoms of 0\.7 amu \(known for .*: 1\.008, 3\.024"):
        model.mts_integrator(system, 300.0, 1.0)


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_load_and_say_what_they_are(name):
    model = load_model(name)
    card = model.card
    assert card.name == name
    assert model.potential.n_parameters < 250_000
    assert card.errors["valid_force_rmse_meV_per_A"] <= 14.0
    assert card.errors["valid_energy_rmse_shifted_meV_per_atom"] <= 0.15
    assert card.data_sha256
    assert card.licence != "unknown"
    assert card.safe_steps


def an_uncertainty() -> Uncertainty:
    draws, ends = torch.randn(3, 7), torch.randn(5)
    return Uncertainty(draws, 1.5, 2.5, ends, ends + 1.0, 0.03, {"training_frames": 4})


def test_the_uncertainty_comes_back_and_changes_nothing_else(tmp_path, tiny_potential) -> None:
    known = an_uncertainty()
    path = save_model(tmp_path / "known.innff", tiny_potential, CARD, known)
    found = read_uncertainty(path)
    for name in ("draws", "low", "high"):
        assert torch.equal(getattr(found, name), getattr(known, name))
    assert (found.energy_scale, found.force_scale, found.largest) == (1.5, 2.5, 0.03)
    assert found.origin == known.origin
    potential, card = read_model(path)
    assert card == read_model(save_model(tmp_path / "bare.innff", tiny_potential, CARD))[1]
    for name, values in tiny_potential.state_dict().items():
        assert torch.equal(values, potential.state_dict()[name])


def test_a_file_without_uncertainty_is_as_it_always_was(tmp_path, tiny_potential) -> None:
    bare = save_model(tmp_path / "bare.innff", tiny_potential, CARD)
    assert read_uncertainty(bare) is None
    with safe_open(bare, framework="pt") as file:
        assert json.loads(file.metadata()["innff"])["format_version"] < FORMAT_VERSION
    with pytest.raises(ModelFileError, match="innff calibrate MODEL"):
        load_model(bare).known_uncertainty()


def test_an_uncertainty_that_lacks_a_tensor_is_damaged(tmp_path, tiny_potential) -> None:
    path = save_model(tmp_path / "known.innff", tiny_potential, CARD, an_uncertainty())
    with safe_open(path, framework="pt") as file:
        kept = {k: file.get_tensor(k) for k in file.keys() if k != "uncertainty.low"}  # noqa: SIM118
        header = file.metadata()
    save_file(kept, path, metadata=header)
    with pytest.raises(ModelFileError, match="the uncertainty is damaged"):
        read_uncertainty(path)
