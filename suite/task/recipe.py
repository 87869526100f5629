"""How a benchmark's networks are trained: one recipe for every method, so that only the search differs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from suite.records.record import METRICS
from suite.task.checks import check_choice, check_positive
from suite.task.optimisation import Optimisation

DTYPES = ("auto", "fp32", "bf16")
STRENGTH_LOSSES = ("training", "plain")


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
    dtype: fp32; bf16 (autocast); or auto, which becomes bf16 where the processor is faster in it, else fp32.
    strength_loss: L of Eq. 13: training (null), the mean loss of the warm-up's last epoch, as in the paper; plain, the
        mean loss of the network that the search starts from, in eval mode, on training examples that are not augmented.
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
    strength_loss: str | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float):
                check_positive(name, value)
        for name in ("batch", "train_samples"):
            if getattr(self, name) == 1:
                raise ValueError(f"{name}=1: batch norm needs at least 2")
        check_choice("dtype", self.dtype, DTYPES)
        check_choice("strength_loss", self.strength_loss or "training", STRENGTH_LOSSES)
        for name in self.search.final_only:
            raise ValueError(f"search.{name}={getattr(self.search, name)}: only for warmup and finetune, or null")
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
        check_positive(f"script_strengths.{metric}", strength)
