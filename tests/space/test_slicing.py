"""Channels that are taken out of a network and pasted back in."""

from collections.abc import Sequence

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import shaped_networks
from torch import Tensor, nn

from suite.hardware.trace import trace
from suite.space.groups import channel_groups
from suite.space.slicing import paste_channels, slice_channels

Example = tuple[nn.Module, tuple[int, ...]]


def _random_masks(sizes: Sequence[int], frozen: Sequence[bool], seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    masks = [
        torch.rand(n, generator=generator) > 0.5 if not f else torch.ones(n) > 0
        for n, f in zip(sizes, frozen, strict=True)
    ]
    for mask in masks:
        mask[0] = True
    return masks


@settings(max_examples=30, deadline=None)
@given(example=shaped_networks(), seed=st.integers(0, 999))
def test_what_is_pasted_is_what_was_taken_out_and_nothing_else(example: Example, seed: int) -> None:
    network, shape = example
    layers = trace(network, shape)
    groups = channel_groups(layers)
    masks = _random_masks(groups.sizes, groups.frozen, seed)
    small = slice_channels(network, layers, groups, masks)
    with torch.no_grad():
        for tensor in small.state_dict().values():
            tensor.add_(1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pasted = paste_channels(network, small, layers, groups, masks)
    again = slice_channels(pasted, layers, groups, masks).state_dict()
    assert all(torch.equal(again[name], value) for name, value in small.state_dict().items())
    changed = sum(int((value != before[name]).sum()) for name, value in pasted.state_dict().items())
    assert changed == sum(value.numel() for value in small.state_dict().values())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items()), "a copy is changed"
