"""The moving average of a network's weights, whose update gives a GPU nothing to wait for."""

import copy

import torch
from torch import Tensor, nn


class WeightAverage(nn.Module):
    """Exponential moving average of a network's weights and batch-norm statistics; `module` holds it.

    To the bit what `torch.optim.swa_utils.AveragedModel` gives with `get_ema_multi_avg_fn` and `use_buffers`, with the
    same state dict. That one asks the device twice in each step how often it was updated, and so waits until the step
    is computed. Here the count stays on the CPU, and the tensors are those that the network had at the beginning.
    """

    n_averaged: Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(network)
        self.register_buffer("n_averaged", torch.tensor(0))
        self.decay = decay
        self._averages, self._sources = _floats(self.module), _floats(network)

    @torch.no_grad()
    def update(self) -> None:
        """Take the network's present weights into the average; the first ones are taken as they are."""
        share = 1 - self.decay if self.n_averaged else 1.0
        torch._foreach_lerp_(self._averages, self._sources, share)
        self.n_averaged += 1


def _floats(network: nn.Module) -> list[Tensor]:
    """Parameters and buffers, without the counters of batch norm, which no result depends on."""
    return [x.detach() for x in (*network.parameters(), *network.buffers()) if x.is_floating_point()]
