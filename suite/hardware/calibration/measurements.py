"""Whole networks, the work in them, and their latencies and energies measured on one board with one software stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from suite.hardware.layers import Layer


@dataclass(frozen=True)
class Work:
    """The work of a network as the kernel-library formula counts it.

    MACs of standard (1x1 included), depthwise and linear layers, and output elements of standard convolutions.
    """

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


@dataclass(frozen=True)
class Measurement:
    """One network on one system.

    energy_uj: microjoules of an inference, and `energy_run_ms`, the latency while they were measured; None where
        there are none.
    layers: its weighted layers, additions and pools, as the software runs them; empty where only its work is known.
    source: repository, commit and file.
    """

    name: str
    work: Work
    latency_ms: float
    energy_uj: float | None = None
    energy_run_ms: float | None = None
    layers: tuple[Layer, ...] = ()
    source: str = ""


def latencies_ms(networks: Sequence[Measurement]) -> list[float]:
    """The measured latency of each network."""
    return [network.latency_ms for network in networks]


@dataclass(frozen=True)
class MeasuredSystem:
    """A board with a software stack, and the networks that were measured on it.

    devices: names of the suite's devices that are fitted on it.
    checks: names of the suite's devices that it only checks, at its own clock: nothing of them was fitted on it.
    library: which kernels it runs; systems of one library share the ratios of the kernel-library formula.
    fitted: whether ratios of its library are fitted on it, be it for devices of other systems.
    """

    devices: tuple[str, ...]
    checks: tuple[str, ...]
    library: str
    board: str
    software: str
    clock_mhz: float
    fitted: bool
    networks: tuple[Measurement, ...]
