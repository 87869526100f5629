"""Latencies and energies of whole networks, measured on one board with one software stack."""

from dataclasses import dataclass
from functools import cached_property

from suite.hardware.calibration.work import Work
from suite.hardware.layers import Layer


@dataclass(frozen=True)
class MeasuredNetwork:
    """One network on one system.

    name: of the network; `layers`: its weighted layers, additions and pools, as the software runs them.
    energy_uj: microjoules of an inference, and `energy_run_ms`, the latency while they were measured; None where
        there are none.
    source: repository, commit and file.
    """

    name: str
    layers: tuple[Layer, ...]
    latency_ms: float
    energy_uj: float | None = None
    energy_run_ms: float | None = None
    source: str = ""

    @cached_property
    def work(self) -> Work:
        """MACs by kind, and outputs of convolutions."""
        return Work.of(self.layers)


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
    networks: tuple[MeasuredNetwork, ...]

    @property
    def works(self) -> list[Work]:
        """Work of each network."""
        return [network.work for network in self.networks]

    @property
    def latencies_ms(self) -> list[float]:
        """Latency of each network."""
        return [network.latency_ms for network in self.networks]
