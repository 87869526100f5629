"""Golden costs of the paper's networks and of published architectures (boards: test_boards.py)."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from devices import device
from hypothesis import given, settings
from leftovers import leftover_device
from mlperf_tiny import layer_lists, total_cost
from networks import shaped_networks
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from suite.hardware.costs import HardwareModel
from suite.hardware.layers import WEIGHTED, Layer, LayerTable
from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8

# Weights, MACs, GAP8 cycles; checked with params_no_bias, ops_no_bias, gap8_latency of eml-eda/plinio 3d6b5e0.
REFERENCE_NETWORKS = {
    "ic01": (77_360, 12_501_632, 766_624),
    "kws01": (22_016, 2_656_768, 526_880),
    "vww01": (208_112, 7_489_664, 1_425_728),
    "ad01": (264_192, 264_192, 33_024),
}
# Networks found in arXiv 2206.00302 (ISLPED 2022): channels from eml-eda/multi-constraint-nas, onnx_gen.sh at 4a9843a;
# weights and millions of MACs computed from the layers' shapes.
PUBLISHED = [
    ("vww01", (8, 16, 32, 32, 64, 64, 128, 115, 112, 2, 2, 128, 5, 30), 51_522, 4.56),
    ("vww01", (5, 12, 32, 32, 64, 64, 128, 118, 116, 3, 2, 128, 2, 25), 52_051, 4.11),
    ("vww01", (8, 16, 32, 32, 64, 63, 11, 105, 3, 128, 4, 3, 255, 30), 26_022, 3.40),
    ("vww01", (6, 5, 6, 10, 12, 33, 42, 127, 11, 6, 128, 5, 255, 33), 25_959, 1.34),
    ("vww01", (8, 15, 28, 25, 14, 26, 14, 103, 3, 2, 9, 1, 250, 14), 12_578, 2.14),
    ("vww01", (5, 4, 5, 8, 14, 12, 10, 123, 3, 8, 5, 3, 254, 23), 13_029, 0.81),
    ("ic01", (11, 15, 15, 32, 26, 64, 44), 57_909, 9.68),
    ("ic01", (7, 4, 9, 8, 27, 64, 64), 58_384, 4.97),
    ("ic01", (10, 16, 14, 32, 12, 62, 36), 38_958, 7.52),
    ("ic01", (7, 4, 8, 7, 13, 64, 49), 38_995, 3.44),
    ("ic01", (12, 6, 14, 32, 12, 23, 30), 18_738, 4.31),
    ("ic01", (7, 3, 7, 7, 10, 50, 27), 18_898, 1.96),
]


def test_resnet8_layer_by_layer_on_the_traced_network(gap8: HardwareModel) -> None:
    table = LayerTable.of(trace(ResNet8(), (3, 32, 32)).weighted)
    cycles = gap8.per_layer("latency", table, table.cin, table.cout)
    # order of execution: the shortcut follows its block's second convolution
    expected = [32384, 151296, 151296, 71040, 140160, 9600, 67776, 134592, 8384, 96]
    assert cycles.tolist() == expected
    assert gap8.measure(ResNet8(), (3, 32, 32)) == {
        "weights": 77_360,
        "weights_full": 77_360 + 4 * 346,
        "flash": 88_674,
        "macs": 12_501_632,
        "ram": 49_152,
        "latency": 766_624,
    }


@pytest.mark.parametrize("name", REFERENCE_NETWORKS)
def test_reference_networks_of_mlperf_tiny(name: str, gap8: HardwareModel) -> None:
    costs = tuple(total_cost(gap8, layer_lists()[name], metric) for metric in ("weights", "macs", "latency"))
    assert costs == REFERENCE_NETWORKS[name]


@pytest.mark.parametrize(("name", "channels", "weights", "mmacs"), PUBLISHED)
def test_published_architectures(
    name: str,
    channels: tuple[int, ...],
    weights: int,
    mmacs: float,
    gap8: HardwareModel,
) -> None:
    resize = _resize_mobilenet if name == "vww01" else _resize_resnet8
    layers = resize([x for x in layer_lists()[name] if x.kind in WEIGHTED], channels)
    assert total_cost(gap8, layers, "weights") == weights
    assert total_cost(gap8, layers, "macs") / 1e6 == pytest.approx(mmacs, abs=0.005)


def _with(layer: Layer, cin: int, cout: int) -> Layer:
    return replace(layer, in_channels=cin, channels=cout)


def _resize_mobilenet(layers: Sequence[Layer], channels: tuple[int, ...]) -> list[Layer]:
    """Stem and 13 pointwise outputs; a depthwise convolution follows its input."""
    widths, cin, result = list(channels), 3, []
    for layer in layers:
        cout = cin if layer.kind == "depthwise" else 2 if layer.kind == "linear" else widths.pop(0)
        result.append(_with(layer, cin, cout))
        cin = cout
    return result


def _resize_resnet8(layers: Sequence[Layer], channels: tuple[int, ...]) -> list[Layer]:
    """conv0, then both convolutions of each block; shortcuts follow the second one."""
    c0, a0, b0, a1, b1, a2, b2 = channels
    pairs = [(3, c0), (c0, a0), (a0, b0), (b0, a1), (a1, b1), (b0, b1), (b1, a2), (a2, b2), (b1, b2), (b2, 10)]
    return [_with(layer, *pair) for layer, pair in zip(layers, pairs, strict=True)]


@settings(max_examples=30, deadline=None)
@given(example=shaped_networks())
def test_macs_are_half_the_flops_that_torch_counts(example: tuple[nn.Module, tuple[int, ...]]) -> None:
    network, shape = example
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, *shape))
    assert counter.get_total_flops() == 2 * device("gap8").measure(network, shape)["macs"]


@pytest.mark.parametrize("name", ["gap8", "nucleo_l4r5zi", "cortex_m4_cmsisnn"])
def test_a_depthwise_convolution_of_one_channel_costs_what_a_standard_one_does(name: str) -> None:
    """torch does not tell them apart, so that a thinned network is priced as if traced anew."""
    hardware, one = device(name), torch.tensor([1])
    size = (8, 8)
    depthwise = Layer("x", "depthwise", (), 4, size, 4, size, (3, 3), padding=(1,) * 4, bias=True)
    for metric in hardware.units.keys() - {"ram"}:
        costs = [
            hardware.per_layer(metric, LayerTable.of([layer]), counts, counts).item()
            for layer in (depthwise, replace(depthwise, kind="conv"))
            for counts in (one, one.double())
        ]
        assert costs == [costs[0]] * 4


def test_costs_of_a_sequence_network_by_hand(gap8: HardwareModel) -> None:
    """Cycles of a (1, 6) map of 8 channels: one tile, 2 K Cin + 2 quads x (15 + 14 ceil(K Cin / 4))."""
    network = nn.Sequential(nn.Conv1d(4, 8, 3), nn.ReLU(), nn.Conv1d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(32, 2))
    costs = gap8.measure(network, (4, 8))
    assert {metric: cost for metric, cost in costs.items() if metric != "flash"} == {
        "weights": 96 + 24 + 64,
        "weights_full": 184 + 4 * 18,
        "macs": 96 * 6 + 24 * 4 + 64,
        "ram": 48 + 32,  # 8 x 6 with the input, 4 x 8, before it and 8 x 4 after it
        "latency": (2 * 12 + 2 * (15 + 14 * 3)) + 4 * 2 * 4 * 3 + 16 * 1,
    }


def test_gap8_has_no_clock_so_its_latency_is_in_cycles(gap8: HardwareModel) -> None:
    assert gap8.units["latency"] == "cycles"
    assert "energy" not in gap8.units


def test_relaxed_costs_carry_the_golden_gradients(gap8: HardwareModel) -> None:
    """d cost / d width of the full ResNet8, measured with PLiNIO 3d6b5e0 (discrete cost, unit-slope ceiling)."""
    from suite.space.width_space import WidthSpace

    as_published = HardwareModel(replace(gap8.device, ceil_slope="unit"))
    space = WidthSpace(trace(ResNet8(), (3, 32, 32)), as_published)
    counts = torch.tensor(space.full, dtype=torch.float64, requires_grad=True)
    golden = {
        "weights": [635, 288, 432, 944, 864, 618],
        "latency": [92096, 66624, 24720, 26544, 12228, 8635],
    }
    for metric, cost in space.relaxed(counts, golden).items():
        (gradient,) = torch.autograd.grad(cost, counts, retain_graph=True)
        assert [gradient[i].item() for i in space.free] == golden[metric]


def test_energy_is_power_times_latency_and_falls_with_it() -> None:
    board = leftover_device()
    costs = board.measure(ResNet8(), (3, 32, 32))
    assert costs["energy"] == pytest.approx(costs["latency"] * 0.010), "10 mW"
    assert set(board.non_monotone) == {"ram", "flash", "latency", "energy"}


def test_on_a_monotone_device_ram_and_the_file_alone_may_fall(gap8: HardwareModel) -> None:
    assert gap8.device.monotone
    assert set(gap8.non_monotone) <= {"ram", "flash"}


def test_a_ceilings_mean_slope_is_that_of_its_steps(gap8: HardwareModel) -> None:
    """Four outputs more are one group of four more: the slope of one is a quarter of their cycles."""
    table = LayerTable.of([Layer("x", "linear", (), 8, in_channels=16)])
    device = replace(gap8.device, ceil_slope="mean")
    cout = table.cout.double().requires_grad_()
    (slope,) = torch.autograd.grad(device.layer_cycles(table, table.cin.double(), cout).sum(), cout)
    cycles = [float(device.layer_cycles(table, table.cin, torch.tensor([n])).sum()) for n in (8, 12)]
    assert slope.item() == pytest.approx((cycles[1] - cycles[0]) / 4)


def test_of_a_boards_coefficients_the_cycles_of_a_mac_alone_must_be_more_than_0() -> None:
    board = device("nucleo_l4r5zi").device
    for free in ("conv_output", "depthwise", "linear"):
        assert getattr(replace(board, **{free: 0.0}), free) == 0
    with pytest.raises(ValueError, match=r"device\.cycles_per_mac=0\.0: must be more than 0"):
        replace(board, cycles_per_mac=0.0)
