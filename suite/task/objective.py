"""What a training minimises besides the task loss, and which epoch it returns: the hooks of the training loop."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class Objective:
    """What a phase minimises besides the task loss, and which epoch's weights it returns.

    This base class adds nothing to the loss and chooses the epoch with the best validation score.
    """

    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """Parameter groups with settings of their own."""
        return ()

    def passes(self) -> Sequence[str]:
        """The splits that an epoch trains on, in order: "train", "validation"."""
        return ("train",)

    def begin_pass(self, split: str, epoch: int) -> None:
        """Called when a pass over a split starts."""

    def macs(self, *, training: bool) -> float | None:
        """Forward MACs of an example in the last step, or in evaluation; None: those that were given to `fit`."""
        return None

    def end_epoch(self, optimiser: torch.optim.Optimizer) -> None:
        """Called after each epoch: the network and its optimiser may be changed for the next one.

        Also called where a phase continues from a checkpoint, after the network's state was loaded and before the
        optimiser's.
        """

    def penalty(self, epoch: float) -> Tensor | None:
        """A term added to the loss, after the forward pass of each step; fractions of `epoch` count steps."""
        return None

    def ratios(self) -> dict[str, float]:
        """Cost/target of each constraint now."""
        return {}

    def row(self, epoch: int) -> dict[str, float]:
        """Columns for the history, at the end of an epoch."""
        return {}

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        """The epoch with the largest rank is returned, one of rank None never; a score of NaN is given as -inf."""
        return (score,)

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a former `state()`."""
