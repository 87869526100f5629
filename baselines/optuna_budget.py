"""What a cost limit leaves for the trials of a search, once the fine-tuning of the best networks is paid for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from suite.task.cost_limit import epoch_macs, macs_left, validation_macs
from suite.task.meter import Meter
from suite.task.task import Task


@dataclass(frozen=True)
class TrialBudget:
    """What may be spent on trials, in MACs x samples; the fine-tuning of the best networks is reserved.

    cost_limit: in standard trainings of the reference network; None: no limit.
    trial_epochs, finetune_epochs: length of one training each.
    finetune_best: how many networks are fine-tuned in the end.
    """

    task: Task
    meter: Meter
    cost_limit: float | None
    trial_epochs: int
    finetune_epochs: int
    finetune_best: int

    def can_afford(self, macs: float, final_macs: float, earlier_final_macs: Sequence[float]) -> bool:
        """Whether a network of `macs` forward MACs may be trained in a trial, after those of earlier trials.

        Fine-tuning is reserved for the costliest of them all, so that it is paid for whichever are the best.
        `final_macs` are about the forward MACs that each has in its fine-tuning, after a projection.
        """
        if self.cost_limit is None:
            return True
        costliest = sorted([*earlier_final_macs, final_macs], reverse=True)[: self.finetune_best]
        reserved = sum(self._finetuning_macs(m) for m in costliest)
        trial = self.trial_epochs * epoch_macs(self.task, macs)
        return trial + reserved <= macs_left(self.task, self.meter, self.cost_limit)

    def affordable_finetuning(self, macs: Sequence[float]) -> int:
        """Epochs that each of the best networks, of these forward MACs, can be fine-tuned for, at most as planned."""
        if self.cost_limit is None:
            return self.finetune_epochs
        passes = sum(validation_macs(self.task, m) for m in macs)
        left = macs_left(self.task, self.meter, self.cost_limit) - passes
        return max(0, min(self.finetune_epochs, int(left // sum(epoch_macs(self.task, m) for m in macs))))

    def affordable_trials(self, macs: float) -> float:
        """How many trials with networks of `macs` forward MACs can be paid for; infinity without a limit."""
        if self.cost_limit is None:
            return math.inf
        reserved = self.finetune_best * self._finetuning_macs(macs)
        left = macs_left(self.task, self.meter, self.cost_limit) - reserved
        return max(0.0, left // (self.trial_epochs * epoch_macs(self.task, macs)))

    def _finetuning_macs(self, macs: float) -> float:
        """Of fine-tuning one network, the harness's own pass over the validation data included."""
        return self.finetune_epochs * epoch_macs(self.task, macs) + validation_macs(self.task, macs)
