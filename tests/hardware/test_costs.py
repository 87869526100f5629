"""Golden costs of the paper's networks, of published architectures and of measured boards."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from devices import device
from hypothesis import given, settings
from networks import shaped_networks
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from suite.hardware.costs import HardwareModel
from suite.hardware.latency import KernelLibrary
from suite.hardware.layers import Layer, LayerTable, Network
from suite.hardware.ram import Buffer, buffers, peak_bytes
from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8

SEEDS = {  # weights, MACs, GAP8 cycles: paper section 1.6
    "ic01": (77_360, 12_501_632, 766_624),
    "kws01": (22_016, 2_656_768, 526_880),
    "vww01": (208_112, 7_489_664, 1_425_728),
    "ad01": (264_192, 264_192, 33_024),
}
PUBLISHED = [  # ISLPED'22 architectures: channels, weights, MACs in millions (paper section 2)
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

BOARDS = [
    "nucleo_l4r5zi", "nucleo_l4r5zi_cmsisnn", "nucleo_h7a3zi", "nucleo_u575zi",
    "nrf5340dk", "nucleo_u385rg", "nucleo_l4r5zi_xcube9", "disco_f746ng", "nucleo_g0b1re",
]  # fmt: skip


def _layers(raw: list[dict[str, Any]]) -> list[Layer]:
    kinds = {"conv": "conv", "pw": "conv", "dw": "depthwise", "fc": "linear"}
    result = []
    for i, x in enumerate(raw):
        size = (x["out"][1], x["out"][2]) if len(x["out"]) == 4 else (1, 1)
        kernel = tuple(x.get("k", (1, 1)))
        result.append(Layer(str(i), kinds[x["kind"]], (), x["cout"], size, x["cin"], kernel, bias=True))
    return result


@pytest.fixture(scope="module")
def layer_lists(packs: Path) -> dict[str, list[Layer]]:
    raw = json.loads((packs / "devices" / "mlperf_tiny_layers.json").read_text())
    return {name: _layers(layers) for name, layers in raw.items()}


def _cost(hardware: HardwareModel, layers: list[Layer], metric: str) -> float:
    table = LayerTable.of(layers)
    return float(hardware.per_layer(metric, table, table.cin, table.cout).sum())


def test_resnet8_layer_by_layer_on_the_traced_network(gap8: HardwareModel) -> None:
    table = LayerTable.of(trace(ResNet8(), (3, 32, 32)).weighted)
    cycles = gap8.per_layer("latency", table, table.cin, table.cout)
    # order of execution: the shortcut follows its block's second convolution
    expected = [32384, 151296, 151296, 71040, 140160, 9600, 67776, 134592, 8384, 96]
    assert cycles.tolist() == expected
    assert gap8.measure(ResNet8(), (3, 32, 32)) == {
        "weights": 77_360,
        "weights_full": 77_360 + 4 * 346,
        "macs": 12_501_632,
        "ram": 49_152,
        "latency": 766_624,
    }


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_of_mlperf_tiny_on_layer_lists(
    name: str, layer_lists: dict[str, list[Layer]], gap8: HardwareModel
) -> None:
    layers = layer_lists[name]
    costs = tuple(_cost(gap8, layers, metric) for metric in ("weights", "macs", "latency"))
    assert costs == SEEDS[name]


@pytest.mark.parametrize(("name", "channels", "weights", "mmacs"), PUBLISHED)
def test_published_architectures(
    name: str,
    channels: tuple[int, ...],
    weights: int,
    mmacs: float,
    layer_lists: dict[str, list[Layer]],
    gap8: HardwareModel,
) -> None:
    resize = _resize_mobilenet if name == "vww01" else _resize_resnet8
    layers = resize(layer_lists[name], channels)
    assert _cost(gap8, layers, "weights") == weights
    assert _cost(gap8, layers, "macs") / 1e6 == pytest.approx(mmacs, abs=0.005)


def _with(layer: Layer, cin: int, cout: int) -> Layer:
    return Layer(layer.name, layer.kind, (), cout, layer.size, cin, layer.kernel)


def _resize_mobilenet(layers: list[Layer], channels: tuple[int, ...]) -> list[Layer]:
    """Stem and 13 pointwise outputs; a depthwise convolution follows its input."""
    widths, cin, result = list(channels), 3, []
    for layer in layers:
        cout = cin if layer.kind == "depthwise" else 2 if layer.kind == "linear" else widths.pop(0)
        result.append(_with(layer, cin, cout))
        cin = cout
    return result


def _resize_resnet8(layers: list[Layer], channels: tuple[int, ...]) -> list[Layer]:
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


def test_costs_of_a_sequence_network_by_hand(gap8: HardwareModel) -> None:
    """Cycles of a (1, 6) map of 8 channels: one tile, 2 K Cin + 2 quads x (15 + 14 ceil(K Cin / 4))."""
    network = nn.Sequential(nn.Conv1d(4, 8, 3), nn.ReLU(), nn.Conv1d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(32, 2))
    assert gap8.measure(network, (4, 8)) == {
        "weights": 96 + 24 + 64,
        "weights_full": 184 + 4 * 18,
        "macs": 96 * 6 + 24 * 4 + 64,
        "ram": 48 + 32,  # 8 x 6 with the input, 4 x 8, before it and 8 x 4 after it
        "latency": (2 * 12 + 2 * (15 + 14 * 3)) + 4 * 2 * 4 * 3 + 16 * 1,
    }


def _golden(packs: Path, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A fitted board, and which layer list stands for each network: some tools drop the dead channels of vww01."""
    models = json.loads((packs / "devices" / "device_models.json").read_text())
    golden = next(m for m in models if m["name"] == name)
    lists = {network: network for network in golden["measured_ms"]}
    if golden["vww"].startswith("live"):
        lists["vww01"] = "vww01_live"
    return golden, lists


@pytest.mark.parametrize("name", BOARDS)
def test_board_latencies_equal_the_fitted_predictions(
    name: str, packs: Path, layer_lists: dict[str, list[Layer]]
) -> None:
    golden, lists = _golden(packs, name)
    board = device(name)
    assert board.units["latency"] == "s"
    for network, layers in lists.items():
        milliseconds = _cost(board, layer_lists[layers], "latency") * 1e3
        assert milliseconds == pytest.approx(golden["predicted_ms"][network], rel=1e-3)
        error = milliseconds / golden["measured_ms"][network] - 1
        assert 100 * error == pytest.approx(golden["error_pct"][network], abs=0.06)


@pytest.mark.parametrize("name", BOARDS)
def test_board_energies_have_the_published_errors(name: str, packs: Path, layer_lists: dict[str, list[Layer]]) -> None:
    golden, lists = _golden(packs, name)
    board = device(name)
    assert ("energy" in board.units) == (golden["power_mw"] is not None)
    for network, microjoules in golden["measured_uj"].items():
        error = _cost(board, layer_lists[lists[network]], "energy") * 1e6 / microjoules - 1
        rounding = 0.06 + 0.5 / golden["power_mw"]  # power in hundredths of a mW
        assert 100 * error == pytest.approx(golden["energy_error_pct"][network], abs=rounding)


@pytest.mark.parametrize("name", BOARDS)
def test_board_facts_are_those_of_the_table(name: str, packs: Path) -> None:
    golden, _ = _golden(packs, name)
    board = device(name).device
    assert isinstance(board, KernelLibrary)
    for key in ("name", "clock_mhz", "power_mw", "ram_kib", "flash_kib", "software"):
        assert getattr(board, key) == golden[key]
    assert board.source == f"fitted on {golden['source']}"


def test_boards_of_one_kernel_library_share_their_ratios() -> None:
    families = [
        ("nucleo_l4r5zi", "nucleo_h7a3zi", "nucleo_u575zi"),
        ("nucleo_l4r5zi_cmsisnn", "nrf5340dk"),
        ("nucleo_l4r5zi_xcube9", "nucleo_u385rg"),
    ]
    for family in families:
        boards = [device(name).device for name in family]
        assert len({(b.conv_output, b.depthwise, b.linear) for b in boards if isinstance(b, KernelLibrary)}) == 1


def test_gap8_has_no_clock_so_its_latency_is_in_cycles(gap8: HardwareModel) -> None:
    assert gap8.units["latency"] == "cycles"
    assert "energy" not in gap8.units


def test_relaxed_costs_carry_the_golden_gradients(gap8: HardwareModel) -> None:
    """d cost / d width of the full ResNet8, measured with PLiNIO (paper section 5.1, unit-slope ceiling)."""
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


class TestRam:
    """TFLM's greedy plan; golden arenas of the official int8 models (peers section 7.6)."""

    def test_resnet8_needs_three_maps(self) -> None:
        assert peak_bytes(buffers(trace(ResNet8(), (3, 32, 32)))) == 49_152

    def test_chain_of_depthwise_blocks_fragments(self) -> None:
        """MobileNet's first blocks: the live set is 55,296 B, TFLM's plan needs 73,728 B."""
        sizes = [27_648, 18_432, 18_432, 36_864, 9_216, 18_432, 18_432, 18_432]
        chain = [Buffer(size, i, i + 1) for i, size in enumerate(sizes)]
        assert peak_bytes(chain) == 73_728
        assert max(a + b for a, b in pairwise(sizes)) == 55_296

    def test_a_smaller_network_can_need_more(self) -> None:
        def chain(sizes: list[int]) -> list[Buffer]:
            return [Buffer(size, i, i + 1) for i, size in enumerate(sizes)]

        assert peak_bytes(chain([128, 96, 64, 64])) == 224
        assert peak_bytes(chain([112, 96, 64, 64])) == 272

    def test_buffers_are_aligned(self) -> None:
        assert peak_bytes([Buffer(1, 0, 1), Buffer(17, 1, 1)]) == 48

    def test_tensors_that_never_live_together_share_an_address(self) -> None:
        assert peak_bytes([Buffer(64, 0, 1), Buffer(64, 2, 3), Buffer(32, 1, 2)]) == 96

    def test_planned_tensors_never_overlap(self) -> None:
        network = Network(trace(ResNet8(), (3, 32, 32)).layers)
        tensors = buffers(network)
        live = max(sum(t.size for t in tensors if t.first <= step <= t.last) for step in range(20))
        assert peak_bytes(tensors) >= live
