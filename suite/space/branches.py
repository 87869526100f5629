"""One network out of a supernet: each layer choice replaced by one of its branches."""

import copy
from typing import cast

from torch import nn

from suite.hardware.supernet_graph import Selection, SupernetGraph
from suite.models.layer_choice import LayerChoice


def keep_branches(network: nn.Module, supernet_graph: SupernetGraph, selection: Selection) -> nn.Module:
    """A copy of `network` in which each layer choice is replaced by one of its branches."""
    network = copy.deepcopy(network)
    for position, k in zip(supernet_graph.positions, selection, strict=True):
        parent, _, leaf = position.name.rpartition(".")
        place = cast(LayerChoice, network.get_submodule(position.name))
        setattr(network.get_submodule(parent), leaf, place.branches[position.branches[k]])
    return network
