"""The tracer: what it knows it lists, what it does not know it names."""

import pytest
import torch
from hypothesis import given, settings
from networks import SHAPE, networks
from torch import Tensor, nn

from suite.errors import SuiteError
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
@given(network=networks())
def test_random_networks_trace_and_count_all_weights(network: nn.Module) -> None:
    traced = trace(network, SHAPE)
    weights = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    listed = sum(
        (1 if x.kind == "depthwise" else x.in_channels) * x.channels * x.kernel[0] * x.kernel[1]
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


@pytest.mark.parametrize(
    ("network", "shape", "named"),
    [
        (_Scaled(), (1, 8, 8), "mul"),
        (nn.Sequential(nn.Conv2d(2, 4, 3, groups=2)), (2, 8, 8), "groups=2"),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.Sigmoid()), (2, 8, 8), "Sigmoid"),
        (nn.Sequential(nn.ConvTranspose2d(2, 4, 3)), (2, 8, 8), "ConvTranspose2d"),
        (nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect")), (2, 8, 8), "reflect"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2)), (2, 8, 8), "batch norm"),
        (nn.Sequential(nn.Linear(8, 4)), (2, 8, 8), "more than one axis"),
        (_Branching(), (4,), "cannot be traced"),
        (_Shared(), (2, 8, 8), "called twice"),
        (_AddsConstant(), (2, 8, 8), "add"),
        (_TwoOutputs(), (4,), "one tensor"),
        (_SpreadNorm(), (2, 8, 8), "other users"),
        (ResNet8(), (4, 32, 32), "cannot be traced"),
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
