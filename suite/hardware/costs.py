"""All hardware costs of a network on a device, exact or relaxed, from the same formulas.

Exact costs take the integer channel counts of a plain network, relaxed costs float64 counts that carry gradients; at
whole numbers the two are equal. All metrics but `ram` are sums over the layers. The memory plan behind `ram` is a
discrete algorithm, relaxed straight-through in `WidthSpace.relaxed`.

Example: `HardwareModel(device).measure(ResNet8(), (3, 32, 32))["macs"]` is 12501632.0.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from suite.hardware.flash import flash_bytes
from suite.hardware.latency import Device
from suite.hardware.layers import LayerTable, Network
from suite.hardware.macs import macs
from suite.hardware.ram import activation_buffers, peak_bytes
from suite.hardware.trace import trace
from suite.hardware.weights import full_weight_bytes, weight_bytes

_PER_LAYER = {"weights": weight_bytes, "weights_full": full_weight_bytes, "flash": flash_bytes, "macs": macs}


@dataclass(frozen=True)
class HardwareModel:
    """The cost model of one device."""

    device: Device

    @property
    def units(self) -> dict[str, str]:
        """Metric -> unit, in the order of tables; energy only where the board's power was measured.

        All of them have a relaxed form and can stand in a loss.
        """
        units = {"weights": "B", "weights_full": "B", "flash": "B", "macs": "MAC", "ram": "B"}
        units["latency"] = "s" if self.device.clock_mhz else "cycles"
        if self.device.clock_mhz and self.device.power_mw:
            units["energy"] = "J"
        return units

    @property
    def additive(self) -> tuple[str, ...]:
        """The metrics that are sums over the layers: all but the RAM peak."""
        return tuple(metric for metric in self.units if metric != "ram")

    @property
    def non_monotone(self) -> tuple[str, ...]:
        """The metrics that may fall when a channel is added.

        RAM, the file (a network with one channel has other operators), and latency and energy on devices that say so.
        """
        metrics = ("ram", "flash") if self.device.monotone else ("ram", "flash", "latency", "energy")
        return tuple(metric for metric in self.units if metric in metrics)

    def measure(self, module: nn.Module, input_shape: tuple[int, ...]) -> dict[str, float]:
        """Exact costs of a plain network: every metric, in the units of `units`.

        Raises:
            SuiteError: the network holds an operation without a cost model.
        """
        return self.exact(trace(module, input_shape))

    def exact(self, network: Network) -> dict[str, float]:
        """Exact costs of a traced network."""
        table = LayerTable.of(network.parts)
        costs = {m: float(self.per_layer(m, table, table.cin, table.cout).sum()) for m in self.additive}
        costs["ram"] = float(peak_bytes(activation_buffers(network)))
        return {metric: costs[metric] for metric in self.units}

    def per_layer(self, metric: str, table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
        """One metric of each layer, shape (L,), in the unit of `units`."""
        table, cin = table.exported(cin, cout)
        if metric in _PER_LAYER:
            return _PER_LAYER[metric](table, cin, cout)
        cycles = self.device.layer_cycles(table, cin, cout)
        if self.device.clock_mhz is None:
            return cycles
        seconds = cycles / (self.device.clock_mhz * 1e6)
        if metric == "energy" and self.device.power_mw:
            return seconds * (self.device.power_mw * 1e-3)
        return seconds
