"""Latency from counted instructions: whole networks on real boards, relaxed counts, and channels that cost nothing."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from checkout import CONF, ROOT
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from mlperf_tiny import PUBLISHED_DEVICES, layer_lists, total_cost
from networks import shaped_networks
from torch import nn

from suite.hardware.calibration.measurements import MeasuredSystem
from suite.hardware.calibration.tables import systems_of
from suite.hardware.calibration.validation import compare
from suite.hardware.costs import HardwareModel
from suite.hardware.counted_kernels import CountedKernels
from suite.hardware.layers import WEIGHTED, Layer, LayerTable, Network
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.space.width_space import WidthSpace

DEVICES = ("cortex_m4_cmsisnn", "cortex_m33_cmsisnn", "cortex_m7_cmsisnn")
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "ic01": (ResNet8, (3, 32, 32)),
    "kws01": (DsCnn, (1, 49, 10)),
    "vww01": (MobileNetV1, (3, 96, 96)),
    "ad01": (Autoencoder, (640,)),
}
"""The networks of MLPerf Tiny with all their operators."""
MEASURED = {
    "cortex_m4_cmsisnn": ("nucleo_l4r5zi_cmsisnn", (0.7, -1.9, 1.1, -1.1)),
    "cortex_m33_cmsisnn": ("nrf5340dk", (0.1, 3.7, 5.9, 9.6)),
}
"""Device -> a board with this core and CMSIS-NN, and errors in percent there that are to be had without a fit."""


def _system(name: str) -> MeasuredSystem:
    """The published measurements of the board."""
    (system,) = systems_of(name, PUBLISHED_DEVICES.systems)
    assert MEASURED[name][0] in system.devices
    return system


def _counted(name: str = "cortex_m4_cmsisnn", **changes: Any) -> CountedKernels:
    board = device(name).device
    assert isinstance(board, CountedKernels)
    return replace(board, **changes)


def _trace(name: str) -> Network:
    factory, shape = NETWORKS[name]
    return trace(factory(), shape)


def _errors(name: str) -> list[float]:
    """Percent on MLPerf Tiny's own files, which TensorFlow's converter wrote."""
    return [100 * c.error for c in compare(_counted(name), _system(name), PUBLISHED_DEVICES.systems)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_traced_networks_are_those_that_were_measured(name: str) -> None:
    def shapes(layers: tuple[Layer, ...]) -> list[tuple[Any, ...]]:
        return sorted((x.kind, x.kernel, x.in_channels, x.channels, x.size) for x in layers)

    assert shapes(_trace(name).weighted) == shapes(tuple(x for x in layer_lists()[name] if x.kind in WEIGHTED))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_published_lists_of_layers_cost_what_the_traced_networks_do(name: str) -> None:
    """All operators included; but for DS-CNN's pool, whose window of 24x5 in MLPerf Tiny's file is 25x5 here."""
    hardware = HardwareModel(_counted())
    listed = total_cost(hardware, layer_lists()[name], "latency")
    assert listed == pytest.approx(hardware.exact(_trace(name))["latency"], rel=1e-3 if name == "kws01" else 1e-12)


@pytest.mark.parametrize("name", MEASURED)
def test_networks_are_predicted_without_any_calibration_on_them(name: str) -> None:
    assert [network.name for network in _system(name).networks] == list(NETWORKS)
    assert _system(name).clock_mhz == _counted(name).clock_mhz
    assert _errors(name) == pytest.approx(MEASURED[name][1], abs=0.5)


@pytest.mark.parametrize("name", MEASURED)
def test_the_first_line_of_a_devices_file_states_its_errors(name: str) -> None:
    first = (CONF / "device" / f"{name}.yaml").read_text().splitlines()[0]
    assert first.endswith(": " + "/".join(f"{error:+.1f}" for error in _errors(name)) + " %")


@pytest.mark.parametrize("name", MEASURED)
def test_the_guide_states_the_same_errors(name: str) -> None:
    *first, last = (f"{error:+.1f}" for error in _errors(name))
    page = " ".join((ROOT / "docs" / "devices.md").read_text().split())
    assert f"{', '.join(first)} and {last} %" in page


@pytest.mark.parametrize("name", DEVICES)
def test_cycles_of_an_instruction_are_the_mean_of_the_systems_that_are_used(name: str) -> None:
    core = _counted(name).board.split()[0]
    rows = [row for row in PUBLISHED_DEVICES.rows("cmsisnn_cycles.csv") if row["core"] == core]
    used = [float(r["cycles_r05"]) for r in rows if r["used"] == "yes"]
    assert _counted(name).cycles_per_instruction == pytest.approx(statistics.fmean(used), abs=0.006)
    assert _counted(name).weight_read == 0.5
    sources = {row["source"] for row in rows if row["used"] == "yes"}
    assert name not in MEASURED or not sources & {n.source.rsplit("/", 3)[0] for n in _system(name).networks}


def test_the_three_devices_share_one_law() -> None:
    first, *others = (_counted(name).law for name in DEVICES)
    assert all(law == first for law in others)


def _conv(kernel: int, map_size: int = 8, kind: str = "conv") -> LayerTable:
    size, pad = (map_size, map_size), (kernel // 2,) * 4
    return LayerTable.of([Layer("x", kind, (), 1, size, 1, size, (kernel, kernel), padding=pad)])  # type: ignore[arg-type]


def _cycles(table: LayerTable, cin: int, cout: int, **changes: Any) -> float:
    return float(_counted(**changes).layer_cycles(table, torch.tensor([cin]), torch.tensor([cout])))


@pytest.mark.parametrize(("thin", "wide"), [(31, 32), (15, 16), (63, 64), (28, 32), (13, 16)])
def test_inputs_of_a_1x1_convolution_come_in_groups_of_16(thin: int, wide: int) -> None:
    table = _conv(1)
    assert _cycles(table, thin, 32) > (1 if thin % 4 else 0.97) * _cycles(table, wide, 32)


@pytest.mark.parametrize("cout", [3, 5, 17, 33])
def test_outputs_of_a_1x1_convolution_come_in_pairs(cout: int) -> None:
    table = _conv(1)
    assert _cycles(table, 32, cout) > _cycles(table, 32, cout + 1)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("channels", [3, 7, 15, 31])
def test_channels_of_a_depthwise_convolution_come_in_fours(kernel: int, channels: int) -> None:
    table = _conv(kernel, kind="depthwise")
    assert _cycles(table, channels, channels) > _cycles(table, channels + 1, channels + 1)


def test_a_convolution_of_one_input_channel_is_a_depthwise_one_after_export() -> None:
    """With a multiple of four outputs it is cheap, with another number dear; TensorFlow's converter keeps it."""
    table = _conv(3)
    assert _cycles(table, 1, 63) > 2 * _cycles(table, 1, 64)
    assert _cycles(table, 1, 63, exporter="tensorflow") < _cycles(table, 1, 64, exporter="tensorflow")
    assert _cycles(table, 1, 64) != _cycles(table, 1, 64, exporter="tensorflow")


def test_one_channel_costs_the_same_however_torch_calls_the_layer() -> None:
    """groups=1 makes a depthwise layer that was thinned to one channel a standard one; exported it is depthwise."""
    for kernel in (1, 3, 5):
        assert _cycles(_conv(kernel), 1, 1) == _cycles(_conv(kernel, kind="depthwise"), 1, 1) > 0
        assert _cycles(_conv(kernel), 1, 1) != _cycles(_conv(kernel), 1, 2)


def test_weights_cost_what_is_said_of_them() -> None:
    """Once for each two pixels of a convolution, once in a linear layer, not at all in a depthwise one."""

    def read(table: LayerTable, cin: int, cout: int) -> float:
        extra = _cycles(table, cin, cout, weight_read=1.5) - _cycles(table, cin, cout, weight_read=0.5)
        return extra / _counted().cycles_per_instruction

    linear = LayerTable.of([Layer("x", "linear", (), 1)])
    assert read(_conv(3), 5, 7) == pytest.approx(5 * 7 * 9 * 32)
    assert read(_conv(3, map_size=1), 5, 7) == pytest.approx(5 * 7 * 9)
    assert read(linear, 5, 7) == pytest.approx(5 * 7)
    assert read(_conv(3, kind="depthwise"), 8, 8) == read(_conv(3), 1, 8) == 0


@settings(max_examples=40)
@given(example=shaped_networks(), name=st.sampled_from(DEVICES), data=st.data())
def test_relaxed_latency_at_whole_counts_is_the_exact_one_of_the_thinned_network(
    example: tuple[nn.Module, tuple[int, ...]], name: str, data: st.DataObject
) -> None:
    network, shape = example
    space = WidthSpace(trace(network, shape), device(name))
    widths = tuple(
        n if frozen else data.draw(st.integers(1, n)) for n, frozen in zip(space.full, space.groups.frozen, strict=True)
    )
    counts = torch.tensor(widths, dtype=torch.float64, requires_grad=True)
    relaxed = space.relaxed(counts, ["latency"])["latency"]
    exact = device(name).measure(space.thin(network, widths), shape)["latency"]
    assert relaxed.item() == pytest.approx(space.exact(widths)["latency"], rel=1e-12)
    assert relaxed.item() == pytest.approx(exact, rel=1e-12)
    (slopes,) = torch.autograd.grad(relaxed, counts)
    assert bool((slopes >= 0).all())
    assert all(float(slopes[i]) > 0 for i in space.free)


@pytest.mark.parametrize(
    ("kernel", "kind", "step"), [(1, "conv", 16), (3, "conv", 16), (3, "depthwise", 4), (5, "depthwise", 4)]
)
def test_slopes_are_the_mean_cost_of_a_channel(kernel: int, kind: str, step: int) -> None:
    """Over whole groups of input channels the slope of the middle is the rise, but for what leftovers cost there."""
    table, start = _conv(kernel, kind=kind), 32

    def cycles(channels: torch.Tensor) -> torch.Tensor:
        cout = channels if kind == "depthwise" else torch.full_like(channels, 16)
        return _counted().layer_cycles(table, channels, cout).sum()

    rise = (cycles(torch.tensor([start + step])) - cycles(torch.tensor([start]))) / step
    channels = torch.tensor([start + step], dtype=torch.float64, requires_grad=True)
    cycles(channels).backward()
    assert channels.grad is not None
    assert float(channels.grad) == pytest.approx(float(rise), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cycles_per_instruction": 0.0}, r"cycles_per_instruction=0\.0"),
        ({"weight_read": -0.1}, r"weight_read=-0\.1"),
        ({"exporter": "onnx"}, "exporter=onnx: choices are litert_torch, tensorflow"),
    ],
)
def test_settings_are_checked(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        _counted(**change)


def test_latency_is_not_monotone_and_the_device_says_so() -> None:
    assert not _counted().monotone
    assert device("nucleo_l4r5zi").device.monotone
