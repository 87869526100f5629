"""Learning from a larger network's outputs as well as from the targets."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from suite.task.meter import TRAINING_FACTOR
from suite.task.task import Task
from suite.task.training import Objective


class Distillation(Objective):
    """`weight` x mean squared distance to the teacher's outputs + (1 - weight) x task loss.

    Distance of logits, not of softened probabilities (Ba and Caruana, Do Deep Nets Really Need to be Deep?, 2014), so
    that it serves the autoencoder as well. A step is charged the teacher's forward pass besides the student's three.
    """

    def __init__(self, task: Task, teacher: nn.Module, weight: float, macs: float) -> None:
        self._task_loss: Callable[[Tensor, Tensor, Tensor], Tensor] = task.loss
        self.teacher, self.weight, self._macs = teacher.eval(), weight, macs
        self._teacher_macs = task.hardware.measure(teacher, task.input_shape)["macs"]

    def loss(self, outputs: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """What replaces the task's loss."""
        with torch.no_grad():
            taught: Tensor = self.teacher(inputs)
        distance: Tensor = (outputs.float() - taught.float()).square().mean()
        return (1 - self.weight) * self._task_loss(outputs, inputs, targets) + self.weight * distance

    def macs(self, *, training: bool) -> float | None:
        """Of the student; in training also a third of the teacher's, whose pass has no backward."""
        return self._macs + (self._teacher_macs / TRAINING_FACTOR if training else 0.0)
