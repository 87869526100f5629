"""Instructions of CMSIS-NN's int8 kernels as a sum of coefficient x term, one sum for each path through the library."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from suite.hardware.instruction_terms import SYMBOLS, once_a_table, symbol_values
from suite.hardware.layers import LayerTable

_FACTORS = 3


@dataclass(frozen=True)
class InstructionLaw:
    """Coefficients by kernel and term. A term is a product of at most three symbols of `instruction_terms`.

    Example: `conv={"h*c2*K4": 26.05, ...}` are 26.05 instructions for each pair of pixels, pair of output channels and
    group of four values under the window.

    conv: k x k convolution.
    conv1x1: 1x1 convolution.
    dw3x3: depthwise 3x3, padding at most 1.
    dw: other depthwise kernels.
    dw_mult4, dw_generic: depthwise with several outputs for each input, a multiple of four of them or another number.
    fc, fcpc: linear, with one scale or one for each output.
    avgpool, maxpool, add: pooling, addition of two tensors.
    """

    conv: Mapping[str, float]
    conv1x1: Mapping[str, float]
    dw3x3: Mapping[str, float]
    dw: Mapping[str, float]
    dw_mult4: Mapping[str, float]
    dw_generic: Mapping[str, float]
    fc: Mapping[str, float]
    fcpc: Mapping[str, float]
    avgpool: Mapping[str, float]
    maxpool: Mapping[str, float]
    add: Mapping[str, float]

    def __post_init__(self) -> None:
        for path in PATHS:
            terms = getattr(self, path)
            if not isinstance(terms, Mapping):
                raise ValueError(f"device.law.{path}={terms}: expected a mapping from terms to coefficients")
            for term, coefficient in terms.items():
                _check_term(f"device.law.{path}.{term}", str(term).split("*"), coefficient)

    def __str__(self) -> str:
        return f"{sum(len(getattr(self, path)) for path in PATHS)} coefficients of {len(PATHS)} kernels"

    def instructions(self, path: Tensor, table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
        """Instructions of each layer, shape (L,), float64.

        Args:
            path: which kernel each layer takes, an index into `PATHS`, or `NO_PATH` (0 instructions), shape (L,).
            table: the layers' geometry.
            cin: input channels of each layer, shape (L,).
            cout: output channels of each layer, shape (L,).
        """
        coefficients, factors = self._terms
        values = symbol_values(table, cin, cout).gather(1, factors[path].flatten(1)).view(len(path), -1, _FACTORS)
        return (coefficients[path] * values[..., 0] * values[..., 1] * values[..., 2]).sum(1)

    @cached_property
    def _terms(self) -> tuple[Tensor, Tensor]:
        """Coefficients (paths + 1, terms), and indices of the symbols that are multiplied, (paths + 1, terms, 3)."""
        longest = max(len(getattr(self, path)) for path in PATHS)
        coefficients = torch.zeros(len(PATHS) + 1, longest, dtype=torch.float64)
        factors = torch.full((len(PATHS) + 1, longest, _FACTORS), SYMBOLS.index("call"))
        for row, path in enumerate(PATHS):
            for column, (term, coefficient) in enumerate(getattr(self, path).items()):
                coefficients[row, column] = coefficient
                for place, symbol in enumerate(term.split("*")):
                    factors[row, column, place] = SYMBOLS.index(symbol)
        return coefficients, factors


def _check_term(key: str, symbols: list[str], coefficient: Any) -> None:
    if len(symbols) > _FACTORS or not set(symbols) <= set(SYMBOLS):
        raise ValueError(f"{key}: a term is a product, with *, of at most {_FACTORS} of {', '.join(SYMBOLS)}")
    is_number = isinstance(coefficient, int | float) and not isinstance(coefficient, bool)
    if not is_number or not 0 <= coefficient < math.inf:
        raise ValueError(f"{key}={coefficient}: must be a number, at least 0")


PATHS = tuple(field.name for field in fields(InstructionLaw))
"""The kernels that have a law, by the names of its fields."""

NO_PATH = len(PATHS)
"""Index of layers without a law."""


@once_a_table
def kernel_paths(table: LayerTable) -> Tensor:
    """The path of each layer by its kind and kernel, as an index into `PATHS`, shape (L,); `NO_PATH` for other kinds.

    As arm_convolve_wrapper_s8, arm_depthwise_conv_wrapper_s8 and arm_fully_connected_wrapper_s8 choose (CMSIS-NN at
    99f736a63036), with a scale for each output of linear layers, and as many outputs as inputs of depthwise ones.
    """
    square3 = (table.kernel == 3).all(1) & (table.padding <= 1).all(1)
    path = torch.full_like(table.cin, NO_PATH)
    for rows, name in (
        (table.conv, "conv"),
        (table.conv & (table.kernel_area == 1), "conv1x1"),
        (table.depthwise, "dw"),
        (table.depthwise & square3, "dw3x3"),
        (table.linear, "fcpc"),
        (table.is_kind("average_pool", "mean"), "avgpool"),
        (table.is_kind("max_pool"), "maxpool"),
        (table.is_kind("add"), "add"),
    ):
        path = path.masked_fill(rows, PATHS.index(name))
    return path
