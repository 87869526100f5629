"""Predictions and score of a network on a whole split; networks and examples are moved to where they are computed."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from suite.data.base import Split
from suite.task.meter import Meter
from suite.task.task import Task

_BATCH = 500


def evaluate(task: Task, network: nn.Module, split: Split, meter: Meter, macs: float) -> float:
    """Selection score of `network` (in eval mode) on `split`, charged to the evaluation phase.

    NaN where a prediction is no finite number: the largest of NaNs would else be taken for a class.
    """
    predictions = predict_split(task, network, split, meter, macs)
    return task.score(predictions, split) if predictions.isfinite().all() else math.nan


@torch.no_grad()
def predict_split(task: Task, network: nn.Module, split: Split, meter: Meter, macs: float) -> Tensor:
    """Predictions for every example of a split (N, ...), float32 on the CPU."""
    batches = _evaluated_batches(task, network, split, meter, macs)
    return torch.cat([task.predict(outputs.float(), x) for _, x, outputs in batches]).cpu()


@torch.no_grad()
def mean_loss(task: Task, network: nn.Module, split: Split, meter: Meter, macs: float) -> float:
    """Mean loss of `network`, in eval mode, over a split: examples not augmented, labels not smoothed."""
    total = 0.0
    for index, x, outputs in _evaluated_batches(task, to_device(network, task.compute), split, meter, macs):
        with autocast(task):
            loss = task.loss(outputs, x, split.y[index].to(task.compute, non_blocking=True))
        total += float(loss) * len(index)
    return total / len(split)


def _evaluated_batches(
    task: Task, network: nn.Module, split: Split, meter: Meter, macs: float
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """(index, inputs, outputs) of one batch of a split after the other, charged to the evaluation phase."""
    network.eval()
    with meter.phase("evaluation"):
        for index in torch.split(torch.arange(len(split)), _BATCH):
            x = inputs(task, split.x[index])
            with autocast(task):
                outputs = network(x)
            yield index, x, outputs
        meter.charge_evaluation(macs, len(split))


def to_device(network: nn.Module, compute: str) -> nn.Module:
    """Move `network` to `compute` ("cpu" or "cuda"), convolutions in channels_last."""
    network.to(compute)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def inputs(task: Task, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The network's input for stored examples, on `task.compute`; augmented where a generator is given.

    Images, (N, C, H, W), are in channels_last.
    """
    x = x.to(task.compute, non_blocking=True)
    x = task.preprocess(x) if generator is None else task.augment(x, generator)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def autocast(task: Task) -> torch.autocast:
    """bf16 autocast where the recipe asks for it."""
    kind = "cuda" if task.compute.startswith("cuda") else "cpu"
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=task.recipe.dtype == "bf16")
