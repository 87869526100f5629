"""The layers of a supernet (a network with layer choices), and the network that remains for a selection of branches.

Example: a supernet with two positions of three branches each has nine selections; `(0, 2)` keeps the first branch of
the first position and the third of the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from torch import nn

from suite import SuiteError
from suite.hardware.layers import Layer, Network
from suite.hardware.operators import as_deployed
from suite.hardware.trace import read_layers
from suite.models.layer_choice import LayerChoice

Selection = tuple[int, ...]
"""Index of the chosen branch at each position."""


@dataclass(frozen=True)
class Position:
    """A layer choice: its path in the supernet, and the names of its branches."""

    name: str
    branches: tuple[str, ...]


@dataclass(frozen=True)
class SupernetGraph:
    """All layers of a supernet, whatever branch they belong to, and its layer choices.

    raw: layers in order of execution, before any is fused into another.
    positions: layer choices in the same order.
    """

    raw: tuple[Layer, ...]
    positions: tuple[Position, ...]

    @cached_property
    def network(self) -> Network:
        """All branches as one network; a layer of kind "choice" joins the outputs of each position's branches."""
        return Network(as_deployed(self.raw))

    @cached_property
    def branch_of(self) -> dict[str, tuple[int, int]]:
        """Layer name -> (position, branch), indices, for the layers that belong to a branch."""
        paths = {
            f"{position.name}.branches.{branch}": (i, k)
            for i, position in enumerate(self.positions)
            for k, branch in enumerate(position.branches)
        }
        return {layer.name: paths[layer.branch] for layer in self.network.layers if layer.branch is not None}

    def select(self, selection: Sequence[int]) -> Network:
        """The network of the chosen branches; its layers keep their names in the supernet."""
        chosen = {f"{p.name}.mix": k for p, k in zip(self.positions, selection, strict=True)}
        replacement: dict[str, str] = {}
        layers: dict[str, Layer] = {}
        for layer in self.raw:
            inputs = tuple(replacement.get(source, source) for source in layer.inputs)
            owner = self.branch_of.get(layer.name)
            if layer.kind == "choice":
                replacement[layer.name] = inputs[chosen[layer.name]]
            elif owner is None or selection[owner[0]] == owner[1]:
                layers[layer.name] = replace(layer, inputs=inputs)
        output = replacement.get(self.raw[-1].name, self.raw[-1].name)
        layers[output] = layers.pop(output)  # the last layer is the output by definition
        return Network(as_deployed(tuple(layers.values())))


def trace_supernet(module: nn.Module, input_shape: tuple[int, ...]) -> SupernetGraph:
    """The layers of a supernet for one example of `input_shape`, which is given without the batch axis.

    Raises:
        SuiteError: as `trace`; or the network holds no choice.
    """
    raw = read_layers(module, input_shape)
    choices = {name: part for name, part in module.named_modules() if isinstance(part, LayerChoice)}
    paths = [layer.name.removesuffix(".mix") for layer in raw if layer.kind == "choice"]
    if not paths:
        raise SuiteError(f"network {type(module).__name__} holds no layer choice: there is nothing to choose")
    return SupernetGraph(raw, tuple(Position(path, tuple(choices[path].branches)) for path in paths))
