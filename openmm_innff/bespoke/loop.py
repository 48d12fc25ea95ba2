"""The whole way: label, train, explore, label what is uncertain, train again, test, report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console

from openmm_innff.bespoke import judge, prepare
from openmm_innff.bespoke.base import BASE, base_set, cheap_labels
from openmm_innff.bespoke.config import BespokeConfig
from openmm_innff.bespoke.explore import explore
from openmm_innff.bespoke.folder import LABELS, Folder
from openmm_innff.bespoke.report import write
from openmm_innff.bespoke.teach import check_training, configure, teach
from openmm_innff.bespoke.view import View
from openmm_innff.errors import SimulationError
from openmm_innff.model import Model, load_model
from openmm_innff.reference.campaign import Tally, label_frames
from openmm_innff.reference.check import check
from openmm_innff.reference.level import Level
from openmm_innff.reference.molecule import Target
from openmm_innff.reference.store import LabelStore, write_frames
from openmm_innff.sampling.conformers import check_parameters
from openmm_innff.sampling.forcefields import METHOD, TightBinding
from openmm_innff.sampling.molecule import Molecule

FloatArray = NDArray[np.float64]
LAST_SHARE = 0.8
"""Of the time that is left: for the last training, so that tests fit in."""


def bespoke(
    molecule: Molecule,
    level: Level,
    config: BespokeConfig,
    out: Path,
    *,
    resume: bool = False,
    workers: int = 1,
    scheduler: str = "",
    console: Console | None = None,
) -> Path:
    """Make a potential for a molecule; return its model file.

    Parameters
    ----------
    molecule : Molecule
    level : Level
    config : BespokeConfig
    out : Path
        Folder.
    resume : bool
        Go on with what is there.
    workers, scheduler
        As for `label_frames`.
    console : Console, optional

    Raises
    ------
    InnffError
        See `check`: before anything is calculated, if the level does not suit the molecule.
    KeyboardInterrupt
        After Ctrl-C, when what is finished has been stored.
    """
    check(level, [Target(molecule.numbers, molecule.positions, molecule.charge, molecule.unpaired)])
    TightBinding(molecule)  # is it installed?
    check_parameters(molecule)
    check_training(config, level, molecule)
    base = load_model(config.base) if config.base else None
    if base is not None:
        base.potential.species_index(molecule.numbers)
    folder = Folder(out, config, molecule, resume)
    console = console or Console()
    title = f"{molecule.name}: {molecule.formula} at {level.key}"
    view = View(console, title, folder.minutes)
    run = _Run(molecule, level, folder.config, folder, view, workers, scheduler, base)
    try:
        with view.showing():
            path = run.all()
    except KeyboardInterrupt:
        console.print(f"stopped; all that is finished is in {out}. To go on, add --resume")
        raise
    return path


@dataclasses.dataclass
class _Run:
    """One run, with all that its steps share."""

    molecule: Molecule
    level: Level
    config: BespokeConfig
    folder: Folder
    view: View
    workers: int
    scheduler: str
    base: Model | None

    def all(self) -> Path:
        """Go all the way; what is finished already is passed over."""
        config, folder, view = self.config, self.folder, self.view
        bottoms = prepare.minima(folder, config, view)
        structures = prepare.start_set(folder, config, bottoms, view)
        fresh = self.label(prepare.fresh_set(folder, config, bottoms, view), "fresh structures")
        model = self.cheap_base(bottoms) if config.base_frames else self.base
        number = 0
        while True:
            number += 1
            model, data = self.round(number, structures, fresh, model)
            if self.enough(number):
                break
            structures = [*structures, *self.more(number, structures, model)]
        final = self.finish(data, model, fresh)
        self.test(final, bottoms)
        self.compare_scans(final)
        write(folder, self.level)
        path = folder.path / "final" / f"{config.name}.innff"
        view.say(
            f"written: {path}\nreport: {folder.path / 'report.html'}\n"
            f"force MAE {folder.state.facts['final']['force_mae']:.1f} meV/A in fresh structures"
        )
        return path

    # -- steps ------------------------------------------------------------------------------------

    def label(self, structures: Sequence[FloatArray], what: str) -> list[Atoms]:
        """Return structures with labels; those that fail are missing."""
        store = LabelStore(self.folder.path / LABELS)
        targets = self.folder.targets(structures)
        self.view.begin(f"labelling {what}", len(targets))

        def report(tally: Tally) -> None:
            self.view.advance(tally.total - tally.left, tally.total)

        with self.folder.timed("labels"):
            label_frames(
                targets, self.level, store,
                workers=self.workers, scheduler=self.scheduler, report=report,
            )  # fmt: skip
        found = store.labelled(self.level, targets)
        if not found:
            raise SimulationError(
                f"none of {len(targets)} {what} could be labelled; the reasons are in {store.path}"
            )
        return found

    def round(
        self, number: int, structures: list[FloatArray], fresh: list[Atoms], base: Model | None
    ) -> tuple[Model, list[Atoms]]:
        """Label, train, and judge; return the model and what it was trained on."""
        data = self.label(structures, f"structures of round {number}")
        model = self.train(f"round-{number}", data, (self.config.round_steps, 0), base)
        rounds = self.folder.state.rounds
        if len(rounds) < number:
            found = judge.errors(model, self.molecule, fresh)
            rounds.append({"labels": len(data), **dataclasses.asdict(found)})
            rounds[-1]["minutes"] = round(self.folder.minutes, 2)
            self.folder.save()
        self.show(str(number), rounds[number - 1])
        return model, data

    def cheap_base(self, bottoms: Sequence[FloatArray]) -> Model:
        """Return a model of GFN2-xTB, judged by the fresh structures with labels of that."""
        folder, facts = self.folder, self.folder.state.facts
        data = base_set(folder, self.config, bottoms, self.view)
        model = self.train(BASE, data, (self.config.base_steps, 0), None, Level(METHOD))
        if BASE not in facts:
            fresh = cheap_labels(self.molecule, folder.structures("fresh.xyz") or [])
            found = judge.errors(model, self.molecule, fresh)
            facts[BASE] = {"labels": len(data), **dataclasses.asdict(found)}
            facts[BASE]["minutes"] = round(folder.minutes, 2)
            folder.save()
        self.show(f"{METHOD} base", facts[BASE])
        return model

    def train(
        self,
        name: str,
        data: list[Atoms],
        steps: tuple[int, int],
        base: Model | None,
        level: Level | None = None,
    ) -> Model:
        """Train on labelled structures."""
        file = self.folder.file(name, "train.xyz")
        if not file.is_file():
            write_frames(file, data)
        level = level or self.level
        config = configure(self.config, level, self.molecule, file, len(data), steps)
        return teach(f"{name}/training", config, self.folder, self.view, len(data), base)

    def enough(self, number: int) -> bool:
        """Whether rounds are to end: target reached, all labels used, or no time left."""
        last = self.folder.state.rounds[number - 1]
        reason = ""
        if last["force_mae"] <= self.config.target:
            reason = "target reached"
        elif number >= self.config.rounds or last["labels"] >= self.config.labels:
            reason = "all labels used"
        elif self.config.minutes and self.time_left() < 0.5 * self.config.minutes:
            reason = "half of the time is left to the last training"
        later = len(self.folder.state.rounds) > number
        if reason and not later:
            self.folder.state.facts["rounds_ended"] = reason
            self.folder.save()
        return bool(reason) and not later

    def more(self, number: int, known: list[FloatArray], model: Model) -> list[FloatArray]:
        """Return structures that the model is uncertain of."""
        name = f"round-{number + 1}/structures.xyz"
        kept = self.folder.structures(name)
        if kept is not None:
            return kept
        rounds = max(1, self.config.rounds - number)
        count = -(-(self.config.labels - len(known)) // rounds)
        with self.folder.timed("sampling"):
            found = explore(self.molecule, model, self.config, known, number, count, self.view)
        if not found.structures:
            raise SimulationError(
                f"round {number}: dynamics with the model breaks at once, so nothing new was "
                f"found; more labels to start with may help (labels: {self.config.labels})"
            )
        facts = {k: v for k, v in dataclasses.asdict(found).items() if k != "structures"}
        self.folder.state.facts[f"explored_{number}"] = facts
        return self.folder.keep(name, found.structures)

    def finish(self, data: list[Atoms], base: Model, fresh: list[Atoms]) -> Model:
        """Train for long, with the fast part, and judge."""
        facts = self.folder.state.facts
        rounds = len(self.folder.state.rounds)
        if facts.get("final_after") != rounds:  # of a run with a smaller budget
            old = [k for k in facts if k in ("final", "scans") or k.startswith("dynamics_")]
            for key in old:
                del facts[key]
            facts |= {"final_after": rounds, "final_steps": self.final_steps()}
            self.folder.save()
        steps = facts["final_steps"], self.config.distil_steps
        model = self.train(f"final-training-{rounds}", data, steps, base)
        path = self.folder.file("final", f"{self.config.name}.innff")
        if "final" not in facts or not path.is_file():
            model.save(path)
            found = judge.errors(model, self.molecule, fresh)
            facts["final"] = {"labels": len(data), **dataclasses.asdict(found)}
            facts["final"]["minutes"] = round(self.folder.minutes, 2)
            self.folder.save()
        self.show("final", facts["final"])
        return model

    def final_steps(self) -> int:
        """Return the steps of the last training, as many as fit into the time."""
        if not self.config.minutes:
            return self.config.final_steps
        state = self.folder.state
        taken = len(state.rounds) * self.config.round_steps
        taken += self.config.base_steps if BASE in state.facts else 0
        each = state.seconds["training"] / taken
        fit = LAST_SHARE * 60.0 * self.time_left() / each - self.config.distil_steps
        return int(np.clip(fit, self.config.round_steps, self.config.final_steps))

    def time_left(self) -> float:
        """Return what is left of the budget, in minutes."""
        return max(0.0, self.config.minutes - self.folder.minutes)

    def test(self, model: Model, bottoms: Sequence[FloatArray]) -> None:
        """Run dynamics with the model, and judge it by labels along them."""
        facts = self.folder.state.facts
        for temperature in dict.fromkeys((self.config.temperature, self.config.hot)):
            key = f"dynamics_{temperature:g}K"
            if key in facts:
                continue
            self.view.begin(f"dynamics with the model at {temperature:g} K")
            with self.folder.timed("tests"):
                found, frames = judge.stability(
                    model, self.molecule, bottoms[-1], temperature, self.config.stability_ps,
                    seed=self.config.seed + int(temperature),
                )  # fmt: skip
            if frames:
                labelled = self.label(frames, f"structures of the model's own at {temperature:g} K")
                found["errors"] = dataclasses.asdict(judge.errors(model, self.molecule, labelled))
            facts[key] = found
            self.folder.save()

    def compare_scans(self, model: Model) -> None:
        """Compare profiles of dihedral angles, at angles that were not trained on."""
        facts = self.folder.state.facts
        if "scans" in facts:
            return
        scans: list[dict[str, Any]] = []
        for torsion in self.molecule.torsions[: self.config.scans]:
            angles, structures = judge.scanned(self.molecule, torsion)
            name = "-".join(f"{self.molecule.symbols[i]}{i}" for i in torsion)
            labelled = self.label(structures, f"the scan of {name}")
            if len(labelled) != len(structures):
                continue  # a profile with gaps says little
            profile = judge.profile(model, self.molecule, labelled)
            scans.append({"torsion": name, "angles": angles, **profile})
        facts["scans"] = scans
        self.folder.save()

    def show(self, name: str, found: dict[str, Any]) -> None:
        """Add a row to the view."""
        self.view.row([
            name, str(found["labels"]), f"{found['force_mae']:.1f} meV/A",
            f"{found['force_rmse']:.1f} meV/A", f"{found['energy_mae']:.1f} meV",
            f"{found['minutes']:.1f}",
        ])  # fmt: skip
