"""The published tables: layer lists against the MACs that their sources state."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlperf_tiny import PUBLISHED_DEVICES

from suite import SuiteError
from suite.hardware.calibration.measurements import Work
from suite.hardware.calibration.tables import ALIASES, PublishedDevices
from suite.hardware.layers import WEIGHTED, Layer
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8

H747 = {row["network"]: row for row in PUBLISHED_DEVICES.rows("stm32h747.csv")}
TABLES = sorted(path.name for path in PUBLISHED_DEVICES.folder.glob("*.csv"))


def _macs(layers: tuple[Layer, ...], *, pointwise: bool) -> float:
    return Work.of([x for x in layers if x.kind == "conv" and (x.kernel == (1, 1)) == pointwise]).macs


def test_all_24_networks_of_the_h747_are_there() -> None:
    assert len(H747) == 24
    assert PUBLISHED_DEVICES.layers("stm32h747").keys() == H747.keys()


@pytest.mark.parametrize("network", H747)
def test_a_reconstructed_network_has_the_macs_by_kind_and_the_layers_of_the_measured_file(network: str) -> None:
    layers, row = PUBLISHED_DEVICES.layers("stm32h747")[network], H747[network]
    work = Work.of(layers)
    assert sum(layer.kind in WEIGHTED for layer in layers) == int(row["n_layers"])
    assert _macs(layers, pointwise=False) == int(row["macs_conv"])
    assert _macs(layers, pointwise=True) == int(row["macs_pointwise"])
    assert work.macs_depthwise == int(row["macs_depthwise"])
    assert work.macs_linear == int(row["macs_linear"])


@pytest.mark.parametrize("table", ["mlperf_tiny_layers.csv", "stm32h747_layers.csv"])
def test_sizes_in_a_layer_list_follow_from_kernel_stride_and_padding(table: str) -> None:
    """Padding stands for the top and left; TensorFlow's "same" puts as much or one more at the bottom and right."""
    for row in PUBLISHED_DEVICES.rows(table):
        stride = int(row["stride"])
        for axis, pad in (("height", "pad_top"), ("width", "pad_left")):
            size, kernel, before = int(row[f"in_{axis}"]), int(row[f"kernel_{axis}"]), int(row[pad])
            outputs = {(size + before + after - kernel) // stride + 1 for after in (before, before + 1)}
            assert int(row[f"out_{axis}"]) in outputs, row


@pytest.mark.parametrize(
    ("alias", "network", "shape"),
    [
        ("resnet8", ResNet8(), (3, 32, 32)),
        ("ds_cnn", DsCnn(), (1, 49, 10)),
        ("mobilenet_v1", MobileNetV1(), (3, 96, 96)),
        ("autoencoder", Autoencoder(), (640,)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_alias_names_the_suites_own_network(alias: str, network, shape: tuple[int, ...]) -> None:
    layers = PUBLISHED_DEVICES.layers("mlperf_tiny")[ALIASES[alias]]
    assert Work.of(layers) == Work.of(trace(network, shape).weighted)


@pytest.mark.parametrize("table", [name for name in TABLES if not name.endswith(("_layers.csv", "_counts.csv"))])
def test_each_row_has_a_source_with_a_commit_and_a_reliability(table: str) -> None:
    for row in PUBLISHED_DEVICES.rows(table):
        assert row["reliability"] in ("primary", "calculated")
        repository, commit, *_ = row["source"].split()
        assert repository.count("/") == 1
        assert len(commit) == 7


def test_rows_of_systems_are_used() -> None:
    """No system is there for nothing: it describes a device, or shares its kernels with one that does."""
    used = {system.library for system in PUBLISHED_DEVICES.systems if system.devices}
    assert {system.library for system in PUBLISHED_DEVICES.systems} == used


def test_a_missing_table_is_named_with_the_option_that_mends_it(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"mlperf_tiny\.csv: no such table.*--published"):
        _ = PublishedDevices(tmp_path).systems


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_plain_csv(table: str) -> None:
    with (PUBLISHED_DEVICES.folder / table).open(newline="") as file:
        widths = {len(row) for row in csv.reader(file)}
    assert len(widths) == 1


@pytest.mark.parametrize(
    "table", ["mlperf_tiny.csv", "mlperf_tiny_layers.csv", "stm32h747.csv", "stm32h747_layers.csv"]
)
@pytest.mark.parametrize(
    "damage",
    [lambda c: c.replace(b"network", b"net", 1), lambda c: b"\xff" + c, lambda c: c.replace(b",", b",odd", 40)],
    ids=("column", "bytes", "cells"),
)  # fmt: skip
def test_a_damaged_table_is_named(damage: Callable[[bytes], bytes], table: str, tmp_path: Path) -> None:
    shutil.copytree(PUBLISHED_DEVICES.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / table).write_bytes(damage((tmp_path / table).read_bytes()))
    with pytest.raises(SuiteError, match=r"\.csv: is no table of measurements \("):
        _ = PublishedDevices(tmp_path).systems
