"""The torch operations that have a cost model, by what they are to it."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from suite.models.dropout import Dropout
from suite.models.layer_choice import Mix
from suite.models.same_conv import SameConv2d

# Kinds that are none of a layer (`suite.hardware.layers`): "alias" has no effect at inference; "relu", "silu" and
# "prelu" become what an int8 network has in their place (`suite.hardware.operators`).
_OPERATIONS: dict[str, tuple[Any, ...]] = {
    "conv": (nn.Conv1d, nn.Conv2d, SameConv2d),
    "linear": (nn.Linear,),
    "batch_norm": (nn.BatchNorm1d, nn.BatchNorm2d),
    "relu": (nn.ReLU, nn.ReLU6, F.relu, torch.relu, F.relu6, "relu", "relu_"),
    "activation": (nn.LeakyReLU, nn.Tanh, nn.Hardswish, nn.GELU, F.hardswish, F.gelu, torch.tanh),
    "silu": (nn.SiLU, F.silu),
    "prelu": (nn.PReLU,),
    "sigmoid": (nn.Sigmoid, F.sigmoid, torch.sigmoid, "sigmoid"),
    "hard_sigmoid": (nn.Hardsigmoid, F.hardsigmoid),
    "add": (operator.add, operator.iadd, torch.add, "add", "add_"),
    "mul": (operator.mul, operator.imul, torch.mul, "mul", "mul_"),
    "concat": (torch.cat, torch.concat, torch.concatenate),
    "average_pool": (
        *(nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
        *(F.avg_pool1d, F.avg_pool2d, F.adaptive_avg_pool1d, F.adaptive_avg_pool2d),
    ),
    "max_pool": (nn.MaxPool1d, nn.MaxPool2d, F.max_pool1d, F.max_pool2d),
    "upsample": (nn.Upsample, nn.UpsamplingNearest2d, F.interpolate),
    "flatten": (nn.Flatten, torch.flatten, torch.reshape, "flatten", "view", "reshape"),
    "pad": (nn.ZeroPad1d, nn.ConstantPad1d, nn.ZeroPad2d, nn.ConstantPad2d, F.pad),
    "choice": (Mix,),
    "alias": (nn.Dropout, Dropout, nn.Dropout1d, nn.Dropout2d, nn.Identity, F.dropout),
}
"""Kind -> modules by their class, functions, and methods by name."""

_KINDS = {operation: kind for kind, operations in _OPERATIONS.items() for operation in operations}


def kind_of(node: fx.Node, module: nn.Module | None) -> str | None:
    """What an operation of a graph is to a cost model; None where it has none. `module`: the one that it calls."""
    if module is not None:
        return _KINDS.get(type(module))
    return _KINDS.get(node.target) if node.op in ("call_function", "call_method") else None


def known_operations() -> list[str]:
    """What an error lists."""
    operations = ["add", "mul", "concat", "flatten", "view and reshape to (N, features)", "mean over all positions"]
    return [*sorted({operation.__name__ for operation in _KINDS if isinstance(operation, type)} - {"Mix"}), *operations]
