"""The command line: help, errors and exit codes; what the commands do is tested elsewhere."""

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from openmm_innff import __version__, cli
from openmm_innff.errors import DataError

COMMANDS = ("train", "evaluate", "prepare", "run", "info")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--help"])
    assert f"example: innff {command} " in capsys.readouterr().out


def test_help_of_audits_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("audit", "audit mts"):
        with pytest.raises(SystemExit, match="0"):
            cli.main([*words.split(), "--help"])
        text = capsys.readouterr().out
        assert f"usage: innff {words} " in text
        assert f"example: innff {words} water-pbe0" in text


def test_audit_mts_passes_its_arguments_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []
    monkeypatch.setattr("openmm_innff.audit.mts.audit_mts", lambda *a, **k: calls.append((*a, k)))
    words = "audit mts x.innff --waters 32 --hydrogen-mass 1.008 2 --steps 0.5/2 1/4"
    words += " --length 3 --temperature 350"
    assert cli.main([*words.split(), "--out", str(tmp_path), "--resume", "--quick"]) == 0
    ((config, name, out, options),) = calls
    assert (name, out, options) == ("x.innff", tmp_path, {"resume": True, "write": None})
    assert config.waters == 32
    assert config.hydrogen_masses == (1.008, 2.0)
    assert config.steps == ((0.5, 2.0), (1.0, 4.0))
    assert (config.length_ps, config.temperature) == (3.0, 350.0)
    assert config.nve_ps < 10.0


def test_without_a_command_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    listed = capsys.readouterr().err
    assert all(f"\n    {command} " in listed for command in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"innff {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "no-such-model"], "no-such-model"),
        (["info", "no/such/file.innff"], "no/such/file.innff"),
        (["evaluate", "water-pbe0", "no-such-file.xyz"], "no-such-file.xyz"),
        (["run", "no-such-recipe"], "no-such-recipe"),
        (["train", "no-such-file.toml"], "no-such-file.toml"),
        (["audit", "mts", "water-pbe0", "--scheme", "no-such-scheme"], "no-such-scheme"),
        (["audit", "mts", "water-pbe0", "--steps", "0.5/1.7"], "0.5/1.7"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("innff: error: ")
    assert captured.err.count("\n") == 1
    assert not captured.out


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("--waters", "0", "must be above zero, found 0"), ("--length", "x", "invalid float value")],
)
def test_wrong_numbers(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "water", option, value])
    assert message in capsys.readouterr().err


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `innff info` meet an error."""

    def fail(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr("openmm_innff.model.load_model", fail)


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(DataError("energy missing"), monkeypatch)
    with pytest.raises(DataError, match="energy missing"):
        cli.main(["info", "x", "--debug"])


def test_errors_of_the_disk_name_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(PermissionError(13, "Permission denied", "runs/x"), monkeypatch)
    assert cli.main(["info", "x"]) == 2
    assert capsys.readouterr().err == "innff: error: runs/x: Permission denied\n"


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(KeyboardInterrupt(), monkeypatch)
    assert cli.main(["info", "x"]) == 130
    assert not capsys.readouterr().err  # what was stopped has said so already


def test_the_installed_command() -> None:
    command = Path(sys.executable).with_name("innff")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"innff {__version__}\n"


def test_info_prints_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "water-pbe0"]) == 0
    assert "PBE0" in capsys.readouterr().out
