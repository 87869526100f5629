"""How a benchmark's networks are trained: one recipe for every method, so that only the search differs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from suite.records.record import METRICS

OPTIMISERS = ("sgd", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "exponential", "steps")
DTYPES = ("fp32", "bf16")


@dataclass(frozen=True)
class Optimisation:
    """Optimiser and learning-rate schedule of one phase.

    schedule: of the learning rate: constant; cosine, to 0 over the phase, in each step; exponential, lr x gamma^epoch;
        steps, lr x gamma at each of the `milestones` (epochs).
    """

    optimiser: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    schedule: str = "cosine"
    gamma: float = 1.0
    milestones: Sequence[int] = ()

    def __post_init__(self) -> None:
        _choice("optimiser", self.optimiser, OPTIMISERS)
        _choice("schedule", self.schedule, SCHEDULES)
        _positive("lr", self.lr)
        for name, low in (("weight_decay", 0.0), ("momentum", 0.0), ("gamma", 0.0)):
            if not low <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)}: must be a number, at least {low:g}")

    def lr_factor(self, epoch: float, epochs: int) -> float:
        """Learning rate at `epoch` of `epochs`, relative to `lr`; within an epoch `epoch` is fractional."""
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(epoch / epochs, 1.0)))
        if self.schedule == "exponential":
            return self.gamma ** int(epoch)
        if self.schedule == "steps":
            return self.gamma ** sum(epoch >= m for m in self.milestones)
        return 1.0

    def build(self, network: nn.Module, extra: Iterable[dict[str, Any]] = ()) -> torch.optim.Optimizer:
        """The optimiser of `network`'s parameters; `extra` are parameter groups with settings of their own."""
        extra = list(extra)
        in_extra = {id(p) for group in extra for p in group["params"]}
        weights = [p for p in network.parameters() if id(p) not in in_extra]
        groups = [{"params": weights, "weight_decay": self.weight_decay, "lr": self.lr}, *extra]
        if self.optimiser == "sgd":
            return torch.optim.SGD(groups, lr=self.lr, momentum=self.momentum)
        # fused: one kernel instead of ten small ones for each tensor saves 1.5 to 2 ms a step with MobileNet or DS-CNN
        if self.optimiser == "adam":
            return torch.optim.Adam(groups, lr=self.lr, fused=True)
        return torch.optim.AdamW(groups, lr=self.lr, fused=True)


@dataclass(frozen=True)
class Recipe:
    """Training settings of a benchmark at one preset.

    epochs: length of one standard training, and of a search's warm-up.
    batch: examples in a training step.
    warmup, search, finetune: optimiser and schedule of each phase.
    search_epochs, finetune_epochs: null for as many as `epochs` (the paper's choice).
    mask_lr: the masks' learning rate.
    script_strengths: by metric, lambda (C_reference - T) in the scripts of arXiv 2310.07217, for a method's
        `penalty.strength=scripts`; null where they are not known.
    patience: ends a search or fine-tuning after so many epochs without a better validation score, null for never; in a
        search they are counted from three quarters of its epochs on.
    train_samples, eval_samples: how many examples of the splits are used, null for all.
    dtype: fp32 or bf16 (autocast).
    """

    epochs: int
    batch: int
    warmup: Optimisation = field(default_factory=Optimisation)
    search: Optimisation = field(default_factory=Optimisation)
    finetune: Optimisation = field(default_factory=Optimisation)
    search_epochs: int | None = None
    finetune_epochs: int | None = None
    mask_lr: float = 1e-3
    patience: int | None = None
    train_samples: int | None = None
    eval_samples: int | None = None
    dtype: str = "fp32"
    script_strengths: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float):
                _positive(name, value)
        if self.batch < 2:
            raise ValueError(f"batch={self.batch}: batch norm needs at least 2")
        _choice("dtype", self.dtype, DTYPES)
        _check_script_strengths(self.script_strengths)

    @property
    def total_epochs(self) -> int:
        """Epochs of warm-up, search and fine-tuning together."""
        return self.epochs + (self.search_epochs or self.epochs) + (self.finetune_epochs or self.epochs)


def _check_script_strengths(strengths: Any) -> None:
    if strengths is None:
        return
    if not isinstance(strengths, Mapping):
        raise ValueError(f"script_strengths={strengths}: a mapping of metric to strength, such as {{weights: 13.9}}")
    for metric, strength in strengths.items():
        if metric not in METRICS:
            raise ValueError(f"script_strengths: no metric is called {metric}, choices are {', '.join(METRICS)}")
        if isinstance(strength, bool) or not isinstance(strength, int | float):
            raise ValueError(f"script_strengths.{metric}={strength}: must be a positive number")
        _positive(f"script_strengths.{metric}", strength)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name}={value}: choices are {', '.join(choices)}")


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value}: must be a positive number")
