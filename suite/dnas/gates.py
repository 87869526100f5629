"""Importance of channels by the gradients of their gates: how much the loss depends on each channel.

Each channel is multiplied by a gate of 1. The squares of the gates' gradients, summed over batches, estimate by how
much closing a channel would change the loss (Molchanov et al., Importance Estimation for Neural Network Pruning, CVPR
2019, Eq. 8: with all gates at 1, gradient times gate). They are scaled to a mean of 1 in each group: across layers they
differ by orders of magnitude, and whole layers would lose nearly all channels.
"""

import copy

import torch
from torch import Tensor, nn

from suite.data.sampling import batches, epoch_order
from suite.dnas.masks import MaskedNetwork
from suite.records.tensors import load_intact, save_tensors
from suite.space.importance import channel_importance, uniform_importance
from suite.task.evaluation import autocast, inputs, to_device
from suite.task.meter import TRAINING_FACTOR, Meter
from suite.task.task import Task, stream_seed

IMPORTANCES = ("gradient", "magnitude", "uniform")

_SAMPLES = 1_000


def check_importance(importance: str) -> None:
    """Refuse a value of `method.importance` that is none of IMPORTANCES.

    Raises:
        ValueError: naming key, value and choices.
    """
    if importance not in IMPORTANCES:
        raise ValueError(f"method.importance={importance}: choices are {', '.join(IMPORTANCES)}")


def rank_channels(importance: str, task: Task, network: nn.Module, meter: Meter, label: str) -> list[Tensor]:
    """Importance of each channel of each group of `task.space`, (size,) float64.

    Args:
        importance: gradient, of their gates on 1,000 training examples, charged once and stored under `label`;
            magnitude, of their weights after folding batch norm; uniform, all alike.
        task: its `space` must be that of `network`, a plain network.
        meter: is charged.
        label: names the stored result and its random streams.
    """
    space = task.space
    if importance == "magnitude":
        return channel_importance(network, space.network, space.groups)
    if importance == "uniform":
        return uniform_importance(space.groups)
    path = task.workspace.checkpoint(label)
    state = load_intact(path)
    if state is not None:  # computed before the run was killed
        meter.restore(state["meter"])
    else:
        state = {"importance": gate_importance(task, network, meter, label), "meter": meter.state()}
        save_tensors(path, state)
    return list(state["importance"])


def gate_macs(task: Task, macs: float) -> float:
    """The cost of `gate_importance` for a network with `macs` forward MACs, in MACs x samples."""
    return TRAINING_FACTOR * min(_SAMPLES, len(task.train)) * macs


def gate_importance(task: Task, network: nn.Module, meter: Meter, label: str) -> list[Tensor]:
    """Importance of each channel of each group of `task.space`, (size,) float64, 1 on average in every group.

    At most 1,000 examples are charged as training steps of the search, though no weight is trained.

    Args:
        task: its `space` must be that of `network`.
        network: a plain network; it is not changed.
        meter: is charged.
        label: names the random streams.
    """
    space = task.space
    masked = MaskedNetwork(copy.deepcopy(network), space.network, space.groups)
    masked.masks.locked.zero_()  # in a search the last channel of each group is locked and has no gradient
    to_device(masked, task.compute).train()
    alpha = masked.masks.alpha
    rng = task.rng(label)
    torch.manual_seed(stream_seed(task.seed, label, "dropout"))
    order = epoch_order(task.train.y, rng, balanced=task.balanced)
    squares = torch.zeros_like(alpha)
    with meter.phase("search"):
        for index in batches(order[:_SAMPLES], task.recipe.batch):
            x = inputs(task, task.train.x[index], rng)
            with autocast(task):
                loss = task.loss(masked(x), x, task.train.y[index].to(task.compute, non_blocking=True))
            (gradient,) = torch.autograd.grad(loss, alpha)
            squares += gradient.square()
            meter.charge_training("search", space.reference_costs["macs"], len(index))
    groups = torch.split(squares.double().cpu(), list(space.groups.sizes))
    return [values / values.mean().clamp(min=1e-30) for values in groups]
