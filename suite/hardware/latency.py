"""Latency of a network on a device with a given software stack, as a sum over its layers.

A device is one YAML file: one of the classes here and its coefficients.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, where

from suite.hardware.domain import Domain
from suite.hardware.layers import LayerTable, ceil_div
from suite.hardware.macs import macs


@dataclass(frozen=True, kw_only=True)
class Device(ABC):
    """Facts of a board and its software. Without a clock its latency is in cycles, and only ratios mean anything.

    power_mw: while it computes, as energy / latency of MLPerf Tiny results.
    source: where the coefficients come from.
    monotone: whether a layer with more channels is never faster. Kernels that take channels in groups are not monotone
        where they do the channels left over one by one: 32 channels can be faster than 31.
    domain: what the model was checked on; None where nothing is claimed.
    """

    monotone: ClassVar[bool] = True
    domain: ClassVar[Domain | None] = None

    name: str
    board: str
    software: str
    source: str
    clock_mhz: float | None = None
    power_mw: float | None = None
    ram_kib: int | None = None
    flash_kib: int | None = None

    def __post_init__(self) -> None:
        for key in ("clock_mhz", "power_mw", "ram_kib", "flash_kib"):
            value = getattr(self, key)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"device.{key}={value}: must be positive, or null where unknown")

    @abstractmethod
    def layer_cycles(self, table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
        """Cycles of each operator, shape (L,), from integer or relaxed channel counts `cin`, `cout` (L,).

        0 for kinds of operators that the model leaves out.
        """


@dataclass(frozen=True, kw_only=True)
class KernelLibrary(Device):
    """cycles = a (M_conv + rho_out O_conv + rho_dw M_dw + rho_fc M_fc), fitted on MLPerf Tiny results of the board.

    M_conv, M_dw, M_fc are the MACs of standard (1x1 included), depthwise and linear layers, O_conv the output elements
    of standard convolutions: requantisation and loop set-up cost about 20 MACs an output. The ratios rho belong to the
    kernel library, a (`cycles_per_mac`) to the board. The fit: suite/hardware/calibration/; measured against predicted,
    and where to trust it: `suite device show`. Costs of additions, pools and concatenations are part of what was
    fitted, as far as they grow with the rest of the network.
    """

    domain: ClassVar[Domain | None] = Domain(
        kinds=frozenset(
            ("conv", "depthwise", "linear", "add", "concat", "average_pool", "max_pool", "mean", "flatten")
        ),
        depthwise=frozenset({(3, 3)}),  # networks with 5x5 kernels are predicted too fast
        sequences=False,
    )

    cycles_per_mac: float
    conv_output: float
    depthwise: float
    linear: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("cycles_per_mac", "conv_output", "depthwise", "linear"):
            value = getattr(self, key)
            least = "more than 0" if key == "cycles_per_mac" else "0 or more"
            if not 0 <= value < math.inf or (key == "cycles_per_mac" and value == 0):
                raise ValueError(f"device.{key}={value}: must be {least}")

    def layer_cycles(self, table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
        """Cycles of each layer, shape (L,), float64."""
        # double first: an int64 tensor times a Python float would be float32
        work = macs(table, cin, cout).double()
        outputs = (cout * table.area).double()
        weighted = where(table.depthwise, self.depthwise * work, where(table.linear, self.linear * work, work))
        return self.cycles_per_mac * (weighted + where(table.conv, self.conv_output * outputs, 0.0))


@dataclass(frozen=True, kw_only=True)
class Gap8(Device):
    """Analytic cycles of an 8-core GAP8 cluster, of which only ratios mean anything.

    As in eml-eda/plinio at 3d6b5e0, plinio/cost/gap8_latency.py: with c(x,n) = ceil(x/n), output H x W, kernel area K,
    convolution c(H,2) c(W,8) [2 K Cin + c(Cout,4) (5 + 14 c(K Cin,4) + 10)]; depthwise 4 c(Cout,4) H W K; linear
    c(Cin,2) c(Cout,4). DMA, tiling, pooling and addition are left out, so that cycles are too few.

    ceil_slope: gradient of the relaxed ceiling, whose value stays exact. "mean" is 1/n, the ceiling's own on average;
    "unit" is 1, as in PLiNIO, which makes a channel look four times as costly as it is.
    """

    ceil_slope: Literal["mean", "unit"] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ceil_slope not in ("mean", "unit"):
            raise ValueError(f"device.ceil_slope={self.ceil_slope}: choices are mean, unit")

    def layer_cycles(self, table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
        """Cycles of each layer, shape (L,); float64 where the counts are relaxed, int64 otherwise."""
        area, kernel = table.area, table.kernel_area
        slope = 1.0 if self.ceil_slope == "unit" else None
        tiles = ceil_div(table.size[:, 0], 2) * ceil_div(table.size[:, 1], 8)
        quads = ceil_div(cout, 4, slope)
        conv = tiles * (2 * kernel * cin + quads * (15 + 14 * ceil_div(kernel * cin, 4, slope)))
        depthwise = 4 * quads * area * kernel
        linear = ceil_div(cin, 2, slope) * quads
        return where(table.depthwise, depthwise, where(table.linear, linear, where(table.conv, conv, 0)))
