"""Importance of channels by magnitude: the size of the weights that make and use a channel, after folding batch norm.

The squared weights of each channel are divided by their mean over the layer, so that layers are comparable. The idea is
the group norm of DepGraph (Fang et al., CVPR 2023).
"""

import torch
from torch import Tensor, nn

from suite.hardware.layers import Network
from suite.space.groups import Groups


@torch.no_grad()
def channel_importance(module: nn.Module, network: Network, groups: Groups) -> list[Tensor]:
    """Importance of each channel of each group, (size,) float64, about 1 on average in every group.

    `module` is the plain network that `network` lists.
    """
    sums = torch.zeros(sum(groups.sizes), dtype=torch.float64)
    scale = _batch_norm_scales(module, network)
    for layer in network.weighted:
        part = module.get_submodule(layer.name)
        assert isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear)
        weight = part.weight.double().cpu()
        squared = weight.reshape(*weight.shape[:2], -1).square().sum(2)
        if layer.name in scale:
            squared = squared * scale[layer.name].square()[:, None]
        _accumulate(sums, groups.channels[layer.name], squared.sum(1))
        if layer.kind != "depthwise":
            # The same places of all groups of a convolution are one channel, which gets the sum of theirs.
            _accumulate(sums, groups.channels[layer.inputs[0]], squared.sum(0).repeat(layer.groups))
    parts = torch.split(sums, list(groups.sizes))
    return [total.div(total.mean().clamp(min=1e-12)).sqrt() for total in parts]


def uniform_importance(groups: Groups) -> list[Tensor]:
    """All channels alike, (size,) float64 a group: what to project an untrained network by."""
    return [torch.ones(size, dtype=torch.float64) for size in groups.sizes]


def _accumulate(sums: Tensor, channels: Tensor, squared: Tensor) -> None:
    """Add to each channel the squared weights of its features, (features,), relative to this tensor's mean channel."""
    values = torch.zeros_like(sums).index_add_(0, channels, squared)
    sums.add_(values / values[torch.bincount(channels, minlength=len(sums)) > 0].mean().clamp(min=1e-12))


def _batch_norm_scales(module: nn.Module, network: Network) -> dict[str, Tensor]:
    """gamma / sqrt(var + eps) of the batch norm behind each layer that has one."""
    scales = {}
    for layer in network.layers:
        if layer.kind != "batch_norm":
            continue
        part = module.get_submodule(layer.name)
        assert isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d)
        assert part.running_var is not None
        scale = (part.running_var.double() + part.eps).rsqrt()
        scales[layer.inputs[0]] = (scale if part.weight is None else scale * part.weight.double()).cpu()
    return scales
