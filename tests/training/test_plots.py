"""Learning curves from whole, partial and broken logs; parity plots."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from openmm_innff import plotstyle
from openmm_innff.data import Frame, FrameSet
from openmm_innff.errors import DataError
from openmm_innff.training.metrics import compare
from openmm_innff.training.plots import plot_learning_curve, plot_parity, read_log

HEADER = (
    "stage,epoch,step,seconds,learning_rate,loss,train_force_rmse,train_energy_rmse,"
    "valid_force_rmse,valid_force_mae,valid_energy_rmse,valid_energy_rmse_shifted,slow_change_rms"
)


def log_text(epochs: int = 20) -> str:
    rows = [HEADER]
    for epoch in range(epochs):
        stage, error = ("fast" if epoch < 8 else "joint"), 300 / (1 + epoch)
        slow = "" if stage == "fast" else f"{60 - epoch}"
        values = [error / 9, error, error / 20, error * 1.1, error * 0.8, error / 15, error / 18]
        numbers = ",".join(f"{value:.6g}" for value in (0.004, *values))
        rows.append(f"{stage},{epoch},{epoch * 60},{epoch * 7.5},{numbers},{slow}")
    return "\n".join([*rows, ""])


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that are saved during the test."""
    saved: list[Figure] = []
    save = plotstyle.save_figure

    def keep(figure: Figure, path: Path) -> Path:
        saved.append(figure)
        return save(figure, path)

    monkeypatch.setattr(plotstyle, "save_figure", keep)
    return saved


def test_learning_curve(tmp_path: Path, figures: list[Figure]) -> None:
    (tmp_path / "log.csv").write_text(log_text())
    before = dict(matplotlib.rcParams)
    path = plot_learning_curve(tmp_path / "log.csv", tmp_path / "curve.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
    (figure,) = figures
    axes = figure.axes
    assert [a.get_ylabel() for a in axes] == [
        "force error (meV/Å)", "energy error (meV/atom)",
        "RMS change of the slow force (meV/Å)", "learning rate",
    ]  # fmt: skip
    assert [a.get_yscale() for a in axes] == ["log", "log", "linear", "linear"]
    assert [text.get_text() for text in axes[0].texts] == ["fast", "joint"]
    slow = axes[2].lines[0].get_xydata()
    assert slow[:, 0].tolist() == list(range(9, 21))


def test_missing_columns_and_values(tmp_path: Path, figures: list[Figure]) -> None:
    (tmp_path / "log.csv").write_text("valid_force_rmse,loss\n30,1\n,2\nnan,3\nbad,\n20,1\n")
    plot_learning_curve(tmp_path / "log.csv", tmp_path / "curve.png")
    (axes,) = figures[0].axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 30], [5, 20]])


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(log_text(3) + "joint,3,1")
    assert read_log(tmp_path / "log.csv")["epoch"] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "at least one row"), (HEADER, "at least one row"), ("a,b\n1,2\n", "none of the known")],
)
def test_useless_logs(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        plot_learning_curve(tmp_path / "log.csv", tmp_path / "curve.png")


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't read the log"):
        plot_learning_curve(tmp_path / "log.csv", tmp_path / "curve.png")


@pytest.mark.parametrize("n_frames", [1, 30])
def test_parity(tmp_path: Path, n_frames: int) -> None:
    rng = np.random.default_rng(0)
    positions = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    frames = FrameSet(
        Frame([8, 1, 1], positions, positions, False, rng.normal(), rng.normal(size=(3, 3)))
        for _ in range(n_frames)
    )
    energies = frames.energies + rng.normal(size=n_frames) * 0.01
    forces = [frame.forces + rng.normal(size=(3, 3)) * 0.05 for frame in frames]
    figure = plot_parity(frames, energies, forces, compare(frames, energies, forces))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["energy, offset removed", "force component on H", "force component on O"]
    assert all("RMSE" in axes.texts[0].get_text() for axes in figure.axes)
    assert plotstyle.save_figure(figure, tmp_path / "parity.png").stat().st_size > 10_000
