"""The work of a network as the kernel-library formula counts it: MACs by kind, and outputs of convolutions."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from suite.hardware.layers import Layer


@dataclass(frozen=True)
class Work:
    """MACs of standard (1x1 included), depthwise and linear layers, and output elements of standard convolutions."""

    macs_conv: float = 0
    conv_outputs: float = 0
    macs_depthwise: float = 0
    macs_linear: float = 0

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> "Work":
        """The work of these layers; those without weights have none."""
        macs = {"conv": 0, "depthwise": 0, "linear": 0}
        outputs = 0
        for layer in layers:
            if layer.kind in macs:
                elements = layer.channels * prod(layer.size)
                inputs = 1 if layer.kind == "depthwise" else layer.in_channels
                macs[layer.kind] += inputs * prod(layer.kernel) * elements
                outputs += elements if layer.kind == "conv" else 0
        return cls(macs["conv"], outputs, macs["depthwise"], macs["linear"])

    @property
    def macs(self) -> float:
        """Multiply-accumulate operations of all kinds."""
        return self.macs_conv + self.macs_depthwise + self.macs_linear
