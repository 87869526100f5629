"""Compaction: closed channels are not computed, and nothing else changes."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from architectures import SqueezeExcite
from hypothesis import given, settings
from hypothesis import strategies as st
from masked_networks import export
from networks import randomise, shaped_networks
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from suite.dnas.compaction import has_no_task_gradient
from suite.dnas.masks import MaskedNetwork
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.models.resnet18 import ResNet18
from suite.space.groups import channel_groups
from suite.task.evaluation import to_device

Example = tuple[nn.Module, tuple[int, ...]]
Build = Callable[[list[dict[str, object]]], torch.optim.Optimizer]

# eps far above rounding errors: Adam goes by the sign even of a gradient that is nothing but rounding, such as that of
# a bias in front of batch norm
OPTIMISERS: dict[str, Build] = {
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=3e-3, eps=1e-5, fused=True),
    "sgd": lambda groups: torch.optim.SGD(groups, lr=1e-2, momentum=0.9),
}
SHAPE = (3, 32, 32)


def _masked(network: nn.Module, shape: tuple[int, ...]) -> MaskedNetwork:
    layers = trace(network, shape)
    return MaskedNetwork(network, layers, channel_groups(layers))


def _optimiser(masked: MaskedNetwork, kind: str = "adamw", mask_lr: float = 1e-3) -> torch.optim.Optimizer:
    alpha = masked.masks.alpha
    weights = [p for p in masked.parameters() if p is not alpha]
    return OPTIMISERS[kind]([{"params": weights}, {"params": [alpha], "lr": mask_lr, "weight_decay": 0.0}])


@torch.no_grad()
def _close(masked: MaskedNetwork, seed: int, share: float = 0.5) -> None:
    alpha = masked.masks.alpha
    alpha[torch.rand(len(alpha), generator=torch.Generator().manual_seed(seed)) < share] = 0.3


def _steps(masked: MaskedNetwork, optimiser: torch.optim.Optimizer, x: Tensor, count: int) -> None:
    masked.train()
    for _ in range(count):
        loss = masked(x).square().mean() + 1e-3 * masked.counts.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


def _resnet() -> MaskedNetwork:
    torch.manual_seed(0)
    return _masked(randomise(ResNet8(width=8)).to(memory_format=torch.channels_last), SHAPE)


def _state(masked: MaskedNetwork) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in masked.state_dict().items()}


def _same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@settings(max_examples=40, deadline=None)
@given(example=shaped_networks(), seed=st.integers(0, 999))
def test_a_compacted_network_computes_the_same_function(example: Example, seed: int) -> None:
    masked = _masked(*example).eval()
    _close(masked, seed)
    x = torch.randn(6, *example[1])
    expected, exported = masked(x).detach(), export(masked).state_dict()
    changed = masked.compact(_optimiser(masked))
    assert torch.allclose(masked(x), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert _same(export(masked).state_dict(), exported)
    final = [name not in masked.uncompactable_groups for name in masked.groups.names]
    expected_widths = zip(masked.widths(), masked.groups.sizes, final, strict=True)
    assert masked.computed_widths == tuple(w if f else n for w, n, f in expected_widths)
    assert changed == (masked.computed_widths != masked.groups.sizes)


@settings(max_examples=40, deadline=None)
@given(example=shaped_networks(), seed=st.integers(0, 999), kind=st.sampled_from(sorted(OPTIMISERS)))
def test_training_goes_on_as_without_compaction(example: Example, seed: int, kind: str) -> None:
    """Weights, batch norm, its statistics, masks, and through them the optimiser's state."""
    network, shape = example
    whole, compact = (_trained(copy.deepcopy(network), shape, seed, kind, compaction=c) for c in (False, True))
    assert whole.widths() == compact.widths()
    expected = {**export(whole).state_dict(), "alpha": whole.masks.alpha[whole.masks.is_open()]}
    compacted = {**export(compact).state_dict(), "alpha": compact.masks.alpha[compact.masks.is_open()]}
    for name, value in expected.items():
        assert torch.allclose(compacted[name], value, rtol=1e-7, atol=1e-7), name


def _trained(network: nn.Module, shape: tuple[int, ...], seed: int, kind: str, *, compaction: bool) -> MaskedNetwork:
    """Three epochs in double precision; in two of them channels close."""
    masked = _masked(network, shape).double()
    optimiser = _optimiser(masked, kind, mask_lr=1e-5)
    x = torch.randn(8, *shape, generator=torch.Generator().manual_seed(seed)).double()
    for epoch in range(3):
        _steps(masked, optimiser, x, 2)
        if epoch < 2:
            _close(masked, seed + epoch, 0.3)
            if compaction:
                masked.compact(optimiser)
    return masked


@settings(max_examples=60, deadline=None)
@given(example=shaped_networks(), seed=st.integers(0, 999))
def test_a_channel_that_is_closed_for_good_gets_no_task_gradient(example: Example, seed: int) -> None:
    masked = _masked(*example)
    _close(masked, seed)
    masked(torch.randn(4, *example[1])).square().sum().backward()
    final = torch.tensor(has_no_task_gradient(masked.layers, masked.groups))[masked.masks.group_of]
    gradient = masked.masks.alpha.grad
    assert gradient is not None
    assert not gradient[final & ~masked.masks.is_open()].any()


@pytest.mark.parametrize("build", [ResNet8, DsCnn, MobileNetV1, lambda: Autoencoder(110), lambda: ResNet18(width=8)])
def test_in_the_reference_networks_every_closed_channel_is_closed_for_good(build: Callable[[], nn.Module]) -> None:
    network = build()
    shape = {DsCnn: (1, 49, 10), Autoencoder: (110,), MobileNetV1: (3, 96, 96)}.get(type(network), (3, 64, 64))
    assert _masked(network, shape).uncompactable_groups == []


@pytest.mark.parametrize(
    ("between", "waits"),
    [(nn.ReLU, False), (nn.ReLU6, False), (nn.Tanh, True), (nn.Hardswish, True), (nn.SiLU, True), (nn.Identity, True)],
)
def test_where_the_task_can_reopen_a_channel_compaction_waits(between: type[nn.Module], waits: bool) -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), between(), nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6, 2),
    )  # fmt: skip
    masked = _masked(randomise(network), (1, 8, 8))
    _close(masked, 0)
    masked(torch.randn(4, 1, 8, 8)).square().sum().backward()
    first = masked.masks.group_of == masked.groups.of["0"]
    gradient = masked.masks.alpha.grad
    assert gradient is not None
    assert bool(gradient[first & ~masked.masks.is_open()].any()) == waits
    assert masked.uncompactable_groups == (["0"] if waits else [])
    masked.compact(_optimiser(masked))
    assert (masked.computed_widths[masked.groups.of["0"]] == 6) == waits
    assert masked.computed_widths[masked.groups.of["4"]] < 6


def test_the_sum_of_two_branches_is_shielded_by_the_relu_behind_it() -> None:
    """Both branches are closed alike, so that nothing of the other one reaches a closed channel."""
    masked = _resnet()
    _close(masked, 1)
    masked(torch.randn(4, *SHAPE)).square().sum().backward()
    gradient = masked.masks.alpha.grad
    assert gradient is not None
    assert not gradient[~masked.masks.is_open()].any()


def test_a_gate_and_its_map_shield_each_other() -> None:
    """Of squeeze-and-excite's closed channels the map is 0 behind ReLU, so that the gate gets no gradient either."""
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), SqueezeExcite(8), nn.Conv2d(8, 2, 1))
    layers = trace(network, (3, 4, 4))
    assert all(has_no_task_gradient(layers, channel_groups(layers))[1:-1])


def test_what_is_computed_is_the_remaining_network() -> None:
    masked = _resnet()
    optimiser = _optimiser(masked)
    x = torch.randn(4, *SHAPE)
    for seed in (1, 2):
        _close(masked, seed)
        assert masked.compact(optimiser)
        with FlopCounterMode(display=False) as counter:
            masked(x)
        with FlopCounterMode(display=False) as exported:
            export(masked)(x)
        assert counter.get_total_flops() == exported.get_total_flops()
    assert not masked.compact(optimiser), "nothing closed since"
    kernel = masked.network.get_submodule("block1.conv1").weight
    assert kernel.is_contiguous(memory_format=torch.channels_last), "as fast as before"


def test_states_are_of_the_whole_network() -> None:
    masked = _resnet()
    before = _state(masked)
    optimiser = _optimiser(masked)
    x = torch.randn(8, *SHAPE)
    _close(masked, 1)
    masked.compact(optimiser)
    _steps(masked, optimiser, x, 2)
    after = _state(masked)
    assert {name: value.shape for name, value in after.items()} == {name: value.shape for name, value in before.items()}
    stem, mask = "network.stem.weight", masked.masks.open_channels()[masked.groups.of["stem"]]
    assert torch.equal(after[stem][~mask], before[stem][~mask]), "what was dropped stays as it was"
    assert not torch.equal(after[stem][mask], before[stem][mask]), "what was trained is written back"

    other = _resnet()
    other.load_state_dict(after)
    assert torch.allclose(other.eval()(x), masked.eval()(x), rtol=1e-5, atol=1e-5)
    masked.load_state_dict(before)  # has more open channels
    assert _same(_state(masked), before)
    assert torch.equal(masked.eval()(x), _loaded(before).eval()(x))


def _loaded(state: dict[str, Tensor]) -> MaskedNetwork:
    masked = _resnet()
    masked.load_state_dict(state)
    return masked


@pytest.mark.parametrize("kind", sorted(OPTIMISERS))
def test_training_that_is_resumed_is_the_same_bit_for_bit(kind: str) -> None:
    x = torch.randn(8, *SHAPE).contiguous(memory_format=torch.channels_last)
    masked = _resnet()
    optimiser = _optimiser(masked, kind)
    for seed in (1, 2):
        _steps(masked, optimiser, x, 2)
        _close(masked, seed, 0.3)
        masked.compact(optimiser)
        _steps(masked, optimiser, x, 1)
    states = copy.deepcopy((masked.state_dict(), optimiser.state_dict()))
    resumed = _loaded(states[0])
    fresh = _optimiser(resumed, kind)
    resumed.compact(fresh)
    resumed.compact(fresh)
    fresh.load_state_dict(states[1])
    _steps(masked, optimiser, x, 3)
    _steps(resumed, fresh, x, 3)
    assert _same(_state(resumed), _state(masked))


@pytest.mark.parametrize("compaction", [False, True])
def test_a_dropped_channel_stays_closed_whatever_momentum_its_mask_had(compaction: bool) -> None:
    masked = _resnet()
    optimiser = _optimiser(masked, "sgd", mask_lr=1.0)
    alpha = masked.masks.alpha
    free = torch.nonzero(~masked.masks.locked)[0]
    masked(torch.randn(4, *SHAPE)).sum().backward()
    optimiser.step()
    with torch.no_grad():
        alpha[free] = 0.4
        optimiser.state[alpha]["momentum_buffer"][free] = 1.2
    if compaction:
        masked.compact(optimiser)
    optimiser.zero_grad(set_to_none=True)
    (masked(torch.randn(4, *SHAPE)).sum() * 0).backward()
    optimiser.step()
    reopened = bool(masked.masks.is_open()[free])
    assert reopened != compaction, "momentum alone carries alpha below -0.5"
    assert not compaction or alpha[free] == 0


def test_an_optimiser_of_another_network_is_refused() -> None:
    masked = _resnet()
    optimiser = _optimiser(masked)
    _close(masked, 1)
    masked.compact(optimiser)
    masked.expand()
    with pytest.raises(ValueError, match="does not train"):
        masked.compact(optimiser)


def test_vectors_of_any_length_are_aligned_for_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuDNN reads four at a time; parts of one tensor, behind an odd number of channels, ended GPU searches."""
    masked = _resnet()
    _close(masked, 1)
    masked.compact(_optimiser(masked))
    passed: list[Tensor] = []

    def record(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, *rest: Any) -> Tensor:
        passed.extend((weight, bias))
        return batch_norm(x, mean, var, weight, bias, *rest)

    batch_norm = F.batch_norm
    monkeypatch.setattr(F, "batch_norm", record)
    masked.train()(torch.randn(2, *SHAPE))
    assert any(len(vector) % 4 for vector in passed)
    assert [vector.data_ptr() % 16 for vector in passed] == [0] * len(passed)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("network", [ResNet8(), MobileNetV1(), DsCnn()], ids=lambda network: type(network).__name__)
def test_searches_whose_channels_close_go_on_to_train_on_a_gpu(network: nn.Module) -> None:
    """At widths that are no multiple of anything, in batches of two sizes, and the exported network after them."""
    shape = {ResNet8: SHAPE, MobileNetV1: (3, 96, 96), DsCnn: (1, 49, 10)}[type(network)]

    def inputs(examples: int) -> Tensor:
        return torch.randn(examples, *shape, device="cuda").to(memory_format=torch.channels_last)

    masked = to_device(_masked(network, shape), "cuda")
    assert isinstance(masked, MaskedNetwork)
    optimiser = _optimiser(masked)
    for seed in range(8):
        for examples in (32, 32, 11):
            _steps(masked, optimiser, inputs(examples), 5)
        _close(masked, seed, share=0.1)
        masked.compact(optimiser)
    exported = to_device(export(masked), "cuda").train()
    for _ in range(20):
        exported(inputs(32)).square().mean().backward()
    torch.cuda.synchronize()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in exported.parameters())
