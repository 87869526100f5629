"""The plain network of a masked one's open channels, which computes the same function."""

from torch import nn

from suite.dnas.masks import MaskedNetwork
from suite.space.slicing import slice_channels


def export(masked: MaskedNetwork) -> nn.Module:
    return slice_channels(masked.copy_plain(), masked.layers, masked.groups, masked.masks.open_channels())
