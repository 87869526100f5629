"""Masks: the searched network and the exported one are the same function, and the law of costs holds."""

import math
from collections.abc import Callable

import pytest
import torch
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from masked_networks import export
from networks import randomise, shaped_networks
from torch import Tensor, nn

from suite.dnas.masks import MaskedNetwork
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.models.resnet18 import ResNet18
from suite.space.groups import channel_groups
from suite.space.width_space import WidthSpace

DEVICES = [device("gap8"), device("nucleo_l4r5zi")]


def _masked(network: nn.Module, shape: tuple[int, ...]) -> MaskedNetwork:
    layers = trace(network, shape)
    return MaskedNetwork(network, layers, channel_groups(layers))


def _close_at_random(masked: MaskedNetwork, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand((), generator=generator)
    with torch.no_grad():
        alpha = masked.masks.alpha
        alpha[torch.rand(len(alpha), generator=generator) < share] = 0.2
        alpha[::7] *= -1  # the sign of alpha must not matter


@settings(max_examples=60, deadline=None)
@given(example=shaped_networks(), seed=st.integers(0, 999))
def test_exported_network_computes_the_same_function(example: tuple[nn.Module, tuple[int, ...]], seed: int) -> None:
    network, shape = example
    masked = _masked(network, shape)
    _close_at_random(masked, seed)
    exported = export(masked).eval()
    x = torch.randn(6, *shape)
    expected = masked.eval()(x).detach()
    assert torch.allclose(exported(x), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert not any("masks" in name for name, _ in exported.named_modules())


@settings(max_examples=60, deadline=None)
@given(example=shaped_networks(), seed=st.integers(0, 999))
def test_relaxed_cost_at_binary_masks_equals_exact_cost_of_the_exported_network(
    example: tuple[nn.Module, tuple[int, ...]], seed: int
) -> None:
    network, shape = example
    layers = trace(network, shape)
    masked = _masked(network, shape)
    _close_at_random(masked, seed)
    masked.train()(torch.randn(4, *shape))
    exported = export(masked)
    for hardware in DEVICES:
        space = WidthSpace(layers, hardware)
        exact = hardware.measure(exported, shape)
        assert space.exact(masked.widths()) == exact
        for metric, cost in space.relaxed(masked.counts, hardware.units).items():
            assert math.isclose(cost.item(), exact[metric], rel_tol=1e-12), metric


@pytest.mark.parametrize(
    ("reference_network", "shape"),
    [
        (ResNet8, (3, 32, 32)), (DsCnn, (1, 49, 10)), (MobileNetV1, (3, 96, 96)), (Autoencoder, (640,)),
        (ResNet18, (3, 64, 64)),
    ],
    ids=["resnet8", "ds_cnn", "mobilenet", "autoencoder", "resnet18"],
)  # fmt: skip
def test_the_five_reference_networks_keep_their_function_when_channels_go(
    reference_network: type[nn.Module], shape: tuple[int, ...]
) -> None:
    masked = _masked(randomise(reference_network()), shape)
    _close_at_random(masked, 3)
    x = torch.randn(2, *shape)
    with torch.no_grad():
        expected = masked.eval()(x)
        smaller = export(masked).eval()(x)
    assert torch.allclose(smaller, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_the_bias_of_a_removed_channel_does_not_leak() -> None:
    """The public code masks weights only: a removed channel still emits relu(bias)."""
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    masked = _masked(network, (1, 2, 2))
    conv = masked.network[0].inner
    nn.init.constant_(conv.bias, 5.0)
    with torch.no_grad():
        masked.masks.alpha[masked.masks.group_of == masked.groups.of["0"]] = torch.tensor([0.0, 1.0])
    x = torch.zeros(1, 1, 2, 2)
    linear = masked.network[3]
    assert torch.allclose(masked(x), linear.weight[:, 4:].sum(1) * 5.0 + linear.bias)


def test_batch_norm_statistics_are_exported() -> None:
    """The public code re-creates batch norm with fresh statistics."""
    network = randomise(ResNet8())
    masked = _masked(network, (3, 32, 32))
    _close_at_random(masked, 1)
    open_stem = masked.masks.open_channels()[masked.groups.of["stem"]]
    exported = export(masked)
    assert torch.equal(exported.bn.running_mean, masked.network.bn.inner.running_mean[open_stem])
    assert torch.equal(exported.bn.running_var, masked.network.bn.inner.running_var[open_stem])


def test_depthwise_export_has_as_many_groups_as_channels() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip
    masked = _masked(network, (1, 8, 8))
    with torch.no_grad():
        masked.masks.alpha[masked.masks.group_of == masked.groups.of["0"]] = torch.tensor([1.0] * 3 + [0.0] * 4 + [1.0])
    depthwise = export(masked)[3]
    assert (depthwise.in_channels, depthwise.out_channels, depthwise.groups) == (4, 4, 4)
    assert depthwise.weight.shape == (4, 1, 3, 3)


def test_depthwise_connected_to_the_input_is_frozen() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 3, 3, groups=3), nn.ReLU(), nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(144, 2)
    )
    groups = channel_groups(trace(network, (3, 8, 8)))
    assert groups.frozen[groups.of["0"]]
    assert not groups.frozen[groups.of["2"]]


def test_added_tensors_share_a_mask_and_the_output_is_frozen() -> None:
    groups = channel_groups(trace(ResNet8(), (3, 32, 32)))
    assert groups.of["stem"] == groups.of["block1.conv2"] == groups.of["add"]
    assert groups.of["block2.conv2"] == groups.of["block2.shortcut"]
    assert groups.of["block2.conv1"] != groups.of["block2.conv2"]
    assert groups.frozen[groups.of["fc"]]
    assert groups.frozen[groups.of["x"]]
    assert [groups.sizes[i] for i in range(len(groups)) if not groups.frozen[i]] == [16, 16, 32, 32, 64, 64]


def test_the_last_channel_of_a_group_never_closes() -> None:
    masked = _masked(ResNet8(), (3, 32, 32))
    with torch.no_grad():
        masked.masks.alpha.zero_()
    assert [w for w, f in zip(masked.widths(), masked.groups.frozen, strict=True) if not f] == [1] * 6


def test_frozen_masks_and_keep_alive_entries_get_no_gradient() -> None:
    masked = _masked(ResNet8(), (3, 32, 32))
    masked(torch.randn(2, 3, 32, 32)).square().sum().backward()
    gradient = masked.masks.alpha.grad
    assert gradient is not None
    assert not gradient[masked.masks.locked].any()
    assert gradient[~masked.masks.locked].any()


def test_cost_gradient_reaches_producer_and_consumer_masks() -> None:
    """The paper's code computed the input side under no_grad, and the depthwise cost without gradient."""
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 6, 3, groups=6, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 5, 1, bias=False), nn.BatchNorm2d(5), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2),
    )  # fmt: skip
    masked = _masked(network, (1, 8, 8))
    masked(torch.randn(2, 1, 8, 8))
    space = WidthSpace(masked.layers, DEVICES[0])
    space.relaxed(masked.counts, ["weights"])["weights"].backward()
    gradient = masked.masks.alpha.grad
    assert gradient is not None
    of, group_of = masked.groups.of, masked.masks.group_of
    # own filter 9, own depthwise filter 9 of *alive* channels, one column of 5 consumers
    assert gradient[group_of == of["0"]][0] == 9 + 9 + 5
    assert gradient[group_of == of["6"]][0] == 6 + 2


def test_a_closed_channel_gets_no_task_gradient() -> None:
    """A stated choice: with ReLU behind, only the costs can reopen it."""
    masked = _masked(randomise(ResNet8()), (3, 32, 32))
    _close_at_random(masked, 5)
    masked(torch.randn(4, 3, 32, 32)).square().sum().backward()
    closed = (masked.masks.alpha.abs() <= 0.5) & ~masked.masks.locked
    # the groups that end in a sum see the other branch's gradient; those of single convolutions see none
    alone = masked.masks.group_of == masked.groups.of["block1.conv1"]
    assert not masked.masks.alpha.grad[closed & alone].any()


def _task_loss(masked: MaskedNetwork) -> Tensor:
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return masked.eval()(x).square().sum()


def _relaxed_cost(masked: MaskedNetwork) -> Tensor:
    return WidthSpace(masked.layers, DEVICES[0]).relaxed(masked.counts, ["macs"])["macs"]


def _loss_term(masked: MaskedNetwork) -> Tensor:
    slopes = torch.arange(1.0, 1 + len(masked.masks.alpha)).masked_fill(masked.masks.locked, 0.0)
    return masked.masks.make_loss_term(3.0, slopes)


@pytest.mark.parametrize("loss", [_task_loss, _relaxed_cost, _loss_term])
def test_the_gradient_carries_the_sign_of_alpha(loss: Callable[[MaskedNetwork], Tensor]) -> None:
    """theta = 1[|alpha| > 0.5] is the same for alpha and -alpha, and its straight-through slope is sign(alpha)."""
    masked = _masked(randomise(ResNet8(width=4)), (3, 32, 32))
    alpha, free = masked.masks.alpha, ~masked.masks.locked
    alpha.data[1::3] = 0.3  # closed channels have the sign as well
    (positive,) = torch.autograd.grad(loss(masked), alpha)
    alpha.data[::2] *= -1
    (mixed,) = torch.autograd.grad(loss(masked), alpha)
    assert positive[free].count_nonzero() > 0.3 * int(free.sum())
    assert torch.allclose(mixed, positive * alpha.sign(), rtol=1e-5)


def test_the_gradient_does_not_depend_on_the_size_of_alpha() -> None:
    """The slope is sign(alpha), not alpha: an open channel of 0.6 and one of 2.0 have the same."""
    masked = _masked(ResNet8(width=4), (3, 32, 32))
    with torch.no_grad():
        masked.masks.alpha[::2] = 0.6
        masked.masks.alpha[1::2] = -2.0
    masked.counts.sum().backward()
    expected = masked.masks.alpha.detach().sign().masked_fill(masked.masks.locked, 0.0)
    assert torch.equal(masked.masks.alpha.grad, expected)


def test_masks_fold_without_changing_the_full_network() -> None:
    torch.manual_seed(0)
    network = randomise(ResNet8()).eval()
    x = torch.randn(3, 3, 32, 32)
    before = network(x)
    assert torch.equal(_masked(network, (3, 32, 32)).eval()(x), before)


def test_a_checkpoint_holds_masks_and_nothing_that_follows_from_them() -> None:
    masked = _masked(ResNet8(width=8), (3, 32, 32))
    assert {name for name in masked.state_dict() if name.startswith("masks.")} == {
        "masks.alpha",
        "masks.locked",
        "masks.group_of",
    }
