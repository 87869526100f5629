"""From an `nn.Module` to a list of layers, by torch.fx; what it does not know is an error, never a silent zero."""

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from suite.errors import SuiteError
from suite.hardware.layers import WEIGHTED, Layer, Network

# Two examples, not one, so that an axis of length one is never mistaken for the batch.
_BATCH = 2

# Activations must map 0 to 0: a removed channel is a channel that is zero.
_MODULES: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.Linear: "linear",
    nn.BatchNorm2d: "batch_norm",
    nn.BatchNorm1d: "batch_norm",
    nn.ReLU: "relu",
    nn.ReLU6: "relu",
    nn.LeakyReLU: "activation",
    nn.Tanh: "activation",
    nn.Hardswish: "activation",
    nn.SiLU: "activation",
    nn.AvgPool2d: "pool",
    nn.MaxPool2d: "pool",
    nn.AdaptiveAvgPool2d: "pool",
    nn.Flatten: "flatten",
    nn.Dropout: "alias",
    nn.Dropout2d: "alias",
    nn.Identity: "alias",
}
_FUNCTIONS: dict[Callable[..., Any], str] = {
    F.relu: "relu",
    torch.relu: "relu",
    F.relu6: "relu",
    F.hardswish: "activation",
    F.silu: "activation",
    torch.tanh: "activation",
    operator.add: "add",
    operator.iadd: "add",
    torch.add: "add",
    torch.flatten: "flatten",
    F.avg_pool2d: "pool",
    F.max_pool2d: "pool",
    F.adaptive_avg_pool2d: "pool",
    F.dropout: "alias",
}
_METHODS = {"relu": "relu", "relu_": "relu", "add": "add", "add_": "add", "flatten": "flatten"}


def trace(module: nn.Module, input_shape: tuple[int, ...]) -> Network:
    """The layers of `module` for one example of `input_shape` (without the batch axis).

    Raises:
        SuiteError: the module cannot be traced, or holds an operation without a cost model; the text names it.
    """
    was_training = module.training
    module.eval()
    try:
        graph = fx.Tracer().trace(module)
        parameter = next(module.parameters(), None)
        device = parameter.device if parameter is not None else torch.device("cpu")
        interpreter = ShapeProp(fx.GraphModule(module, graph))
        with torch.no_grad():
            interpreter.propagate(torch.zeros(_BATCH, *input_shape, device=device))
    except Exception as error:
        raise SuiteError(
            f"network {type(module).__name__} cannot be traced for an input of shape {input_shape}: {error}"
        ) from error
    finally:
        module.train(was_training)
    return _Reader(dict(module.named_modules()), graph).read()


class _Reader:
    """Walks the fx graph once; `alias` maps nodes that do nothing at inference to their source."""

    def __init__(self, modules: dict[str, nn.Module], graph: fx.Graph) -> None:
        self.modules = modules
        self.graph = graph
        self.layers: dict[str, Layer] = {}
        self.alias: dict[fx.Node, str] = {}

    def read(self) -> Network:
        for node in self.graph.nodes:
            if node.op == "output":
                self._finish(node)
            else:
                self._read(node)
        return Network(_with_fusion(tuple(self.layers.values())))

    def _read(self, node: fx.Node) -> None:
        kind = self._kind(node)
        sources = tuple(self.alias[n] for n in node.all_input_nodes)
        if kind == "alias":
            self.alias[node] = sources[0]
            return
        name = str(node.target) if node.op == "call_module" else node.name
        if name in self.layers:
            raise SuiteError(f"layer {name} is called twice: shared layers have no cost model")
        channels, size = _output_shape(node)
        if kind in WEIGHTED:
            layer = self._weighted(node, name, kind, sources, channels, size)
        else:
            layer = Layer(name, kind, sources, channels, size)  # type: ignore[arg-type]
            self._check(layer, node)
        self.layers[name] = layer
        self.alias[node] = name

    def _kind(self, node: fx.Node) -> str:
        if node.op == "placeholder":
            return "input"
        if node.op == "call_module":
            module = self.modules[str(node.target)]
            kind = _MODULES.get(type(module))
            if kind == "conv" and isinstance(module, nn.Conv2d) and module.groups > 1:
                kind = "depthwise"
            what = f"layer {node.target} ({type(module).__name__})"
        elif node.op == "call_method":
            kind, what = _METHODS.get(str(node.target)), f"method .{node.target}() ({node.name})"
            if node.target == "mean" and _is_global_mean(node):
                kind = "pool"
        else:
            kind = _FUNCTIONS.get(node.target) if callable(node.target) else None
            what = f"operation {getattr(node.target, '__name__', node.target)} ({node.name})"
        if kind is None:
            known = [*sorted({t.__name__ for t in _MODULES}), "add", "flatten", "mean over H and W"]
            raise SuiteError(f"{what} has no cost model. Known: {', '.join(known)}")
        return kind

    def _weighted(
        self, node: fx.Node, name: str, kind: str, sources: tuple[str, ...], channels: int, size: tuple[int, int]
    ) -> Layer:
        module = self.modules[str(node.target)]
        if isinstance(module, nn.Linear):
            if len(node.meta["tensor_meta"].shape) != 2:
                raise SuiteError(f"layer {name} (Linear) works on more than one axis: flatten its input first")
            return Layer(name, "linear", sources, channels, size, module.in_features, bias=module.bias is not None)
        assert isinstance(module, nn.Conv2d)
        if kind == "depthwise" and not module.groups == module.in_channels == module.out_channels:
            raise SuiteError(
                f"layer {name} (Conv2d, groups={module.groups}) is neither dense nor depthwise "
                f"(groups = in_channels = out_channels): no cost model"
            )
        if module.padding_mode != "zeros":
            raise SuiteError(f"layer {name} (Conv2d, padding_mode={module.padding_mode}): only zeros has a cost model")
        kernel = (module.kernel_size[0], module.kernel_size[1])
        stride = (module.stride[0], module.stride[1])
        return Layer(name, kind, sources, channels, size, module.in_channels, kernel, stride, module.bias is not None)  # type: ignore[arg-type]

    def _check(self, layer: Layer, node: fx.Node) -> None:
        """Refuse what looks known and is not: sums with constants or broadcasting, batch norm on its own."""
        if layer.kind == "add":
            a = self.layers[layer.inputs[0]]
            b = self.layers[layer.inputs[-1]]
            same = (a.channels, a.size) == (b.channels, b.size) == (layer.channels, layer.size)
            if len(node.all_input_nodes) != 2 or not same:
                raise SuiteError(
                    f"operation add ({node.name}): only sums of two tensors of one shape have a cost model"
                )
        if layer.kind == "batch_norm":
            producer = self.layers[layer.inputs[0]]
            if producer.kind not in WEIGHTED:
                raise SuiteError(
                    f"layer {layer.name} (batch norm) follows {producer.name} ({producer.kind}): it cannot be folded "
                    "into a convolution or linear layer, and has no cost model of its own"
                )

    def _finish(self, node: fx.Node) -> None:
        result = node.args[0]
        if not isinstance(result, fx.Node):
            raise SuiteError("the network must return one tensor")
        name = self.alias[result]
        # The last layer is the output by definition; anything traced after it would be dead code.
        self.layers[name] = self.layers.pop(name)


def _output_shape(node: fx.Node) -> tuple[int, tuple[int, int]]:
    meta = node.meta.get("tensor_meta")
    shape = tuple(getattr(meta, "shape", ()))
    if len(shape) not in (2, 4) or shape[0] != _BATCH:
        raise SuiteError(f"operation {node.name} gives shape {shape}: expected (N, C, H, W) or (N, features)")
    return int(shape[1]), (int(shape[2]), int(shape[3])) if len(shape) == 4 else (1, 1)


def _is_global_mean(node: fx.Node) -> bool:
    axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    return isinstance(axes, list | tuple) and sorted(a % 4 for a in axes if isinstance(a, int)) == [2, 3]


def _with_fusion(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Mark batch norms and ReLUs that their producer does on the fly, and give layers with batch norm a bias."""
    users: dict[str, int] = {}
    for layer in layers:
        for source in layer.inputs:
            users[source] = users.get(source, 0) + 1
    result: dict[str, Layer] = {}
    for layer in layers:
        producer = result[layer.inputs[0]] if layer.inputs else layer
        alone = users.get(producer.name) == 1
        if layer.kind == "batch_norm":
            if not alone:
                raise SuiteError(f"layer {layer.name} (batch norm): {producer.name} has other users, no folding")
            result[producer.name] = replace(producer, bias=True)
            layer = replace(layer, fused=True)
        elif str(layer.kind) == "relu":
            fusable = producer.kind in (*WEIGHTED, "add", "batch_norm") and alone
            layer = replace(layer, kind="activation", fused=fusable)
        result[layer.name] = layer
    return tuple(result.values())
