"""Errors of potentials on public test sets beside published ones, with what they cost.

    export INNFF_DATA=/path/to/data
    python benchmarks/accuracy.py --list
    python benchmarks/accuracy.py --train acac          # hours; repeat it to go on after a stop
    python benchmarks/accuracy.py                       # test all that is trained; write the table

A row is trained by `innff train` with benchmarks/accuracy/ROW.toml, in runs/accuracy/ROW. Rows with
a base go on from a model of GFN2-xTB, whose frames are made first (needs tblite). Results are kept
in accuracy/results.json; the table and the plot are those of docs/accuracy.md. Leave the machine
alone while costs are measured.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from accuracy import cost, report
from accuracy.errors import errors_of
from accuracy.rows import ROWS, Row
from accuracy.splits import write_splits

from openmm_innff import load_model
from openmm_innff.data import read_frames
from openmm_innff.modelfile import parameter_count

HERE = Path(__file__).parent
CONFIGS = HERE / "accuracy"
WORK = HERE.parent / "runs" / "accuracy"
RESULTS, PEERS = CONFIGS / "results.json", CONFIGS / "peers.json"
BASE_FRAMES = {
    "acac": ("acac-train", 7000, (300, 500, 800)),
    "aspirin": ("aspirin-50-train", 8000, (500, 800)),
    "ethanol": ("ethanol-train", 3000, (300, 500, 800)),
    "3bpa": ("3bpa-train", 2000, (300, 500, 800)),
}
"""Structures that the dynamics of GFN2-xTB begins with, number of frames, and temperatures."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--train", nargs="+", metavar="ROW", help="train these rows")
    parser.add_argument("--no-cost", action="store_true", help="keep the costs measured before")
    arguments = parser.parse_args()
    rows = {row.name: row for row in ROWS}
    if arguments.list:
        for row in ROWS:
            print(
                f"{row.name:18} {row.title}, {row.frames} frames"
                f"{f', from {row.base}' if row.base else ''}"
            )
        return
    write_splits(WORK)
    for name in arguments.train or []:
        if name not in rows:
            sys.exit(f"--train: wanted some of {', '.join(rows)}, found {name}")
        train(rows[name], rows)
    if not arguments.train:
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        for row in ROWS:
            if row.model or model_of(row).exists():
                known = results.get(row.name, {}).get("cost", {})
                results[row.name] = test(row, known if arguments.no_cost else None)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        peers = json.loads(PEERS.read_text()) if PEERS.exists() else {}
        report.write(results, peers, ROWS, HERE.parent / "docs")


def model_of(row: Row) -> Path:
    return WORK / row.name / f"{row.name}.innff"


def train(row: Row, rows: dict[str, Row]) -> None:
    """Train a row, and before it its base."""
    if row.model or model_of(row).exists():
        print(f"{row.name} is trained: {row.model or model_of(row)}")
        return
    if row.base:
        train(rows[row.base], rows)
    if not row.tests:
        _make_base_frames(row.name.removesuffix("-base"))
    command = ["innff", "train", str(CONFIGS / f"{row.name}.toml"), "--out", str(WORK / row.name)]
    if row.base:
        command += ["--from", str(model_of(rows[row.base]))]
    if (WORK / row.name / "checkpoint.pt").exists():
        command.append("--resume")
    program = Path(sys.executable).with_name("innff")
    environment = {**os.environ, "WORK": str(WORK)}
    subprocess.run([str(program), *command[1:]], check=True, env=environment)


def _make_base_frames(molecule: str) -> None:
    target = WORK / f"{molecule}-xtb.xyz.gz"
    if not target.exists():
        start, count, temperatures = BASE_FRAMES[molecule]
        command = [sys.executable, str(HERE / "xtb_frames.py"), str(WORK / f"{start}.xyz.gz")]
        command += [str(target), "--frames", str(count)]
        command += ["--temperatures", *map(str, temperatures)]
        subprocess.run(command, check=True)


def test(row: Row, known: dict | None) -> dict:
    """Return the errors of a row's model on its tests, and its cost unless it is known."""
    model = load_model(row.model or model_of(row))
    errors = {name: errors_of(model, WORK / f"{file}.xyz.gz") for name, file in row.tests.items()}
    for name, found in errors.items():
        rmse, mae = found["RMSE"], found["MAE"]
        print(
            f"{row.name:18} {name:14} RMSE {rmse[0]:6.2f} meV {rmse[1]:6.2f} meV/A   "
            f"MAE {mae[0]:6.2f} meV {mae[1]:6.2f} meV/A",
            flush=True,
        )
    if known is None and row.tests:
        frames = read_frames(WORK / f"{next(iter(row.tests.values()))}.xyz.gz")
        known = cost.measure(model, frames[0], WORK)
    return {
        "errors": errors,
        "parameters": parameter_count(model.potential)["total"],
        "minutes": model.card.training["minutes"],
        "cost": known or {},
    }


if __name__ == "__main__":
    main()
