"""MLPerf Tiny's reference networks as layer lists, and what costs they have on a device."""

from collections.abc import Sequence
from functools import cache

from checkout import PUBLISHED

from suite.hardware.calibration.tables import PublishedDevices
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import Layer, LayerTable

PUBLISHED_DEVICES = PublishedDevices(PUBLISHED / "devices")


@cache
def layer_lists() -> dict[str, tuple[Layer, ...]]:
    """Weighted layers of ic01, kws01, vww01, ad01, and of vww01_live: vww01 without its filters of zeros."""
    return PUBLISHED_DEVICES.layers("mlperf_tiny")


def total_cost(hardware: HardwareModel, layers: Sequence[Layer], metric: str) -> float:
    """One metric, summed over `layers`, in the units of `hardware.units`."""
    table = LayerTable.of(layers)
    return float(hardware.per_layer(metric, table, table.cin, table.cout).sum())
