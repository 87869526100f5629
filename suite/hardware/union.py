"""A network with layer choices as the cost models see it: all branches in one list, and each selection as a network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from torch import nn

from suite import SuiteError
from suite.hardware.layers import Layer, Network
from suite.hardware.trace import read_layers, with_fusion
from suite.models.layer_choice import LayerChoice

Selection = tuple[int, ...]
"""The chosen branch of each position."""


@dataclass(frozen=True)
class Position:
    """A layer choice: its path in the network and its branches' names."""

    name: str
    branches: tuple[str, ...]


@dataclass(frozen=True)
class Union:
    """`raw` are the layers of all branches before fusion, in order of execution; `positions` in the same order."""

    raw: tuple[Layer, ...]
    positions: tuple[Position, ...]

    @cached_property
    def network(self) -> Network:
        """All branches at once, their outputs joined by an operation of kind "choice"."""
        return Network(with_fusion(self.raw))

    @cached_property
    def branch_of(self) -> dict[str, tuple[int, int]]:
        """(position, branch) of each layer that belongs to a branch."""
        paths = {
            f"{position.name}.branches.{branch}": (i, k)
            for i, position in enumerate(self.positions)
            for k, branch in enumerate(position.branches)
        }
        return {layer.name: paths[layer.branch] for layer in self.raw if layer.branch is not None}

    def select(self, selection: Sequence[int]) -> Network:
        """The network of the chosen branches; its layers keep their names in the union."""
        chosen = {f"{p.name}.mix": k for p, k in zip(self.positions, selection, strict=True)}
        stands_for: dict[str, str] = {}
        layers: dict[str, Layer] = {}
        for layer in self.raw:
            inputs = tuple(stands_for.get(source, source) for source in layer.inputs)
            owner = self.branch_of.get(layer.name)
            if layer.kind == "choice":
                stands_for[layer.name] = inputs[chosen[layer.name]]
            elif owner is None or selection[owner[0]] == owner[1]:
                layers[layer.name] = replace(layer, inputs=inputs)
        output = stands_for.get(self.raw[-1].name, self.raw[-1].name)
        layers[output] = layers.pop(output)  # the last layer is the output by definition
        return Network(with_fusion(tuple(layers.values())))


def trace_union(module: nn.Module, input_shape: tuple[int, ...]) -> Union:
    """The layers of a network with layer choices, for one example of `input_shape`.

    Raises:
        SuiteError: as `trace`; or the network holds no choice.
    """
    raw = read_layers(module, input_shape)
    parts = dict(module.named_modules())
    positions = []
    for layer in raw:
        if layer.kind == "choice":
            path = layer.name.removesuffix(".mix")
            choice = parts[path]
            assert isinstance(choice, LayerChoice)
            positions.append(Position(path, choice.names))
    if not positions:
        raise SuiteError(f"network {type(module).__name__} holds no layer choice: there is nothing to choose")
    return Union(raw, tuple(positions))
