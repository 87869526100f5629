"""The tracer: what it knows it lists, what it does not know it names."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from networks import shaped_networks
from torch import Tensor, nn

from suite import SuiteError
from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8


def test_every_weight_of_resnet8_is_in_the_layer_list() -> None:
    network = ResNet8()
    traced = trace(network, (3, 32, 32))
    listed = {layer.name for layer in traced.weighted}
    assert listed == {n for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert traced.output.name == "fc"
    assert traced.by_name["block2.conv1"].size == (16, 16)
    assert traced.by_name["block2.conv1"].inputs == ("relu_2",)


@settings(max_examples=30, deadline=None)
@given(example=shaped_networks())
def test_random_networks_trace_and_count_all_weights(example: tuple[nn.Module, tuple[int, ...]]) -> None:
    network, shape = example
    traced = trace(network, shape)
    weights = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear))
    listed = sum(
        (1 if x.kind == "depthwise" else x.in_channels // x.groups) * x.channels * x.kernel[0] * x.kernel[1]
        for x in traced.weighted
    )
    assert listed == weights


def test_tracing_leaves_the_network_as_it_was() -> None:
    network = ResNet8().train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    trace(network, (3, 32, 32))
    assert network.training
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def _network(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2))


class _Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * 2


class _Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class _Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv(x))


class _AddsConstant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + 1


class _TwoOutputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.fc(x), x


class _SpreadNorm(nn.Module):
    """A convolution whose output is used before and after batch norm: it cannot be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.bn = nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.bn(y) + y


class _Joins(nn.Module):
    """`join` of the input and a convolution of the same shape."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.join = join
        self.conv = nn.Conv1d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x, self.conv(x))


class _Spatial(nn.Module):
    """`operation` on the map of a convolution."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.operation = operation
        self.conv = nn.Conv2d(2, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.operation(self.conv(x))


@pytest.mark.parametrize(
    ("network", "shape", "named"),
    [
        (_Scaled(), (1, 8, 8), "mul"),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.Softplus()), (2, 8, 8), "Softplus"),
        (nn.Sequential(nn.ConvTranspose2d(2, 4, 3)), (2, 8, 8), "ConvTranspose2d"),
        (nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect")), (2, 8, 8), "reflect"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2)), (2, 8, 8), "batch norm"),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, momentum=None)), (2, 8, 8), "with a momentum"),
        (nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4, track_running_stats=False)), (8,), "running statistics"),
        (nn.Sequential(nn.Linear(8, 4)), (2, 8, 8), "more than one axis"),
        (_Branching(), (4,), "cannot be traced"),
        (_Shared(), (2, 8, 8), "called twice"),
        (_AddsConstant(), (2, 8, 8), "add"),
        (_TwoOutputs(), (4,), "one tensor"),
        (_SpreadNorm(), (2, 8, 8), "other users"),
        (ResNet8(), (4, 32, 32), "cannot be traced"),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.Upsample(scale_factor=2, mode="bilinear")), (2, 8, 8), "mode=bilinear"),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.Upsample(size=10)), (2, 8, 8), "6.* to .*10.*a whole number"),
        (
            _Spatial(lambda x: x.view(x.size(0), 2, 1, 6, 6).transpose(1, 2).reshape(x.size(0), 2, 6, 6)),
            (2, 8, 8),
            "leaves 5 axes.*shuffle",
        ),
        (_Spatial(lambda x: x + x.size(0)), (2, 8, 8), "add .*two tensors"),
        (_Spatial(lambda x: x * x.shape[0]), (2, 8, 8), "mul .*two tensors"),
        (_Spatial(lambda x: x * x), (2, 8, 8), "mul .*two tensors"),
        (_Spatial(lambda x: x * x.mean([2, 3])[:, :, None, None]), (2, 8, 8), "getitem"),
        (nn.Sequential(nn.Conv1d(2, 4, 3, padding=1, padding_mode="circular")), (2, 8), "circular"),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.AdaptiveAvgPool2d(4)), (2, 8, 8), r"\(6, 6\) to \(4, 4\).*divide"),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.Linear(6, 2)), (2, 8), "more than one axis"),
        (nn.Sequential(nn.Conv1d(2, 2, 3), nn.MaxPool2d(2)), (2, 8), "MaxPool2d.* 3 axes"),
        (nn.Sequential(nn.Flatten(), nn.AvgPool1d(2)), (2, 8), "AvgPool1d.* 2 axes"),
        (nn.Sequential(nn.Conv2d(2, 2, 3)), (8, 8), "Conv2d.* 3 axes"),
        (_Spatial(lambda x: x.flatten(2)), (2, 8, 8), "leaves 3 axes"),
        (_Spatial(lambda x: x.flatten(1, 2)), (2, 8, 8), "leaves 3 axes"),
        (_Spatial(lambda x: x.mean(3)), (2, 8, 8), "mean"),
        (_Spatial(lambda x: torch.mean(x, 1)), (2, 8, 8), "mean"),
        (_Spatial(lambda x: F.avg_pool2d(x, x.shape[2:])), (2, 8, 8), "kernel_size computed.*adaptive_avg_pool2d"),
        (_Spatial(lambda x: F.max_pool2d(x, (2, x.size(3)))), (2, 8, 8), "kernel_size computed"),
        (_Joins(lambda x, y: torch.cat([x, y], 2)), (2, 8), "concat .*along axis 2"),
        (_Joins(lambda x, y: torch.cat([x, y])), (2, 8), "concat .*along axis 0"),
        (_Joins(lambda x, y: torch.stack([x, y], 1)), (2, 8), "stack"),
        (nn.Sequential(_Joins(lambda x, y: torch.cat([x, y], 1)), nn.BatchNorm1d(4)), (2, 8), "batch norm.*concat"),
    ],
)
def test_what_has_no_cost_model_is_named(network: nn.Module, shape: tuple[int, ...], named: str) -> None:
    with pytest.raises(SuiteError, match=named):
        trace(network, shape)


def test_dropout_and_identity_cost_nothing_and_break_no_fusion() -> None:
    network = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.Dropout(), nn.BatchNorm2d(4), nn.Identity(), nn.ReLU())
    traced = trace(network, (2, 8, 8))
    assert [x.kind for x in traced.layers] == ["input", "conv", "batch_norm", "activation"]
    assert [x.fused for x in traced.layers] == [False, False, True, True]
    assert traced.by_name["0"].bias


def test_a_concatenation_lists_its_parts_in_order_and_has_a_buffer_of_its_own() -> None:
    joins = [
        lambda x, y: torch.cat([x, y, y], 1),
        lambda x, y: torch.concat((x, y, y), dim=-2),
        lambda x, y: torch.concatenate(tensors=[x, y, y], axis=1),
    ]
    for join in joins:
        traced = trace(nn.Sequential(_Joins(join), nn.ReLU()), (2, 8))
        name = traced.layers[2].name
        assert traced.by_name[name].inputs == (traced.layers[0].name, "0.conv", "0.conv")
        assert (traced.by_name[name].channels, traced.by_name[name].size) == (6, (1, 8))
        assert [x.fused for x in traced.layers] == [False] * 4  # TFLM's concatenation takes no activation


def test_features_of_two_axes_can_be_joined() -> None:
    class Wide(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self[0](x), self[1](x)], dim=-1)

    traced = trace(Wide(nn.Linear(4, 2), nn.Linear(4, 3)), (4,))
    assert (traced.output.kind, traced.output.channels, traced.output.size) == ("concat", 5, (1, 1))


def test_a_sequence_is_a_map_of_height_one() -> None:
    network = nn.Sequential(
        nn.Conv1d(3, 6, 5, stride=2), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout1d(), nn.MaxPool1d(2),
        nn.Conv1d(6, 6, 3, groups=6), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 2),
    )  # fmt: skip
    traced = trace(network, (3, 33))
    stem, depthwise, _ = traced.weighted
    assert (stem.kernel, stem.stride, stem.size, stem.bias) == ((1, 5), (1, 2), (1, 15), True)
    assert (depthwise.kind, depthwise.kernel, depthwise.size) == ("depthwise", (1, 3), (1, 5))
    assert traced.by_name["2"].fused


@pytest.mark.parametrize(
    "mean", [lambda x: x.mean(-1), lambda x: x.mean([2]), lambda x: torch.mean(x, dim=2), lambda x: x.mean(2, True)]
)
def test_mean_over_a_sequence_is_a_pool(mean: Callable[[Tensor], Tensor]) -> None:
    traced = trace(_Joins(lambda x, y: mean(y)), (2, 8))
    assert (traced.output.kind, traced.output.channels, traced.output.size) == ("mean", 2, (1, 1))


def test_an_error_without_a_text_is_named_by_its_kind() -> None:
    def fails(x: Tensor, y: Tensor) -> Tensor:
        raise ValueError

    with pytest.raises(SuiteError, match=r"cannot be traced for an input of shape \(2, 8\): ValueError"):
        trace(_Joins(fails), (2, 8))


@pytest.mark.parametrize("shape", [(1, 10**5, 10**5), (10**400,), (0, 8), (-1,), (1.5,), ("8",)])
def test_an_input_that_no_memory_holds_is_refused(shape: tuple[Any, ...]) -> None:
    with pytest.raises(SuiteError, match=r"an input of shape .*: expected whole numbers above 0"):
        trace(nn.Flatten(), shape)
