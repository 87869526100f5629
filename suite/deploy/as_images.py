"""A network as the int8 converter takes it: sequences are images of height 1, and maps become flat by `flatten`.

The kernels of microcontrollers know images only, and `view` wants a map whose channels come first in memory.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from suite.hardware.operations import kind_of
from suite.hardware.trace import count_axes, shaped_graph

_AS_MODULE: dict[Any, type[nn.Module]] = {
    F.max_pool1d: nn.MaxPool1d,
    F.avg_pool1d: nn.AvgPool1d,
    F.adaptive_avg_pool1d: nn.AdaptiveAvgPool1d,
    F.interpolate: nn.Upsample,
}
"""Functions whose arguments behind the tensor are, in this order, those of a module."""


def as_image_network(network: nn.Module, input_shape: tuple[int, ...]) -> nn.Module:
    """`network` for inputs (N, C, 1, L) where it takes sequences (N, C, L); `view` and `reshape` become `flatten`.

    The weights of layers that stay as they are are shared with it, and it stays as it is.

    Raises:
        SuiteError: it cannot be traced.
    """
    result = shaped_graph(network, input_shape)
    for node in list(result.graph.nodes):
        if node.op != "call_module" and kind_of(node, None) == "flatten":
            _become(node, "call_function", torch.flatten, node.all_input_nodes[0], 1)
        elif any(count_axes(source) == 3 for source in node.all_input_nodes):
            _as_image_operation(result, node)
    result.graph.eliminate_dead_code()  # sizes that only a `view` asked for
    result.recompile()
    return result


def _as_image_operation(network: fx.GraphModule, node: fx.Node) -> None:
    x = node.all_input_nodes[0]
    if node.op == "call_module":
        network.set_submodule(str(node.target), as_image_layer(network.get_submodule(str(node.target))))
    elif node.target in _AS_MODULE:
        arguments = {name: value for name, value in node.kwargs.items() if name not in ("input", "antialias")}
        network.add_submodule(node.name, as_image_layer(_AS_MODULE[node.target](*node.args[1:], **arguments)))
        _become(node, "call_module", node.name, x)
    elif node.target in ("mean", torch.mean):
        _become(node, node.op, node.target, x, (2, 3), keepdim=count_axes(node) == 3)
    elif node.target in (torch.cat, torch.concat, torch.concatenate):  # its axis may be counted from the end
        tensors: Any = node.args[0] if node.args else node.kwargs["tensors"]
        _become(node, node.op, node.target, list(tensors), 1)
    elif node.target is F.pad:
        amounts: Any = node.args[1] if len(node.args) > 1 else node.kwargs["pad"]
        _become(node, node.op, node.target, x, (*amounts, 0, 0))


def _become(node: fx.Node, op: str, target: Any, *args: Any, **kwargs: Any) -> None:
    node.op, node.target, node.args, node.kwargs = op, target, args, kwargs


def as_image_layer(layer: nn.Module) -> nn.Module:
    """What computes the same of (N, C, 1, L) as `layer` of (N, C, L); itself where that needs no change."""
    if isinstance(layer, nn.Conv1d):
        return _convolution(layer)
    if isinstance(layer, nn.BatchNorm1d):
        norm = nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum, layer.affine)
        norm.load_state_dict(layer.state_dict())
        return norm.train(layer.training)
    if isinstance(layer, nn.MaxPool1d):
        kernel, stride, dilation = (_wide(x, 1) for x in (layer.kernel_size, layer.stride, layer.dilation))
        return nn.MaxPool2d(kernel, stride, _wide(layer.padding, 0), dilation, ceil_mode=layer.ceil_mode)
    if isinstance(layer, nn.AvgPool1d):
        kernel, stride, padding = _wide(layer.kernel_size, 1), _wide(layer.stride, 1), _wide(layer.padding, 0)
        return nn.AvgPool2d(kernel, stride, padding, layer.ceil_mode, layer.count_include_pad)
    if isinstance(layer, nn.AdaptiveAvgPool1d):
        return nn.AdaptiveAvgPool2d(_wide(layer.output_size, 1))
    if isinstance(layer, nn.Upsample):
        size, factor = (None if x is None else _wide(x, 1) for x in (layer.size, layer.scale_factor))
        return nn.Upsample(size, factor, layer.mode)
    if isinstance(layer, nn.ConstantPad1d):
        return nn.ConstantPad2d((*layer.padding, 0, 0), layer.value)
    return nn.Identity() if isinstance(layer, nn.Dropout1d) else layer


def _convolution(layer: nn.Conv1d) -> nn.Conv2d:
    padding = layer.padding if isinstance(layer.padding, str) else _wide(layer.padding, 0)
    result = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        _wide(layer.kernel_size, 1),
        _wide(layer.stride, 1),
        padding,
        _wide(layer.dilation, 1),
        layer.groups,
        layer.bias is not None,
    )
    result.load_state_dict({n: w.unsqueeze(2) if n == "weight" else w for n, w in layer.state_dict().items()})
    return result.train(layer.training)


def _wide(value: Any, height: Any) -> tuple[Any, Any]:
    """(height, value) of a number, or of a tuple of one, along a sequence."""
    return height, value[0] if isinstance(value, tuple) else value
