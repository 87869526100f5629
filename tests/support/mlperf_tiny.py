"""MLPerf Tiny's reference networks as layer lists, and what costs they have on a device."""

import csv
from collections.abc import Sequence
from functools import cache

from checkout import ROOT

from suite.hardware.costs import HardwareModel
from suite.hardware.layers import Layer, LayerTable


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a CSV file in tests/hardware, without the comment lines above its header."""
    lines = (ROOT / "tests" / "hardware" / name).read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@cache
def layer_lists() -> dict[str, tuple[Layer, ...]]:
    """Weighted layers of ic01, kws01, vww01, ad01, and of vww01_live: vww01 without its filters of zeros."""
    lists: dict[str, list[Layer]] = {}
    for row in read_table("mlperf_tiny_layers.csv"):
        layers = lists.setdefault(row["network"], [])
        size = int(row["out_height"]), int(row["out_width"])
        kernel = int(row["kernel_height"]), int(row["kernel_width"])
        channels, in_channels = int(row["out_channels"]), int(row["in_channels"])
        layers.append(Layer(str(len(layers)), row["kind"], (), channels, size, in_channels, kernel=kernel, bias=True))
    return {network: tuple(layers) for network, layers in lists.items()}


def total_cost(hardware: HardwareModel, layers: Sequence[Layer], metric: str) -> float:
    """One metric, summed over `layers`, in the units of `hardware.units`."""
    table = LayerTable.of(layers)
    return float(hardware.per_layer(metric, table, table.cin, table.cout).sum())
