"""Latency from the counted instructions of CMSIS-NN's open-source int8 kernels on Cortex-M cores with DSP instructions.

The instructions of each kernel were counted in an emulator (results/published/devices/README.md) and put into a closed
law (`instruction_law`), whose coefficients `suite.hardware.calibration.instruction_fit` computes from the counts. Only
the cycles of an instruction belong to the core.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, where

from suite.hardware.domain import Domain
from suite.hardware.instruction_law import PATHS, InstructionLaw, kernel_paths
from suite.hardware.instruction_terms import once_a_table
from suite.hardware.latency import Device
from suite.hardware.layers import KINDS, LayerTable

_EXPORTERS = ("litert_torch", "tensorflow")


@dataclass(frozen=True, kw_only=True)
class CountedKernels(Device):
    """cycles = c (instructions + r W): instructions by the law, W the weight bytes that the kernel reads from flash.

    W is cin cout T max(1, P / 2) for convolutions of T taps and P output pixels (a weight serves two pixels), cin cout
    for linear layers, 0 for others. Softmax, PAD, concatenation, activation tables and reshapes are not counted: they
    cost 0 here. Neither is the interpreter, about 500 cycles an operator. A mean over the map is taken for an average
    pool, which it is in MLPerf Tiny's files.

    Not monotone: 31 channels cost more than 32 where leftovers of a group are worked off one by one.

    cycles_per_instruction: c, a property of the core with its flash.
    weight_read: r, instructions that a weight byte read from flash is worth.
    exporter: who made the int8 network. litert_torch, as `suite deploy` does, writes a convolution of one input channel
        as a depthwise one with several outputs an input, and a scale for each output of a linear layer; tensorflow, as
        for MLPerf Tiny's own files, keeps the convolution and writes one scale.
    """

    monotone: ClassVar[bool] = False
    domain: ClassVar[Domain | None] = Domain(
        kinds=frozenset(("conv", "depthwise", "linear", "add", "average_pool", "max_pool", "mean", "flatten"))
    )

    law: InstructionLaw
    cycles_per_instruction: float
    weight_read: float
    exporter: Literal["litert_torch", "tensorflow"] = "litert_torch"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cycles_per_instruction <= 0:
            raise ValueError(f"device.cycles_per_instruction={self.cycles_per_instruction}: must be positive")
        if self.weight_read < 0:
            raise ValueError(f"device.weight_read={self.weight_read}: must be at least 0")
        if self.exporter not in _EXPORTERS:
            raise ValueError(f"device.exporter={self.exporter}: choices are {', '.join(_EXPORTERS)}")

    def layer_cycles(self, table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
        """Cycles of each layer, shape (L,), float64.

        Relaxed counts get exact values; slopes are those of the mean line of each kernel (`instruction_terms`), of the
        kernel that the present counts take.
        """
        path, reads = kernel_paths(table), _weight_reads(table)
        if self.exporter == "tensorflow":
            path = where(table.linear, PATHS.index("fc"), path)
        else:
            single = table.conv & (cin <= 1)
            if single.any():
                path = where(single, _paths_of_one_input_channel(table, cout), path)
                reads = reads.masked_fill(single, 0)
        instructions = self.law.instructions(path, table, cin, cout)
        return self.cycles_per_instruction * (instructions + self.weight_read * reads * cin * cout)


@once_a_table
def _weight_reads(table: LayerTable) -> Tensor:
    """Weight bytes that each layer's kernel reads for one input and one output channel, shape (L,), float64."""
    convolution = table.kernel_area * (table.area / 2).clamp(min=1)
    return where(table.conv, convolution, table.linear).double()


def _paths_of_one_input_channel(table: LayerTable, cout: Tensor) -> Tensor:
    """The path of each layer as a depthwise one that makes `cout` channels of one, shape (L,)."""
    several_outputs = where(cout % 4 == 0, PATHS.index("dw_mult4"), PATHS.index("dw_generic"))
    return where(cout <= 1, _depthwise_paths(table), several_outputs)


@once_a_table
def _depthwise_paths(table: LayerTable) -> Tensor:
    """The path of each layer as a depthwise one with as many outputs as inputs, shape (L,)."""
    return kernel_paths(replace(table, kind=torch.full_like(table.kind, KINDS.index("depthwise"))))
