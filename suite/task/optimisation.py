"""How the weights of one phase are trained: optimiser, learning rate, averaging of weights, size of inputs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from suite.task.checks import check_choice, check_positive
from suite.task.muon import MuonWithAdamW

OPTIMISERS = ("sgd", "adam", "adamw", "muon")
SCHEDULES = ("constant", "cosine", "exponential", "steps")


@dataclass(frozen=True)
class Optimisation:
    """Optimiser and learning-rate schedule of one phase; what is null is not done.

    optimiser: sgd, adam, adamw; muon, for networks without convolutions (`MuonWithAdamW`), not of a search.
    schedule: of the learning rate: constant; cosine, to 0 over the phase, in each step; exponential, lr x gamma^epoch;
        steps, lr x gamma at each of the `milestones` (epochs).
    lr_warmup: share of the phase over which the rate rises linearly to the schedule's, which then has the rest.
    nesterov: of sgd with momentum: Nesterov's.
    decay_norms: false, weights alone decay, not the parameters of norms and biases; null, all do.
    label_smoothing: share of a label's probability that is spread evenly over all classes (Szegedy et al.,
        arXiv 1512.00567); losses are recorded without it.
    averaging: the phase returns an exponential moving average of its weights and batch-norm statistics over so large a
        share of its steps (Polyak averaging), and epochs are chosen by the average's score.
    sizes: heights and widths of the input images over equal parts of the phase's epochs, the last one the task's own;
        validation has the full size (progressive resizing; Tan and Le, arXiv 2104.00298).
    """

    optimiser: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    schedule: str = "cosine"
    gamma: float = 1.0
    milestones: Sequence[int] = ()
    lr_warmup: float | None = None
    nesterov: bool | None = None
    decay_norms: bool | None = None
    label_smoothing: float | None = None
    averaging: float | None = None
    sizes: Sequence[int] | None = None

    def __post_init__(self) -> None:
        check_choice("optimiser", self.optimiser, OPTIMISERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_positive("lr", self.lr)
        for name in ("weight_decay", "momentum", "gamma"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)}: must be a number, at least 0")
        for name in ("lr_warmup", "label_smoothing", "averaging"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 0 and less than 1, or null")
        if self.nesterov and not (self.optimiser == "sgd" and self.momentum):
            raise ValueError("nesterov=true: only with optimiser=sgd and a momentum")
        _check_sizes(self.sizes)

    def lr_factor(self, epoch: float, epochs: int) -> float:
        """Learning rate at `epoch` of `epochs`, relative to `lr`; within an epoch `epoch` is fractional."""
        rise = (self.lr_warmup or 0.0) * epochs
        if epoch < rise:
            return epoch / rise
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min((epoch - rise) / (epochs - rise), 1.0)))
        if self.schedule == "exponential":
            return self.gamma ** int(epoch)
        if self.schedule == "steps":
            return self.gamma ** sum(epoch >= m for m in self.milestones)
        return 1.0

    def size(self, epoch: int, epochs: int) -> int | None:
        """Height and width of the input images in `epoch` of `epochs`, None for their own; the last is the task's."""
        if not self.sizes:
            return None
        return self.sizes[-1 - (epochs - 1 - epoch) * len(self.sizes) // epochs]

    def at_constant_rate(self) -> "Optimisation":
        """The same optimiser for a search: a constant rate, without what belongs to a final training alone."""
        plain = replace(self, optimiser="adamw") if self.optimiser == "muon" else self
        return replace(plain, schedule="constant", lr_warmup=None, label_smoothing=None, averaging=None, sizes=None)

    @property
    def final_only(self) -> list[str]:
        """Settings, of those that belong to a final training alone, that are set."""
        muon = ["optimiser"] if self.optimiser == "muon" else []
        return [*muon, *(name for name in FINAL_ONLY if getattr(self, name))]

    def build(self, network: nn.Module, extra: Iterable[dict[str, Any]] = ()) -> torch.optim.Optimizer:
        """The optimiser of `network`'s parameters; `extra` are parameter groups with settings of their own."""
        extra = list(extra)
        in_extra = {id(p) for group in extra for p in group["params"]}
        weights = [p for p in network.parameters() if id(p) not in in_extra]
        decayed = [p for p in weights if p.ndim > 1 or self.decay_norms is not False]
        groups = [{"params": decayed, "weight_decay": self.weight_decay, "lr": self.lr}]
        if undecayed := [p for p in weights if p.ndim <= 1 and self.decay_norms is False]:
            groups.append({"params": undecayed, "weight_decay": 0.0, "lr": self.lr})
        groups += extra
        if self.optimiser == "sgd":
            return torch.optim.SGD(groups, lr=self.lr, momentum=self.momentum, nesterov=bool(self.nesterov))
        if self.optimiser == "muon":
            return MuonWithAdamW(groups, self.lr)
        # fused: one kernel instead of ten small ones for each tensor saves 1.5 to 2 ms a step with MobileNet or DS-CNN
        if self.optimiser == "adam":
            return torch.optim.Adam(groups, lr=self.lr, fused=True)
        return torch.optim.AdamW(groups, lr=self.lr, fused=True)


FINAL_ONLY = ("lr_warmup", "label_smoothing", "averaging", "sizes")
"""Settings of trainings that end with a network: a search has a loss and a rate that mean the same in every epoch."""


def _check_sizes(sizes: Any) -> None:
    if sizes is None:
        return
    whole = isinstance(sizes, Sequence) and all(type(size) is int and size > 0 for size in sizes)
    if not (whole and sizes and list(sizes) == sorted(sizes)):
        raise ValueError(f"sizes={sizes}: rising sizes of images in pixels, such as [64, 80, 96], or null")
