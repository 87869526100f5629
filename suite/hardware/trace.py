"""Traces an `nn.Module` into a list of layers with torch.fx; an unknown operation is an error, never a silent zero."""

import io
import math
import re
from contextlib import redirect_stderr
from dataclasses import replace

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from suite import SuiteError
from suite.hardware.geometry import (
    Geometry,
    check_nearest,
    convolution_geometry,
    operation_name,
    pad_geometry,
    pool_geometry,
)
from suite.hardware.layers import WEIGHTED, Layer, Network
from suite.hardware.operations import kind_of, known_operations
from suite.hardware.operators import as_deployed
from suite.models.dropout import Dropout
from suite.models.layer_choice import LayerChoice, Mix
from suite.models.same_conv import SameConv2d

_BRANCH = re.compile(r"(?:(.+)\.)?branches\.\w+")

_POOLS = ("average_pool", "max_pool", "mean")

MOST_INPUTS = 1 << 22
"""Numbers of an example: four megapixels, whose feature maps fit a workstation's memory and no microcontroller's."""

# Two examples, not one, so that an axis of length one is never mistaken for the batch.
_BATCH = 2

# What an operation with such a name expects: with one axis less, torch takes the batch for the channels.
_AXES = {"1d": 3, "2d": 4}

_OPERANDS = {
    "add": "sums of two tensors of one shape",
    "mul": "products of two tensors of one shape, or of a map and a value a channel (N, C, 1, 1),",
}
"""What has a cost model."""


def trace(module: nn.Module, input_shape: tuple[int, ...]) -> Network:
    """The layers of `module` for one example of `input_shape` (without the batch axis).

    Raises:
        SuiteError: the module cannot be traced, or holds an operation without a cost model; the text names it.
    """
    layers = read_layers(module, input_shape)
    for layer in layers:
        if layer.kind == "choice":
            raise SuiteError(f"layer {layer.name} is a choice between blocks: only one network has a cost, not a space")
    return Network(as_deployed(layers))


def read_layers(module: nn.Module, input_shape: tuple[int, ...]) -> tuple[Layer, ...]:
    """All layers of `module`, nothing fused yet; a layer choice contributes the layers of all its branches."""
    return _Reader(dict(module.named_modules()), shaped_graph(module, input_shape).graph).read()


def shaped_graph(module: nn.Module, input_shape: tuple[int, ...]) -> fx.GraphModule:
    """The network as torch.fx sees it, with the shape of each tensor; the suite's own layers are one operation each.

    Raises:
        SuiteError: the module cannot be traced.
    """
    if not all(type(n) is int and n > 0 for n in input_shape) or math.prod(input_shape) > MOST_INPUTS:
        raise SuiteError(
            f"an input of shape {input_shape}: expected whole numbers above 0 that multiply to at most {MOST_INPUTS:,}"
        )
    was_training = module.training
    module.eval()
    try:
        network = fx.GraphModule(module, _Tracer().trace(module))
        parameter = next(module.parameters(), None)
        device = parameter.device if parameter is not None else torch.device("cpu")
        with torch.no_grad(), redirect_stderr(io.StringIO()):  # where torch prints a traceback of its own
            ShapeProp(network).propagate(torch.zeros(_BATCH, *input_shape, device=device))
    except Exception as error:
        cause = error.__cause__ or error  # the layer's own words, not those of torch.fx
        reason = (str(cause) or type(cause).__name__).splitlines()[0]
        raise SuiteError(
            f"network {type(module).__name__} cannot be traced for an input of shape {input_shape}: {reason}"
        ) from error
    finally:
        module.train(was_training)
    return network


class _Tracer(fx.Tracer):
    """As torch.fx traces, but a layer choice's `Mix` and the suite's own layers are one operation each."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Mix | SameConv2d | Dropout) or super().is_leaf_module(m, module_qualified_name)


class _Reader:
    """Walks the fx graph once. `alias` maps a node to its layer, one without effect at inference to its input's."""

    def __init__(self, modules: dict[str, nn.Module], graph: fx.Graph) -> None:
        self.modules = modules
        self.graph = graph
        self.layers: dict[str, Layer] = {}
        self.alias: dict[fx.Node, str] = {}

    def read(self) -> tuple[Layer, ...]:
        for node in self.graph.nodes:
            if node.op != "output":
                self._read_node(node)
            elif not isinstance(node.args[0], fx.Node):
                raise SuiteError("the network must return one tensor")
            else:
                name = self.alias[node.args[0]]
                # The last layer is the output by definition; anything traced after it would be dead code.
                self.layers[name] = self.layers.pop(name)
        return tuple(self.layers.values())

    def _read_node(self, node: fx.Node) -> None:
        if node.op in ("call_method", "call_function") and "tensor_meta" not in node.meta:
            return  # it gives sizes instead of a tensor, such as x.size(0) or x.shape[0]
        kind = self._kind_of(node)
        tensors = _concatenated(node) if kind == "concat" else [n for n in node.all_input_nodes if n in self.alias]
        sources = tuple(self.alias[n] for n in tensors)
        if kind == "alias":
            self.alias[node] = sources[0]
            return
        name = str(node.target) if node.op == "call_module" else node.name
        if name in self.layers:
            raise SuiteError(f"layer {name} is called twice: shared layers have no cost model")
        self._check_axes(node, name, kind)
        layer = self._layer(node, name, kind, sources)
        self._check_known(layer, node)
        self.layers[name] = replace(layer, branch=self._branch_of(node))
        self.alias[node] = name

    def _module(self, node: fx.Node) -> nn.Module | None:
        return self.modules[str(node.target)] if node.op == "call_module" else None

    def _kind_of(self, node: fx.Node) -> str:
        if node.op == "placeholder":
            return "input"
        module = self._module(node)
        kind = kind_of(node, module)
        if kind == "conv" and isinstance(module, nn.Conv1d | nn.Conv2d):
            return "depthwise" if 1 < module.groups == module.in_channels == module.out_channels else "conv"
        if module is None and node.target in ("mean", torch.mean) and _is_global_mean(node):
            return "mean"
        if kind is None:
            described = f"operation {operation_name(node, module)} ({node.name})"
            if module is not None:
                described = f"layer {node.target} ({operation_name(node, module)})"
            elif node.op == "call_method":
                described = f"method .{node.target}() ({node.name})"
            raise SuiteError(f"{described} has no cost model. Known: {', '.join(known_operations())}")
        return kind

    def _layer(self, node: fx.Node, name: str, kind: str, sources: tuple[str, ...]) -> Layer:
        channels, size = _output_shape(node)
        first = self.layers[sources[0]] if sources else None
        in_size = first.size if first else size
        module = self._module(node)
        bias = getattr(module, "bias", None) is not None and kind in WEIGHTED
        if isinstance(module, nn.Linear) and count_axes(node) != 2:
            raise SuiteError(f"layer {name} (Linear) works on more than one axis: flatten its input first")
        geometry = Geometry()
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            geometry = convolution_geometry(module, name, in_size)
        elif kind in _POOLS:
            geometry = pool_geometry(node, module, in_size, size)
            adaptive = operation_name(node, module).lower().startswith("adaptive")
            if kind == "average_pool" and adaptive and geometry.kernel == in_size:
                kind = "mean"  # as the converter writes it
        elif kind == "pad":
            geometry = pad_geometry(node, module)
        elif kind == "upsample":
            check_nearest(node, module, in_size, size)
        return Layer(
            name,
            kind,  # type: ignore[arg-type]
            sources,
            channels,
            size,
            in_channels=first.channels if first else channels,
            in_size=in_size,
            **vars(geometry),
            groups=getattr(module, "groups", 1) if kind == "conv" else 1,
            bias=bias,
        )

    def _check_axes(self, node: fx.Node, name: str, kind: str) -> None:
        """Refuse what works along other axes than (N, C, positions...): it would mix channels, or examples."""
        operation = operation_name(node, self._module(node))
        if kind in (*WEIGHTED, *_POOLS):
            given = count_axes(node.all_input_nodes[0])
            if given != _AXES.get(operation[-2:], given):
                raise SuiteError(f"{name} ({operation}) stands behind a tensor of {given} axes: it has no cost model")
        if kind == "flatten" and count_axes(node) != 2:
            raise SuiteError(
                f"operation {name} ({operation}) leaves {count_axes(node)} axes: it must leave (N, features); channels "
                "that are reordered, as a shuffle does, have no cost model"
            )

    def _check_known(self, layer: Layer, node: fx.Node) -> None:
        """Refuse known operations in an unknown use: sums with constants or broadcasting, batch norm on its own."""
        if layer.kind in _OPERANDS:
            a, b = self.layers[layer.inputs[0]], self.layers[layer.inputs[-1]]
            sizes = {layer.size} if layer.kind == "add" else {layer.size, (1, 1)}
            fits = a.channels == b.channels == layer.channels and {a.size, b.size} <= sizes
            if len(layer.inputs) != 2 or not fits:
                raise SuiteError(
                    f"operation {layer.kind} ({node.name}): only {_OPERANDS[layer.kind]} have a cost model"
                )
        if layer.kind == "batch_norm":
            producer = self.layers[layer.inputs[0]]
            if producer.kind not in WEIGHTED:
                raise SuiteError(
                    f"layer {layer.name} (batch norm) follows {producer.name} ({producer.kind}): it cannot be folded "
                    "into a convolution or linear layer, and has no cost model of its own"
                )
            norm = self.modules[layer.name]
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and not (norm.track_running_stats and norm.momentum):
                raise SuiteError(
                    f"layer {layer.name} (batch norm): needs running statistics with a momentum, to be folded"
                )

    def _branch_of(self, node: fx.Node) -> str | None:
        """Path of the candidate block that the operation stands in, if any."""
        matches = [match for path in node.meta.get("nn_module_stack", {}) if (match := _BRANCH.fullmatch(path))]
        paths = [match[0] for match in matches if isinstance(self.modules[match[1] or ""], LayerChoice)]
        if len(paths) > 1:
            raise SuiteError(f"layer choice {paths[-1]} stands within {paths[0]}: nested choices have no cost model")
        return paths[0] if paths else None


def _output_shape(node: fx.Node) -> tuple[int, tuple[int, int]]:
    meta = node.meta.get("tensor_meta")
    shape = tuple(getattr(meta, "shape", ()))
    if len(shape) not in (2, 3, 4) or shape[0] != _BATCH:
        raise SuiteError(
            f"operation {node.name} gives shape {shape}: expected (N, C, H, W), (N, C, L) or (N, features)"
        )
    height, width = (1, 1, *shape[2:])[-2:]
    return int(shape[1]), (int(height), int(width))


def count_axes(node: fx.Node) -> int:
    """Number of axes of the operation's output, the batch included."""
    return len(getattr(node.meta.get("tensor_meta"), "shape", ()))


def _is_global_mean(node: fx.Node) -> bool:
    rank = count_axes(node.all_input_nodes[0])
    axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    axes = [axes] if isinstance(axes, int) else axes
    if rank < 3 or not isinstance(axes, list | tuple):
        return False
    return sorted(a % rank for a in axes if isinstance(a, int)) == list(range(2, rank))


def _concatenated(node: fx.Node) -> list[fx.Node]:
    """Inputs of a concatenation of channels, in order; a tensor that is concatenated twice stands there twice."""
    tensors = node.args[0] if node.args else node.kwargs["tensors"]
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", node.kwargs.get("axis", 0))
    parts = [part for part in tensors if isinstance(part, fx.Node)] if isinstance(tensors, list | tuple) else []
    if not parts or not isinstance(axis, int) or axis % count_axes(node) != 1:
        raise SuiteError(f"operation concat ({node.name}) along axis {axis}: only channels (axis 1) have a cost model")
    return parts
