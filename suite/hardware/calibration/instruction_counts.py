"""Instruction counts of single layers, read from `results/published/devices/cmsisnn_counts.csv`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suite import SuiteError
from suite.hardware.layers import Kind, Layer
from suite.models.same_conv import same_padding

_PATHS = {
    "convolve_s8": "conv",
    "convolve_1_x_n_s8>convolve_s8": "conv",
    "convolve_1x1_s8": "conv1x1",
    "convolve_1x1_s8_fast": "conv1x1",
    "depthwise_conv_3x3_s8": "dw3x3",
    "depthwise_conv_s8_opt": "dw",
    "depthwise_conv_s8>mult_4": "dw_mult4",
    "depthwise_conv_s8>generic": "dw_generic",
    "fully_connected_s8": "fc",
    "fully_connected_per_channel_s8": "fcpc",
    "avgpool_s8": "avgpool",
    "max_pool_s8": "maxpool",
    "elementwise_add_s8": "add",
}
_KINDS: dict[str, Kind] = {
    "conv": "conv",
    "dw": "depthwise",
    "fc": "linear",
    "fcpc": "linear",
    "avgpool": "average_pool",
    "maxpool": "max_pool",
    "add": "add",
}


@dataclass(frozen=True)
class CountedLayer:
    """A layer, the path that it took through the library (a field of `InstructionLaw`), and its instructions."""

    layer: Layer
    path: str
    instructions: int


def read_counts(path: Path) -> list[CountedLayer]:
    """All rows of the table, in its order.

    Raises:
        SuiteError: the file cannot be read, or is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_read_row(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise SuiteError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SuiteError(f"{path}: not a table of instruction counts ({error!r})") from error


def _read_row(row: dict[str, str]) -> CountedLayer:
    pairs = [(int(row[f"{name}_h"]), int(row[f"{name}_w"])) for name in ("in", "out", "kernel", "stride")]
    in_size, size, kernel, stride = pairs
    vertical, horizontal = (same_padding(in_size[i], kernel[i], stride[i]) for i in (0, 1))
    layer = Layer(
        name=row["kernel_path"],
        kind=_KINDS[row["kind"]],
        inputs=(),
        channels=int(row["cout"]),
        size=size,
        in_channels=int(row["cin"]),
        in_size=in_size,
        kernel=kernel,
        stride=stride,
        padding=vertical + horizontal if row["pad"] == "same" else (0, 0, 0, 0),
    )
    return CountedLayer(layer, _PATHS[row["kernel_path"]], int(row["instructions"]))


def split_rows(rows: Sequence[CountedLayer], path: str) -> tuple[list[CountedLayer], list[CountedLayer]]:
    """(rows to fit, rows to test) of one path: every second row in the order of the table, which is sorted by size."""
    own = [row for row in rows if row.path == path]
    return own[::2], own[1::2]
