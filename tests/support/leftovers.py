"""A device whose latency is not monotone in channels: kernels that take channels in groups and do the rest one by one.

As CMSIS-NN's kernels do: a depthwise channel that is left over costs 1.7 times as much as one of a group of four, and
the last of an odd number of outputs of a dense layer up to four times as much as others.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, where

from suite.hardware.costs import HardwareModel
from suite.hardware.latency import Device
from suite.hardware.layers import LayerTable


@dataclass(frozen=True, kw_only=True)
class LeftoverKernels(Device):
    """Cycles = output pixels x kernel area x (inputs x outputs of dense layers, channels of depthwise ones).

    Inputs of dense layers and channels of depthwise ones count 1 each within a group of four and `leftover` each beyond
    the last whole group; outputs of dense layers count 1 each in pairs, and a last odd one `odd`.
    """

    monotone: ClassVar[bool] = False

    leftover: float = 1.7
    odd: float = 1.0

    def layer_cycles(self, table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
        pixels = (table.area * table.kernel_area * table.weighted).double()
        dense = _weigh(cin, 4, self.leftover) * _weigh(cout, 2, self.odd)
        return pixels * where(table.depthwise, _weigh(cout, 4, self.leftover), dense)


def _weigh(channels: Tensor, group: int, leftover: float) -> Tensor:
    """Channels with those left over weighed; for relaxed counts the exact value with slope 1."""
    whole = channels.detach()
    left = whole % group
    return whole - left + leftover * left + (channels - whole)


def leftover_device(leftover: float = 1.7, odd: float = 1.0) -> HardwareModel:
    """The device, at a clock of 100 MHz and with a power, so that it has latency and energy."""
    facts = {"name": "leftovers", "board": "none", "software": "none", "source": "made up"}
    return HardwareModel(LeftoverKernels(**facts, clock_mhz=100.0, power_mw=10.0, leftover=leftover, odd=odd))
