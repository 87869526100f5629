"""The one training loop: every method trains through `fit`, which charges the meter and can continue after a kill.

Random numbers are drawn from streams named by (random seed, label, epoch), so a phase that continues from a checkpoint
draws what it would have drawn, and its result is the same bit for bit (CPU, same threads).
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from suite.data.sampling import batches, epoch_order
from suite.records.tensors import load_intact, save_tensors
from suite.space.budget import nan_to_lowest
from suite.task import interruption
from suite.task.evaluation import autocast, evaluate, to_device
from suite.task.meter import Meter, Usage
from suite.task.objective import Objective
from suite.task.optimisation import Optimisation
from suite.task.task import Task, stream_seed
from suite.task.training_inputs import TrainingInputs
from suite.task.weight_average import WeightAverage

_HEARTBEAT_S = 2.0


class Diverged(RuntimeError):
    """The training loss became NaN or infinite."""


@dataclass
class Fit:
    """How a training went: one row an epoch; the network holds the weights of `best_epoch`."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = -1
    best_rank: tuple[float, ...] | None = None
    best_score: float = math.nan

    @property
    def final_loss(self) -> float:
        """Mean task loss on the training set in the last epoch."""
        return float(self.rows[-1]["loss"])


@dataclass(frozen=True)
class Phase:
    """One training within a run.

    name: the meter's phase that is charged.
    settings: optimiser and learning-rate schedule.
    epochs: None for the recipe's number.
    label: names the training within the run (checkpoint, progress, history); None for `name`.
    patience: stops the training after so many epochs without a better one, counted from epoch `patience_from`.
    streams: names its random streams; None for `label`.
    """

    name: str
    settings: Optimisation
    epochs: int | None = None
    label: str | None = None
    patience: int | None = None
    patience_from: int = 0
    streams: str | None = None


def fit(
    task: Task,
    network: nn.Module,
    meter: Meter,
    phase: Phase,
    *,
    objective: Objective | None = None,
    macs: float | None = None,
) -> Fit:
    """Train `network` in place; it then has the weights of its best epoch.

    Args:
        task: data, loss, score and recipe.
        network: any module.
        meter: charged for every sample and second.
        phase: name, length and optimiser of this training.
        objective: penalty and checkpoint rule; none and best validation score by default.
        macs: the network's forward MACs, measured where None.

    Raises:
        Diverged: the loss is no longer finite.
        Interrupted: the process was asked to stop; the checkpoint is written.
    """
    if macs is None:
        macs = task.hardware.measure(network, task.input_shape)["macs"]
    return _Trainer(task, network, meter, phase, objective or Objective(), macs).run()


class _Trainer:
    def __init__(
        self, task: Task, network: nn.Module, meter: Meter, phase: Phase, objective: Objective, macs: float
    ) -> None:
        self.task, self.network, self.meter, self.macs = task, network, meter, macs
        self.phase, self.label = phase.name, phase.label or phase.name
        self.streams = phase.streams or self.label
        self.epochs = phase.epochs or task.recipe.epochs
        self.settings, self.objective = phase.settings, objective
        self.patience, self.patience_from = phase.patience, phase.patience_from
        to_device(network, task.compute)
        self.inputs = TrainingInputs(task, network)
        self.average = self._averaged() if self.settings.averaging else None
        self.optimiser = self.settings.build(network, objective.parameter_groups())
        self.base_lr = [group["lr"] for group in self.optimiser.param_groups]
        self.fit = Fit()
        self.best: dict[str, Tensor] = {}
        self.path = task.workspace.checkpoint(self.label)
        self.saved_at = self.beat_at = time.monotonic()
        self.saved_epoch = 0

    def run(self) -> Fit:
        start, done = self._resume()
        if not done:
            if start == 0:
                self.meter.count_network(self.phase)
            with interruption.deferred():
                self._train(start)
        self.network.load_state_dict(self.best)
        return self.fit

    def _train(self, start: int) -> None:
        self.task.progress.begin(self.label, self.epochs)
        for epoch in range(start, self.epochs):
            self._epoch(epoch)
            if self._exhausted(epoch):
                break
            due = time.monotonic() - self.saved_at >= self.task.workspace.checkpoint_seconds
            if due or interruption.requested():
                self._save(epoch + 1, done=False)
            interruption.check()
        self._save(self.epochs, done=True)
        self.task.progress.end()

    def _epoch(self, epoch: int) -> None:
        torch.manual_seed(stream_seed(self.task.seed, self.streams, "dropout", epoch))
        with self.meter.phase(self.phase):
            loss, *_ = [self._pass(name, epoch) for name in self.objective.passes()]  # that of the first pass
        result = self.network if self.average is None else self.average.module
        score = evaluate(self.task, result, self.task.validation, self.meter, self._macs(training=False))
        row = {"phase": self.phase, "label": self.label, "epoch": epoch, "loss": loss, "score": score}
        row |= self.objective.row(epoch)
        self.fit.rows.append(row)
        rank = self.objective.rank(epoch, nan_to_lowest(score))
        if rank is not None and (self.fit.best_rank is None or rank > self.fit.best_rank):
            self.fit.best_rank, self.fit.best_epoch, self.fit.best_score = rank, epoch, score
            self.best = {name: value.detach().clone() for name, value in result.state_dict().items()}
        self.task.progress.epoch(epoch + 1, loss, score, self.objective.ratios())
        self.objective.end_epoch(self.optimiser)

    def _macs(self, *, training: bool) -> float:
        now = self.objective.macs(training=training)
        return self.macs if now is None else now

    def _pass(self, name: str, epoch: int) -> float:
        """Train for one pass over a split; the mean task loss."""
        task, split = self.task, {"train": self.task.train, "validation": self.task.validation}[name]
        self.objective.begin_pass(name, epoch)
        rng = task.rng(self.streams, "batches" if name == "train" else f"{name} batches", epoch)
        steps = batches(epoch_order(split.y, rng, balanced=task.balanced), task.recipe.batch)
        size = self.settings.size(epoch, self.epochs)
        share = self.inputs.macs_share(size)
        self.network.train()
        total = torch.zeros((), device=task.compute)
        for step, index in enumerate(steps):
            now = epoch + step / len(steps)
            self._set_lr(now)
            x = self.inputs(name, index, epoch, rng, size)
            total += self._step(x, split.y[index].to(task.compute, non_blocking=True), now) * len(index)
            self.meter.charge_training(self.phase, self._macs(training=True) * share, len(index))
            self._beat(epoch)
        mean = float(total) / sum(len(index) for index in steps)
        if not math.isfinite(mean):
            raise Diverged(f"{self.label}: training loss is {mean} in epoch {epoch}")
        return mean

    def _step(self, x: Tensor, y: Tensor, now: float) -> Tensor:
        """One step of the optimiser; the task loss before it, labels not smoothed."""
        task, smoothing = self.task, self.settings.label_smoothing
        with autocast(task):
            outputs = self.network(x)
            minimised = loss = task.loss(outputs if not smoothing else outputs.detach(), x, y)
            if smoothing and task.smoothed_loss is not None:
                minimised = task.smoothed_loss(outputs, x, y, smoothing)
        penalty = self.objective.penalty(now)
        self.optimiser.zero_grad(set_to_none=True)
        (minimised if penalty is None else minimised + penalty.to(minimised.device)).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        if self.average is not None:
            self.average.update()
        return loss.detach()

    def _averaged(self) -> WeightAverage:
        """The average of the network's weights and batch-norm statistics, over a share of the phase's steps."""
        steps = self.epochs * -(-len(self.task.train) // self.task.recipe.batch)
        return WeightAverage(self.network, decay=1 - 1 / max(1.0, (self.settings.averaging or 0.0) * steps))

    def _set_lr(self, epoch: float) -> None:
        factor = self.settings.lr_factor(epoch, self.epochs)
        for group, lr in zip(self.optimiser.param_groups, self.base_lr, strict=True):
            group["lr"] = lr * factor

    def _exhausted(self, epoch: int) -> bool:
        if self.patience is None:
            return False
        return epoch - max(self.fit.best_epoch, self.patience_from) >= self.patience

    def _beat(self, epoch: int) -> None:
        """Save what the meter was charged, so that work lost in a kill can be counted; stop here if that was asked for.

        An epoch goes on to its end where its beginning was not saved: such epochs are shorter than the time between
        two checkpoints.
        """
        stop = interruption.requested() is not None and epoch == self.saved_epoch
        if stop or time.monotonic() - self.beat_at > _HEARTBEAT_S:
            self.beat_at = time.monotonic()
            save_tensors(self.path.with_suffix(".beat"), {"meter": self.meter.state()})
        if stop:
            interruption.check()

    def _save(self, epoch: int, *, done: bool) -> None:
        state = {
            "epoch": epoch,
            "done": done,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            **vars(self.fit),
            "objective": self.objective.state(),
            "average": None if self.average is None else self.average.state_dict(),
            "meter": self.meter.state(),
            "lost": vars(self.meter.lost),
        }
        if done:  # only the result will be needed
            del state["network"], state["optimiser"], state["average"]
        save_tensors(self.path, state)
        self.saved_at, self.saved_epoch = time.monotonic(), epoch

    def _resume(self) -> tuple[int, bool]:
        """Load the checkpoint, if there is one; returns (epoch to continue with, whether the phase is over)."""
        spent = load_intact(self.path.with_suffix(".beat"))
        state = load_intact(self.path)
        if state is None:
            if spent is not None:
                self._count_lost(spent["meter"])
            return 0, False
        self.fit = Fit(state["rows"], state["best_epoch"], state["best_rank"], state["best_score"])
        self.best, self.saved_epoch = state["best"], state["epoch"]
        self.objective.restore(state["objective"])
        self.meter.restore(state["meter"], state["lost"])
        if not state["done"]:
            self.network.load_state_dict(state["network"])
            self.objective.end_epoch(self.optimiser)
            self.optimiser.load_state_dict(state["optimiser"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            if spent is not None:
                self._count_lost(spent["meter"])
        return state["epoch"], state["done"]

    def _count_lost(self, spent: Mapping[str, Mapping[str, float]]) -> None:
        """Charge to `lost` what the killed process had spent after the checkpoint that we continue from."""
        before = self.meter.state()
        for name, usage in spent.items():
            gone = {key: max(value - before[name][key], 0) for key, value in vars(Usage.of(usage)).items()}
            self.meter.lost.add(Usage.of(gone))
        self.path.with_suffix(".beat").unlink(missing_ok=True)
