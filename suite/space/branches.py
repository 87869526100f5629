"""One network out of a supernet: each layer choice replaced by one of its branches."""

import copy
from typing import cast

from torch import nn

from suite.hardware.supernet_graph import Selection, SupernetGraph
from suite.models.layer_choice import LayerChoice


def select_branches(network: nn.Module, supernet_graph: SupernetGraph, selection: Selection) -> nn.Module:
    """A copy of `network` in which each layer choice is replaced by one of its branches."""
    network = copy.deepcopy(network)
    for position, k in zip(supernet_graph.positions, selection, strict=True):
        choice = cast(LayerChoice, network.get_submodule(position.name))
        network.set_submodule(position.name, choice.branches[position.branches[k]])
    return network
