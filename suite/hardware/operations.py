"""The torch operations that have a cost model, by what they are to it."""

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from suite.models.dropout import Dropout
from suite.models.layer_choice import Mix
from suite.models.same_conv import SameConv2d

# Kinds that are none of a layer (`suite.hardware.layers`): "alias" has no effect at inference; "relu", "silu" and
# "prelu" become what an int8 network has in their place (`suite.hardware.operators`).
MODULES: dict[type[nn.Module], str] = {
    nn.Conv1d: "conv",
    nn.Conv2d: "conv",
    SameConv2d: "conv",
    nn.Linear: "linear",
    nn.BatchNorm2d: "batch_norm",
    nn.BatchNorm1d: "batch_norm",
    nn.ReLU: "relu",
    nn.ReLU6: "relu",
    nn.LeakyReLU: "activation",
    nn.Tanh: "activation",
    nn.Hardswish: "activation",
    nn.GELU: "activation",
    nn.SiLU: "silu",
    nn.PReLU: "prelu",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "hard_sigmoid",
    nn.AvgPool1d: "average_pool",
    nn.MaxPool1d: "max_pool",
    nn.AdaptiveAvgPool1d: "average_pool",
    nn.AvgPool2d: "average_pool",
    nn.MaxPool2d: "max_pool",
    nn.AdaptiveAvgPool2d: "average_pool",
    nn.Upsample: "upsample",
    nn.UpsamplingNearest2d: "upsample",
    nn.Flatten: "flatten",
    nn.ZeroPad1d: "pad",
    nn.ConstantPad1d: "pad",
    nn.ZeroPad2d: "pad",
    nn.ConstantPad2d: "pad",
    Mix: "choice",
    nn.Dropout: "alias",
    Dropout: "alias",
    nn.Dropout1d: "alias",
    nn.Dropout2d: "alias",
    nn.Identity: "alias",
}
FUNCTIONS: dict[Callable[..., Any], str] = {
    F.relu: "relu",
    torch.relu: "relu",
    F.relu6: "relu",
    F.hardswish: "activation",
    F.gelu: "activation",
    torch.tanh: "activation",
    F.silu: "silu",
    F.sigmoid: "sigmoid",
    torch.sigmoid: "sigmoid",
    F.hardsigmoid: "hard_sigmoid",
    operator.add: "add",
    operator.iadd: "add",
    torch.add: "add",
    operator.mul: "mul",
    operator.imul: "mul",
    torch.mul: "mul",
    torch.cat: "concat",
    torch.concat: "concat",
    torch.concatenate: "concat",
    torch.flatten: "flatten",
    torch.reshape: "flatten",
    F.avg_pool1d: "average_pool",
    F.max_pool1d: "max_pool",
    F.adaptive_avg_pool1d: "average_pool",
    F.avg_pool2d: "average_pool",
    F.max_pool2d: "max_pool",
    F.adaptive_avg_pool2d: "average_pool",
    F.interpolate: "upsample",
    F.pad: "pad",
    F.dropout: "alias",
}
METHODS = {
    "relu": "relu",
    "relu_": "relu",
    "sigmoid": "sigmoid",
    "add": "add",
    "add_": "add",
    "mul": "mul",
    "mul_": "mul",
    "flatten": "flatten",
    "view": "flatten",
    "reshape": "flatten",
}


def known_operations() -> list[str]:
    """What an error lists."""
    operations = ["add", "mul", "concat", "flatten", "view and reshape to (N, features)", "mean over all positions"]
    return [*sorted({module.__name__ for module in MODULES} - {"Mix"}), *operations]
