"""How much a channel matters to the loss now: the gradient of its gate.

Each free channel is multiplied by a gate of 1; the squares of the gates' gradients, summed over batches, estimate what
closing it would change (Molchanov et al., Importance Estimation for Neural Network Pruning, CVPR 2019, eq. 8: with all
gates at 1, gradient times gate). Only the ratio of two channels of one group is used, as a projection compares groups
by the shares that they lose: across layers these gradients differ by orders of magnitude, and starve whole layers.
"""

import copy

import torch
from torch import Tensor, nn

from suite.data.sampling import batches, epoch_order
from suite.dnas.masks import MaskedNetwork
from suite.task.evaluation import autocast, inputs, to_device
from suite.task.meter import TRAINING_FACTOR, Meter
from suite.task.task import Task, stream_seed

_SAMPLES = 1_000


def gate_macs(task: Task, macs: float) -> float:
    """What `gate_importance` is charged for a network of `macs`, in MACs x samples."""
    return TRAINING_FACTOR * min(_SAMPLES, len(task.train)) * macs


def gate_importance(task: Task, network: nn.Module, meter: Meter, label: str) -> list[Tensor]:
    """Importance of each channel of each group of `task.space`, (size,) float64, 1 on average in every group.

    `network` is the plain network that `task.space` was traced from; it is not changed. A thousand examples at most are
    charged as training steps of the search, though no weight moves. `label` names the random streams.
    """
    space = task.space
    masked = MaskedNetwork(copy.deepcopy(network), space.network, space.groups)
    masked.masks.locked.zero_()  # a search keeps the last channel of a group, and its gate has no gradient there
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
                loss = task.loss(masked(x), x, task.train.y[index].to(task.compute))
            (gradient,) = torch.autograd.grad(loss, alpha)
            squares += gradient.square()
            meter.charge_training("search", space.reference_costs["macs"], len(index))
    groups = torch.split(squares.double().cpu(), list(space.groups.sizes))
    return [values / values.mean().clamp(min=1e-30) for values in groups]
