"""Bytes of single layers: input, output and weights, by hand and on MobileNet."""

import pytest
import torch
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from masked_networks import export
from networks import shaped_networks
from torch import nn

from suite.dnas.layer_targets import LayerSpace
from suite.dnas.masks import MaskedNetwork
from suite.hardware.layer_memory import LayerMemory, choose_memory_level
from suite.hardware.trace import trace
from suite.models.mobilenet_v1 import MobileNetV1


def _sizes(network: nn.Module, shape: tuple[int, ...]) -> dict[str, int]:
    memory = LayerMemory.of(trace(network, shape))
    return dict(zip(memory.names, memory.bytes(memory.table.cin, memory.table.cout).tolist(), strict=True))


def test_layers_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(),  # 9x9 -> 4x4: input size is not output size x stride
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU(),
        nn.Conv2d(8, 5, 1, bias=False), nn.BatchNorm2d(5), nn.ReLU(),
        nn.Flatten(), nn.Linear(80, 6), nn.ReLU(), nn.Linear(6, 2),
    )  # fmt: skip
    assert _sizes(network, (3, 9, 9)) == {
        "0": 3 * 81 + 8 * 16 + 8 * 3 * 9,
        "2": 8 * 16 + 8 * 16 + 8 * 9,
        "4": 8 * 16 + 5 * 16 + 8 * 5,
        "8": 80 + 6 + 80 * 6,
        "10": 6 + 2 + 6 * 2,
    }


def test_a_sum_and_pooling_stand_between_layers_with_their_own_sizes() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(2, 4, 1)
            self.pool = nn.MaxPool2d(2)
            self.c = nn.Conv2d(4, 3, 3, padding=1)
            self.fc = nn.Linear(48, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.c(self.pool(torch.relu(self.a(x) + self.b(x)))).flatten(1))

    assert _sizes(Net(), (2, 8, 8)) == {
        "a": 2 * 64 + 4 * 64 + 72, "b": 2 * 64 + 4 * 64 + 8, "c": 4 * 16 + 3 * 16 + 108, "fc": 48 + 2 + 96
    }  # fmt: skip


def test_four_layers_of_mobilenet_exceed_gap8s_l1() -> None:
    sizes = _sizes(MobileNetV1(), (3, 96, 96))
    assert len(sizes) == 28
    assert {name: size for name, size in sizes.items() if size > 44_000} == {
        "stem": 46_296,  # 96x96x3 in, 48x48x8 out, 216 weights
        "blocks.0.pointwise": 55_424,  # 48x48x8, 48x48x16, 128
        "blocks.1.depthwise": 46_224,  # 48x48x16, 24x24x16, 144
        "blocks.12.pointwise": 70_144,  # 3x3x256 twice, 65,536
    }
    assert max(sizes.values()) < 400_000


def test_an_output_of_a_grouped_convolution_has_weights_for_its_group_alone() -> None:
    network = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1, groups=2), nn.Flatten(), nn.Linear(96, 2))
    assert _sizes(network, (8, 4, 4))["0"] == 8 * 16 + 6 * 16 + 6 * 4 * 9


@settings(max_examples=60)
@given(example=shaped_networks(), seed=st.integers(0, 9999))
def test_relaxed_memory_at_binary_masks_equals_that_of_the_exported_network(
    example: tuple[nn.Module, tuple[int, ...]], seed: int
) -> None:
    network, shape = example
    layers = trace(network, shape)
    space = LayerSpace(layers, device("gap8"))
    masked = MaskedNetwork(network, layers, space.groups)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        masked.masks.alpha[torch.rand(len(masked.masks.alpha), generator=generator) < 0.5] = 0.2
    expected = {f"memory/{name}": size for name, size in _sizes(export(masked), shape).items()}
    relaxed = space.relaxed(masked.counts, [*expected, "weights"])
    assert {metric: cost.item() for metric, cost in relaxed.items() if metric != "weights"} == expected
    exact = space.exact(masked.widths())
    assert {metric: exact[metric] for metric in expected} == expected
    assert exact["weights"] == relaxed["weights"].item()


def test_slopes_reach_input_and_output_channels() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip
    space = LayerSpace(trace(network, (1, 8, 8)), device("gap8"))
    counts = torch.tensor(space.full, dtype=torch.float64, requires_grad=True)
    space.relaxed(counts, ["memory/2"])["memory/2"].backward()
    slopes = dict(zip(space.groups.names, counts.grad.tolist(), strict=True))
    assert (slopes["0"], slopes["2"]) == (64 + 36, 16 + 54)  # of the 8x8 input, of the 4x4 output, and of the weights
    assert sum(slopes.values()) == 100 + 70


@pytest.mark.parametrize(
    ("size", "tolerance", "level"),
    [
        (10_000, 0.3, 44_000),
        (44_000, 0.0, 400_000),
        (44_000, 0.1, 44_000),
        (57_199, 0.3, 44_000),
        (57_200, 0.3, 400_000),  # the paper's slip would draw this line at 45,320
        (70_144, 0.6, 44_000),
        (519_999, 0.3, 400_000),
        (520_000, 0.3, None),
    ],
)
def test_a_layer_belongs_to_the_smallest_level_that_it_exceeds_by_little(
    size: int, tolerance: float, level: int | None
) -> None:
    assert choose_memory_level(size, [44_000, 400_000], tolerance) == level
