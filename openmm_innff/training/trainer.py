"""The two stages of training: fast part first, then both; or the whole, then the fast part."""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from openmm_innff.errors import SimulationError
from openmm_innff.potential import Potential
from openmm_innff.training.batch import Batch, collate
from openmm_innff.training.calibrate import calibrate, set_cores
from openmm_innff.training.config import TrainingConfig
from openmm_innff.training.losses import (
    LossTerms,
    batch_loss,
    distilling_loss,
    evaluate_batch,
    part_forces,
    rms,
    slow_forces,
)
from openmm_innff.training.shift import smallest_shift
from openmm_innff.training.soap import Soap
from openmm_innff.training.stretch import Stretched, lack_of_pull

CALIBRATION_FRAMES = 20
FAST, JOINT, WHOLE, DISTIL = "fast", "joint", "whole", "distil"
STAGES = {FAST: ("fast",), JOINT: ("fast", "slow"), WHOLE: ("slow",), DISTIL: ("fast",)}
"""Components that are trained in each stage."""


@dataclass
class Sums:
    """Running sums over the steps of an epoch."""

    steps: int = 0
    loss: float = 0.0
    force: float = 0.0
    energy: float = 0.0
    slow: float = 0.0
    change: float = 0.0
    changes: int = 0

    def add(self, loss: float, terms: LossTerms) -> None:
        """Add one step."""
        self.steps += 1
        self.loss += loss
        if terms.force is not None and terms.energy is not None:
            self.force += float(terms.force.detach())
            self.energy += float(terms.energy.detach())
        if terms.slow is not None:
            self.slow += float(terms.slow.detach())
        if terms.change is not None:
            self.change += float(terms.change.detach())
            self.changes += 1


class Trainer:
    """State of a training run: potential, its average, optimiser and position.

    Parameters
    ----------
    config : TrainingConfig
    potential : Potential
    training, validation : list of Batch
        Single frames.
    stretched : sequence of Stretched
        Frames whose stretched bonds must pull back.
    continued : bool
        Whether the potential has been trained before: then its scales stay what they are.
    """

    def __init__(
        self,
        config: TrainingConfig,
        potential: Potential,
        training: list[Batch],
        validation: list[Batch],
        stretched: Sequence[Stretched] = (),
        continued: bool = False,
    ) -> None:
        self.config = config
        self.potential = potential
        self.training = training
        self.validation = validation
        self.stretched = stretched
        self.continued = continued
        self.dtype = getattr(torch, config.optimizer.dtype)
        self.force_scale = rms(torch.cat([batch.forces for batch in training]))
        self.stage = self.stages[0]
        self.epoch = 0
        self.step = 0
        self.seconds = 0.0
        self.sums = Sums()
        self._prepare()
        self.average = copy.deepcopy(potential)
        self.optimizer = self._make_optimizer()

    # -- set-up ---------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Calibrate the core radii, and the components that have no stage before theirs."""
        set_cores(self.potential, self.training, shrink_only=self.continued)
        if self.continued:
            return
        if self.stage != WHOLE:
            self._calibrate("fast", self.force_scale)
        if self.stage != FAST:
            self._calibrate("slow", self.force_scale)

    def _calibrate(self, part: str, scale: float) -> None:
        apart = max(1, len(self.training) // CALIBRATION_FRAMES)  # of all kinds of frames there are
        calibrate(self.potential, part, self.training[::apart][:CALIBRATION_FRAMES], scale)

    def _make_optimizer(self) -> Soap:
        return Soap(self.trained_parameters(), lr=self.config.optimizer.learning_rate)

    def trained_parameters(self) -> list[Tensor]:
        """Return the parameters of the present stage."""
        trained = STAGES[self.stage]
        return [p for part in trained for p in getattr(self.potential, part).parameters()]

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of this run, in order."""
        if self.config.distilled:
            return (WHOLE, DISTIL)
        if self.continued or not self.config.optimizer.fast_epochs:
            return (JOINT,)
        return (FAST, JOINT)

    @property
    def parts(self) -> tuple[str, ...]:
        """Components whose sum is compared with the data in the present stage."""
        return STAGES[WHOLE] if self.stage == DISTIL else STAGES[self.stage]

    @property
    def stage_epochs(self) -> int:
        """Length of the present stage in epochs."""
        optimizer = self.config.optimizer
        return optimizer.fast_epochs if self.stage in (FAST, DISTIL) else optimizer.joint_epochs

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps per epoch."""
        return math.ceil(len(self.training) / self.config.optimizer.batch_size)

    @property
    def finished(self) -> bool:
        """Whether all stages are complete."""
        return self.stage == self.stages[-1] and self.epoch >= self.stage_epochs

    # -- steps ----------------------------------------------------------------------------------

    def batches(self) -> Iterator[Batch]:
        """Yield what is left of the present epoch; the order depends on seed and epoch only."""
        seed = self._seed("order", self.epoch)
        order = torch.randperm(
            len(self.training), generator=torch.Generator().manual_seed(seed)
        ).tolist()
        size = self.config.optimizer.batch_size
        done = self.step - self.epoch * self.steps_per_epoch
        for k in range(done, self.steps_per_epoch):
            yield collate([self.training[i] for i in order[k * size : (k + 1) * size]])

    def _seed(self, purpose: str, number: int) -> int:
        """Return a seed that depends on the run's seed, the stage and a counter only."""
        code = {"order": 1, "velocities": 2, "stretched": 3}[purpose] + 10 * list(STAGES).index(
            self.stage
        )
        return (self.config.optimizer.seed * 1_000_003 + number) * 100 + code

    def learning_rate(self) -> float:
        """Return the learning rate of the next step: warm-up, then half a cosine."""
        optimizer = self.config.optimizer
        done = min(1.0, self.step / (self.stage_epochs * self.steps_per_epoch))
        cosine = 0.5 * (1.0 + math.cos(math.pi * done))
        factor = optimizer.final_rate + (1.0 - optimizer.final_rate) * cosine
        return optimizer.learning_rate * factor * min(1.0, (self.step + 1) / optimizer.warmup_steps)

    def train_step(self, batch: Batch) -> None:
        """Take one optimiser step and update the average."""
        optimizer = self.config.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        loss, terms = self._loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise SimulationError(
                f"the loss is {value} in stage {self.stage}, step {self.step}: try a smaller "
                f"learning_rate than {optimizer.learning_rate}"
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained_parameters(), optimizer.clip)
        self.optimizer.step()
        self.sums.add(value, terms)
        self.step += 1
        self._update_average()

    def _loss(self, batch: Batch) -> tuple[Tensor, LossTerms]:
        optimizer, smoothness = self.config.optimizer, self.config.smoothness
        generator = torch.Generator().manual_seed(self._seed("velocities", self.step))
        every = 1 if self.stage == DISTIL else smoothness.every
        if self.stage == DISTIL:
            terms = distilling_loss(self.potential, batch, smoothness, generator)
        else:
            penalised = smoothness.weight > 0 and self.stage == JOINT and self.step % every == 0
            terms = batch_loss(
                self.potential, batch, self.parts, smoothness if penalised else None, generator
            )
        if self.stage == WHOLE:  # there is no slow part yet
            terms = replace(terms, slow=None, bonds=None)
        late = self.step >= optimizer.late_from * self.stage_epochs * self.steps_per_epoch
        weights = {
            "force": 1.0,
            "energy": optimizer.late_energy_weight if late else optimizer.energy_weight,
            "change": every * smoothness.weight / smoothness.tau_fs**2,
            "slow": smoothness.magnitude,
            "bonds": smoothness.bonds,
        }
        present = {name: getattr(terms, name) for name in weights}
        parts = [weights[name] * term for name, term in present.items() if term is not None]
        loss = torch.stack(parts).sum() / self.force_scale**2
        if self.stretched:
            loss = loss + self.config.stretch.weight * self._lack_of_pull() / self.force_scale**2
        if optimizer.curvature > 0:
            for part in STAGES[self.stage]:
                loss = loss + optimizer.curvature * getattr(self.potential, part).roughness()
        return loss, terms

    def _lack_of_pull(self) -> Tensor:
        """Return the lack of pull in one stretched frame: of the sum, and of a fast part alone."""
        seed = self._seed("stretched", self.step)
        generator = torch.Generator().manual_seed(seed)
        number = int(torch.randint(len(self.stretched), (1,), generator=generator))
        frame = self.stretched[number]
        forces = {
            part: part_forces(self.potential, part, frame.batch, frame.batch.positions, True)[1]
            for part in STAGES[self.stage]
        }
        total = torch.stack(list(forces.values())).sum(0)
        # Mollified, the slow part does not act along bonds: the fast part must hold them alone.
        wanted = [total, forces["fast"]] if self.stage == JOINT else [total]
        lacks = [lack_of_pull(frame, f, self.config.stretch) for f in wanted]
        return torch.stack(lacks).sum()

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.optimizer.ema, (1 + self.step) / (10 + self.step))
        averaged: list[Tensor] = list(self.average.parameters())
        present: list[Tensor] = list(self.potential.parameters())
        torch._foreach_lerp_(averaged, present, 1.0 - decay)

    def run_epoch(self) -> Iterator[None]:
        """Train to the end of the present epoch, yielding after each step."""
        for batch in self.batches():
            start = time.perf_counter()
            self.train_step(batch)
            self.seconds += time.perf_counter() - start
            yield
        self.epoch += 1

    def next_stage(self) -> None:
        """Go on to the next stage, from the averaged potential."""
        self.potential.load_state_dict(self.average.state_dict())
        if self.stage == WHOLE and not self.continued:
            self._calibrate("fast", self.force_scale)
        elif self.stage == FAST:
            residual = [self._errors(batch, ("fast",))[1] for batch in self.validation]
            self._calibrate("slow", max(rms(torch.cat(residual)), 0.05 * self.force_scale))
        self.average.load_state_dict(self.potential.state_dict())
        self.set_stage(self.stages[self.stages.index(self.stage) + 1])

    def set_stage(self, stage: str) -> None:
        """Begin a stage with a new optimiser."""
        self.stage, self.epoch, self.step = stage, 0, 0
        self.sums = Sums()
        self.optimizer = self._make_optimizer()

    # -- validation -----------------------------------------------------------------------------

    def _errors(self, batch: Batch, parts: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        energy, forces, _ = evaluate_batch(self.average, batch, parts, differentiable=False)
        return energy.detach().double() - batch.energies, forces.detach() - batch.forces

    def slow_forces(self, batch: Batch) -> Tensor:
        """Return the slow forces of the averaged potential, shape (N, 3), in eV/angstrom."""
        return slow_forces(self.average, batch, batch.positions, differentiable=False).detach()

    def validate(self) -> dict[str, float]:
        """Return errors of the averaged potential; meV per atom and meV/angstrom."""
        energy: list[Tensor] = []
        force: list[Tensor] = []
        for batch in self.validation:
            e, f = self._errors(batch, self.parts)
            energy.append(e / batch.sizes)
            force.append(f)
        e, f = 1e3 * torch.cat(energy), 1e3 * torch.cat(force)
        return {
            "valid_force_rmse": rms(f),
            "valid_force_mae": float(f.abs().mean()),
            "valid_energy_rmse": rms(e),
            "valid_energy_rmse_shifted": rms(e - e.mean()),
        }

    @torch.no_grad()
    def fit_reference_energies(self, counts: Tensor) -> None:
        """Shift the reference energies so that the training energies are right on average.

        Parameters
        ----------
        counts : Tensor, shape (frames, species), float64
            Composition of the training frames. Where it does not determine every element, the
            smallest change is taken.
        """
        with torch.enable_grad():
            residual = torch.cat([self._errors(batch, self.parts)[0] for batch in self.training])
        self.average.reference_energies += smallest_shift(counts, -residual)
