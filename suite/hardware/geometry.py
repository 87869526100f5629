"""Kernel, stride and padding of an operation in a torch.fx graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from suite import SuiteError
from suite.hardware.layers import Padding
from suite.models.same_conv import SameConv2d

Size = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """What a sliding window does: its size, its steps, the distance of its taps, and the zeros around its input."""

    kernel: Size = (1, 1)
    stride: Size = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    dilation: Size = (1, 1)


def operation_name(node: fx.Node, module: nn.Module | None) -> str:
    """The name of what a node calls: a module's class, a function, or a method."""
    return type(module).__name__ if module is not None else str(getattr(node.target, "__name__", node.target))


def convolution_geometry(module: nn.Conv1d | nn.Conv2d, name: str, in_size: Size) -> Geometry:
    """Of the convolution at path `name` for an input of `in_size`; a sequence has height 1.

    Raises:
        SuiteError: it pads with something other than zeros.
    """
    operation = type(module).__name__
    if module.padding_mode != "zeros":
        raise SuiteError(f"layer {name} ({operation}, padding_mode={module.padding_mode}): only zeros is modelled")
    kernel, stride, dilation = _pair(module.kernel_size), _pair(module.stride), _pair(module.dilation)
    if isinstance(module, SameConv2d):
        padding = module.padding_for(*in_size)
    elif module.padding == "same":  # torch allows it for stride 1 only
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        padding = (totals[0] // 2, -(-totals[0] // 2), totals[1] // 2, -(-totals[1] // 2))
    elif module.padding == "valid":
        padding = (0, 0, 0, 0)
    else:
        vertical, horizontal = _pair(module.padding, fill=0)
        padding = (vertical, vertical, horizontal, horizontal)
    return Geometry(kernel, stride, padding, dilation)


def check_nearest(node: fx.Node, module: nn.Module | None, in_size: Size, out_size: Size) -> None:
    """Refuse an upsampling that is not each value repeated a whole number of times.

    Raises:
        SuiteError: it interpolates, or its output is no multiple of its input.
    """
    mode = getattr(module, "mode", None) or node.kwargs.get("mode", node.args[3] if len(node.args) > 3 else "nearest")
    multiple = all(b % a == 0 for a, b in zip(in_size, out_size, strict=True))
    if mode != "nearest" or not multiple:
        raise SuiteError(
            f"operation {node.name} (mode={mode}, {in_size} to {out_size}): only mode=nearest by a whole number has a "
            "cost model"
        )


def pool_geometry(node: fx.Node, module: nn.Module | None, in_size: Size, out_size: Size) -> Geometry:
    """Of a pool; one that adapts to its output, or takes a mean, has as large a window as it needs.

    Raises:
        SuiteError: its windows would differ in size, or are computed in `forward`.
    """
    if operation_name(node, module).lower().startswith(("adaptive", "mean")):
        kernel = (in_size[0] // out_size[0], in_size[1] // out_size[1])
        if any(given % wanted for given, wanted in zip(in_size, out_size, strict=True)):
            raise SuiteError(
                f"operation {node.name} (adaptive pool, {in_size} to {out_size}): only sizes that divide the input's "
                "have a cost model"
            )
        return Geometry(kernel, kernel)

    def value(name: str, position: int, default: Any) -> Any:
        if module is not None:
            return getattr(module, name)
        given = node.args[position] if len(node.args) > position else node.kwargs.get(name, default)
        if any(isinstance(part, fx.Node) for part in (given if isinstance(given, Sequence) else (given,))):
            raise SuiteError(
                f"operation {node.name} ({name} computed in forward): only a number has a cost model; a pool over the "
                "whole map is F.adaptive_avg_pool2d(x, 1)"
            )
        return given

    kernel = _pair(value("kernel_size", 1, None))
    stride = _pair(value("stride", 2, None) or kernel)
    vertical, horizontal = _pair(value("padding", 3, 0), fill=0)
    return Geometry(kernel, stride, (vertical, vertical, horizontal, horizontal))


def pad_geometry(node: fx.Node, module: nn.Module | None) -> Geometry:
    """Of zeros put around a map.

    Raises:
        SuiteError: what is put there is not zero, not known beforehand, or not around positions only.
    """
    if isinstance(module, nn.ConstantPad1d | nn.ConstantPad2d):  # nn.ZeroPad1d and nn.ZeroPad2d are such
        arguments: dict[str, Any] = {"pad": module.padding, "value": module.value}
    else:
        arguments = dict(zip(("input", "pad", "mode", "value"), node.args, strict=False)) | dict(node.kwargs)
    amounts, mode, value = tuple(arguments["pad"]), arguments.get("mode", "constant"), arguments.get("value") or 0
    known = all(isinstance(amount, int) and amount >= 0 for amount in amounts)
    if mode != "constant" or value != 0 or not known or len(amounts) not in (2, 4):
        raise SuiteError(f"operation pad ({node.name}): only zeros around a map's positions have a cost model")
    left, right, top, bottom = (*amounts, 0, 0)[:4]
    return Geometry(padding=(top, bottom, left, right))


def _pair(value: Any, fill: int = 1) -> Size:
    """(vertical, horizontal) of a setting for one axis (a sequence's; vertical then `fill`), two, or both alike."""
    if isinstance(value, int):
        return value, value
    return (fill, int(value[0])) if len(value) == 1 else (int(value[0]), int(value[1]))
