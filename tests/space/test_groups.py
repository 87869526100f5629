"""Channel groups of concatenations and sequences: which features belong to which channels."""

import copy

import pytest
import torch
from devices import device
from masked_networks import export
from torch import Tensor, nn

from suite import SuiteError
from suite.dnas.masks import MaskedNetwork
from suite.hardware.trace import trace
from suite.space.groups import Groups, channel_groups
from suite.space.importance import channel_importance
from suite.space.slicing import slice_channels
from suite.space.width_space import WidthSpace


class _Joined(nn.Module):
    """The input and a convolution side by side, a depthwise convolution on both, features: (N, 2, 4, 4) -> (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)
        self.depthwise = nn.Conv2d(5, 5, 3, padding=1, groups=5)
        self.fc = nn.Linear(80, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([x, torch.relu(self.conv(x))], 1)
        return self.fc(self.depthwise(y).flatten(1))


class _Branches(nn.Module):
    """Four branches `a` to `d` of the given widths, then `join`, then a convolution."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(1, width, 1, bias=False) for width in widths)
        with torch.no_grad():
            channels = self.join(*self.branches(torch.zeros(1, 1, 2, 2))).shape[1]
        self.last = nn.Conv2d(channels, 2, 1)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.a(x), self.b(x), self.c(x), self.d(x)

    def join(self, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        return torch.cat([torch.cat([a, b], 1), c, torch.cat([b, d], 1)], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.join(*self.branches(x)))


class _Sums(_Branches):
    def join(self, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        return torch.cat([a, b], 1) + torch.cat([c, d], 1)


class _Reshaped(_Branches):
    """A sum of features of a map and features of a convolution's channels."""

    def forward(self, x: Tensor) -> Tensor:
        a, b, _, _ = self.branches(x)
        return a.flatten(1) + b.mean([2, 3])


def _groups(network: nn.Module, *shape: int) -> Groups:
    return channel_groups(trace(network, shape))


def test_features_of_a_concatenation_belong_to_the_channels_of_what_it_joins() -> None:
    groups = _groups(_Joined(), 2, 4, 4)
    assert groups.names == ("x", "conv", "fc")
    assert groups.channels["cat"].tolist() == groups.channels["depthwise"].tolist() == [0, 1, 2, 3, 4]
    assert groups.channels["flatten"].tolist() == [channel for channel in range(5) for _ in range(16)]
    assert groups.of == {"x": 0, "conv": 1, "relu": 1, "fc": 2}
    assert groups.frozen == (True, False, True)
    assert not groups.is_frozen("depthwise")
    assert groups.features(["cat", "flatten", "conv"]).tolist() == [[1, 1, 0], [16, 16, 0], [0, 1, 0]]


def test_nested_concatenations_line_up_and_may_repeat_a_tensor() -> None:
    groups = _groups(_Branches(2, 3, 4, 5), 1, 2, 2)
    a, b, c, d = (groups.channels[name].tolist() for name in "abcd")
    assert groups.channels["cat_2"].tolist() == a + b + c + b + d
    assert groups.features(["cat_2"]).tolist() == [[0, 1, 2, 1, 1, 0]]


def test_added_concatenations_unite_their_groups_piece_by_piece() -> None:
    groups = _groups(_Sums(2, 3, 2, 3), 1, 2, 2)
    assert groups.of["a"] == groups.of["c"] != groups.of["b"] == groups.of["d"]
    assert groups.of_layer("add") == [groups.of["a"], groups.of["b"]]
    assert groups.names == ("x", "a", "b", "last")


def test_sums_of_differently_joined_tensors_split_their_groups() -> None:
    """a0 a1 b0 b1 b2 + c0 c1 c2 d0 d1: b0 goes with c2, and b1 and b2 with d."""
    network = _Sums(2, 3, 3, 2)
    groups = _groups(network, 1, 2, 2)
    assert groups.names == ("x", "a", "b", "b#2", "last")
    assert groups.sizes == (1, 2, 1, 2, 2)
    assert groups.channels["add"].tolist() == groups.channels["cat"].tolist() == [1, 2, 3, 4, 5]
    _check_law(network, 1, 2, 2)


def test_channels_that_meet_positions_of_a_map_go_with_them() -> None:
    """A map of two channels at four positions, flattened, plus eight features: four of these go with a channel."""
    network = _Reshaped(2, 8, 1, 1)
    network.last = nn.Linear(8, 2)
    groups = _groups(network, 1, 2, 2)
    assert groups.channels["a"].tolist() == [1, 2]
    assert groups.channels["b"].tolist() == [1] * 4 + [2] * 4
    _check_law(network, 1, 2, 2)


def test_the_same_places_in_each_group_of_a_convolution_go_together() -> None:
    """8 channels in four groups of two: two channels, each of them four features; of 12 outputs three."""
    network = nn.Sequential(
        nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 12, 3, groups=4), nn.ReLU(), nn.Conv2d(12, 2, 1)
    )
    groups = _groups(network, 1, 5, 5)
    assert groups.sizes == (1, 2, 3, 2)
    assert groups.channels["0"].tolist() == [1, 2] * 4
    assert groups.channels["2"].tolist() == [3, 4, 5] * 4
    costs = WidthSpace(trace(network, (1, 5, 5)), device("gap8")).exact((1, 1, 2, 2))
    assert costs["weights"] == 4 + 8 * 1 * 9 + 8 * 2
    assert costs["macs"] == 4 * 25 + 8 * 1 * 9 * 9 + 8 * 2 * 9
    _check_law(network, 1, 5, 5)


class _Gated(nn.Module):
    """Convolution, sigmoid, and perhaps a product of both; then `last`."""

    def __init__(self, product: bool, last: nn.Module) -> None:
        super().__init__()
        self.conv, self.last, self.product = nn.Conv2d(1, 4, 1), last, product

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        gate = torch.sigmoid(y)
        return self.last(y * gate if self.product else gate)


def test_a_sigmoid_may_gate_a_map_or_end_the_network() -> None:
    _check_law(_Gated(True, nn.Conv2d(4, 2, 1)), 1, 2, 2)
    assert all(_groups(_Gated(False, nn.Identity()), 1, 2, 2).frozen)


def test_a_sigmoid_whose_removed_channels_would_contribute_is_refused() -> None:
    with pytest.raises(SuiteError, match=r"layer last reads sigmoid, which is not 0 .* removed channels would still"):
        _groups(_Gated(False, nn.Conv2d(4, 2, 1)), 1, 2, 2)


def _check_law(network: nn.Module, *shape: int) -> None:
    """With each channel of each free group closed in turn: exported = masked, and its costs are those of the space."""
    layers = trace(network, shape)
    space = WidthSpace(layers, device("gap8"))
    for group in space.free:
        for channel in range(space.full[group] - 1):
            masked = MaskedNetwork(copy.deepcopy(network), layers, space.groups)
            with torch.no_grad():
                masked.masks.alpha[torch.nonzero(masked.masks.group_of == group)[channel]] = 0.0
            exported, x = export(masked).eval(), torch.randn(3, *shape)
            torch.testing.assert_close(exported(x), masked.eval()(x), rtol=1e-5, atol=1e-6)
            smaller = WidthSpace(trace(exported, shape), device("gap8"))
            assert smaller.reference_costs == space.exact(masked.widths())


def test_a_concatenation_at_the_output_freezes_all_that_it_joins() -> None:
    network = _Branches(2, 3, 4, 5)
    network.last = nn.Identity()
    assert all(_groups(network, 1, 2, 2).frozen)


def test_costs_of_a_concatenation_by_hand() -> None:
    """Buffers: input 2x16 B, convolution w x 16 B and their concatenation live together; then pairs of (2+w) x 16 B."""
    space = WidthSpace(trace(_Joined(), (2, 4, 4)), device("gap8"))
    full, thin = space.exact((2, 3, 2)), space.exact((2, 1, 2))
    assert (full["weights"], full["macs"], full["ram"]) == (6 + 45 + 160, 6 * 16 + 45 * 16 + 160, 32 + 48 + 80)
    assert (thin["weights"], thin["macs"], thin["ram"]) == (2 + 27 + 96, 2 * 16 + 27 * 16 + 96, 32 + 16 + 48)
    assert full["weights_full"] == full["weights"] + 4 * (3 + 5 + 2)


def test_a_tensor_joined_with_itself_costs_and_loses_both_copies() -> None:
    class Twice(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            y = self[0](x)
            return self[1](torch.cat((y, y), dim=-3))

    network = Twice(nn.Conv2d(1, 3, 1), nn.Conv2d(6, 2, 1))
    layers = trace(network, (1, 2, 2))
    space = WidthSpace(layers, device("gap8"))
    assert space.exact((1, 2, 2))["weights"] == 2 + 4 * 2
    open_channels = [torch.tensor([True]), torch.tensor([True, False, True]), torch.tensor([True, True])]
    exported = slice_channels(network, layers, space.groups, open_channels)
    assert torch.equal(exported[1].weight, network[1].weight[:, [0, 2, 3, 5]])


def test_a_closed_channel_is_closed_in_the_depthwise_convolution_behind_the_concatenation() -> None:
    network = _Joined()
    layers = trace(network, (2, 4, 4))
    masked = MaskedNetwork(network, layers, channel_groups(layers))
    with torch.no_grad():
        masked.masks.alpha[masked.masks.group_of == masked.groups.of["conv"]] = torch.tensor([1.0, 0.0, 1.0])
    seen: list[Tensor] = []
    masked.network.depthwise.register_forward_hook(lambda *args: seen.append(args[2]))
    masked(torch.randn(3, 2, 4, 4))
    assert seen[0].abs().amax(dim=(0, 2, 3)).gt(0).tolist() == [True, True, True, False, True]
    assert export(masked).depthwise.weight.shape == (4, 1, 3, 3)


def test_importance_behind_a_concatenation_goes_to_the_right_channels() -> None:
    network = _Branches(2, 2, 2, 2)
    layers = trace(network, (1, 2, 2))
    groups = channel_groups(layers)
    with torch.no_grad():
        network.b.weight[1] = 0
        network.last.weight[:, [3, 7]] = 0  # a0 a1 b0 b1 c0 c1 b0 b1 d0 d1
    values = channel_importance(network, layers, groups)
    assert values[groups.of["b"]][1] == 0
    assert all(v > 0 for name in "acd" for v in values[groups.of[name]])
    assert values[groups.of["b"]][0] > 0


def test_features_of_a_flattened_sequence() -> None:
    network = nn.Sequential(nn.Conv1d(1, 3, 5), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(12, 2))
    groups = _groups(network, 1, 12)
    assert groups.channels["2"].tolist() == [channel for channel in groups.channels["0"].tolist() for _ in range(4)]
