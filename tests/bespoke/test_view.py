import io

from rich.console import Console

from openmm_innff.bespoke.view import View

ROW = ("1", "100", "20.0 meV/A", "30.0 meV/A", "5.0 meV", "3.0")
LOG = "stage,epoch,step,valid_force_mae\nwhole,1,10,50.0\nwhole,2,20,40.0\ndistil,1,5,\n"


def rendered(view):
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    console.print(view._render())
    return console.file.getvalue()


def test_a_terminal_shows_rounds_work_and_time(tmp_path):
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    view = View(console, "water", minutes=61.0)
    with view.showing():
        view.row(ROW)
        view.begin("labelling", 40)
        view.advance(10)
        assert "10/40" in rendered(view)
        log = tmp_path / "log.csv"
        view.begin("training", 100, log)
        assert "0/100" in rendered(view)
        log.write_text(LOG)
        text = rendered(view)
    assert "25/100" in text  # of both stages
    assert "held-out force MAE 40.0 meV/A" in text
    assert "20.0 meV/A" in text
    assert "[ 61:" in text
    assert "water" in console.file.getvalue()


def test_elsewhere_it_prints_lines():
    console = Console(file=io.StringIO(), width=120)
    view = View(console, "water")
    with view.showing():
        view.begin("labelling", 40)
        view.advance(10)
        view.row(ROW)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "water"
    assert lines[1] == "[  0:00] labelling"
    assert lines[2].startswith("[  0:00] round 1, labels 100, force MAE 20.0 meV/A")
