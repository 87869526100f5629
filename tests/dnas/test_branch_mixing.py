"""Layer choices in a search: what is drawn and computed, and that the exported network is the same function."""

import copy
import math

import pytest
import torch
from choices import ToyChoices
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import randomise
from torch import nn

from suite.dnas.branch_mixing import SAMPLING, BranchSampler, ChoiceRule, MixedNetwork
from suite.dnas.choice_search import discretise_choices
from suite.hardware.supernet_graph import trace_supernet
from suite.models.supernets import AutoencoderChoices, DsCnnChoices, MobileNetV1Choices, ResNet8Choices
from suite.space.budget import Budget, Constraint
from suite.space.choice_space import ChoiceSpace

SUPERNETS = [
    (ResNet8Choices, (3, 32, 32)), (DsCnnChoices, (1, 49, 10)), (MobileNetV1Choices, (3, 96, 96)),
    (AutoencoderChoices, (640,)), (ToyChoices, ToyChoices.SHAPE),
]  # fmt: skip
IDS = ["resnet8", "ds_cnn", "mobilenet", "autoencoder", "toy"]


def _mixed(
    network: nn.Module, shape: tuple[int, ...], rule: ChoiceRule | None = None, masked: bool = False
) -> tuple[MixedNetwork, ChoiceSpace]:
    supernet_graph = trace_supernet(network, shape)
    space = ChoiceSpace(supernet_graph, device("gap8"), masked)
    rule = rule or ChoiceRule()
    return MixedNetwork(network, supernet_graph, space.groups, rule, space.branch_costs("macs", space.full)), space


def _decide_at_random(mixed: MixedNetwork, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        logits, alpha = mixed.sampler.logits, mixed.masks.alpha
        logits.copy_(1000 * torch.rand(len(logits), generator=generator))
        alpha[torch.rand(len(alpha), generator=generator) < torch.rand((), generator=generator)] = 0.2


@pytest.mark.parametrize("masked", [False, True], ids=["choices", "both"])
@pytest.mark.parametrize("sampling", SAMPLING)
@pytest.mark.parametrize(("supernet", "shape"), SUPERNETS, ids=IDS)
def test_exported_network_computes_the_same_function(
    supernet: type[nn.Module], shape: tuple[int, ...], sampling: str, masked: bool
) -> None:
    torch.manual_seed(1)
    mixed, space = _mixed(randomise(supernet()), shape, ChoiceRule(sampling=sampling), masked)
    _decide_at_random(mixed, 3)
    mixed.eval()
    x = torch.randn(2, *shape)
    with torch.no_grad():
        expected = mixed(x)
        result = discretise_choices(space, Budget(), mixed, "none", shape)
        exported, selection = result.network, mixed.sampler.selection()
        smaller = exported.eval()(x)
    assert torch.allclose(smaller, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert space.hardware.measure(exported, shape) == space.exact(selection, mixed.widths())
    assert not any("mix" in name or "masks" in name for name, _ in exported.named_modules())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9999))
def test_masks_and_choices_together_export_the_same_function(seed: int) -> None:
    torch.manual_seed(seed)
    mixed, space = _mixed(randomise(ToyChoices()), ToyChoices.SHAPE, masked=True)
    _decide_at_random(mixed, seed)
    x = torch.randn(4, *ToyChoices.SHAPE)
    with torch.no_grad():
        expected = mixed.eval()(x)
        exported = discretise_choices(space, Budget(), mixed, "none", ToyChoices.SHAPE).network
        assert torch.allclose(exported.eval()(x), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def _choices(sampling: str, logits: list[float]) -> BranchSampler:
    space = _mixed(ToyChoices(), ToyChoices.SHAPE)[1]
    choices = BranchSampler(space.positions[:1], ChoiceRule(sampling=sampling))
    with torch.no_grad():
        choices.logits.copy_(torch.tensor(logits))
    return choices


def test_hard_draws_follow_the_probabilities() -> None:
    torch.manual_seed(0)
    choices = _choices("gumbel_hard", [1.0, 0.0, -1.0])
    choices.logits.requires_grad_(False)
    counts = torch.zeros(3)
    for _ in range(4000):
        ((active, weights),) = choices.sample()
        assert weights is None
        counts[active] += 1
    assert torch.allclose(counts / 4000, choices.probabilities()[0], atol=0.03)


def test_a_hard_draw_is_one_hot_and_its_gradient_the_soft_one() -> None:
    torch.manual_seed(0)
    ((active, weights),) = _choices("gumbel_hard", [0.0, 0.0, 0.0]).sample()
    assert active == [0, 1, 2]
    assert sorted(weights.tolist()) == pytest.approx([0, 0, 1], abs=1e-6)
    assert weights.requires_grad


def test_softmax_mixes_in_training_and_evaluation() -> None:
    choices = _choices("softmax", [1.0, 0.0, -1.0])
    for mode in (True, False):
        ((_, weights),) = choices.train(mode).sample()
        assert torch.allclose(weights, torch.tensor([1.0, 0.0, -1.0]).softmax(0))


@pytest.mark.parametrize("sampling", ["gumbel_hard", "gumbel_soft"])
def test_evaluation_takes_the_likeliest_and_draws_nothing(sampling: str) -> None:
    choices = _choices(sampling, [0.0, 2.0, 0.0]).eval()
    state = torch.get_rng_state()
    assert choices.sample() == [([1], None)]
    assert torch.equal(torch.get_rng_state(), state)


def test_temperature_sharpens_and_decays() -> None:
    choices = _choices("softmax", [1.0, 0.0, 0.0])
    warm = float(choices.probabilities()[0].max().detach())
    choices.temperature = 0.1
    assert float(choices.probabilities()[0].max().detach()) > 0.99 > warm
    assert ChoiceRule(temperature=2, decay=0.05).temperature_at(3) == pytest.approx(2 * math.exp(-0.15))


def test_icv_is_the_papers_and_small_where_one_branch_dominates() -> None:
    choices = _choices("softmax", [0.0, 0.0, 0.0])
    assert float(choices.icv().detach()) == pytest.approx(0.5 * (1 / 9) / 1e-3, rel=1e-4)
    with torch.no_grad():
        choices.logits[0] = 50.0
    p = torch.tensor([1.0, 0.0, 0.0])
    assert float(choices.icv().detach()) == pytest.approx(0.5 * float(p.mean() ** 2 / (p.var() + 1e-3)), rel=1e-4)


def test_unlikely_branches_are_dropped_for_good_and_computed_no_more() -> None:
    mixed, space = _mixed(ToyChoices(), ToyChoices.SHAPE)
    with torch.no_grad():
        mixed.sampler.logits[:3] = torch.tensor([5.0, 0.0, 5.0])
    before = mixed.train()(torch.rand(4, *ToyChoices.SHAPE)) is not None and mixed.macs
    mixed.sampler.drop_unlikely()
    assert mixed.sampler.alive[:3].tolist() == [True, False, True]
    mixed(torch.rand(4, *ToyChoices.SHAPE))
    conv5x5 = space.branch_costs("macs", space.full)[1][0][1]
    assert before - mixed.macs == conv5x5 > 0
    with torch.no_grad():
        mixed.sampler.logits[1] = 100.0
    assert mixed.sampler.selection()[0] in (0, 2)
    assert float(mixed.sampler.probabilities()[0][1].detach()) == 0.0


def test_a_weights_step_of_a_hard_search_computes_one_branch() -> None:
    """The flop counter sees what the meter is charged."""
    from torch.utils.flop_counter import FlopCounterMode

    mixed, space = _mixed(DsCnnChoices(), (1, 49, 10))
    mixed.sampler.logits.requires_grad_(False)
    torch.manual_seed(0)
    for _ in range(3):
        with FlopCounterMode(display=False) as counter:
            mixed.train()(torch.rand(2, 1, 49, 10))
        assert counter.get_total_flops() == 2 * 2 * mixed.macs
    assert mixed.macs < space.all_branches_macs / 2
    mixed.sampler.logits.requires_grad_(True)
    mixed(torch.rand(2, 1, 49, 10))
    assert mixed.macs == space.all_branches_macs


def test_switching_branches_makes_the_likeliest_network_fit() -> None:
    mixed, space = _mixed(DsCnnChoices(), (1, 49, 10))
    with torch.no_grad():  # 5x5 everywhere, then in order 3x3, separable, identity
        mixed.sampler.logits.copy_(torch.tensor([2.0, 3.0, 1.0, 0.0] * 4))
    budget = Budget((Constraint("weights", 120_000.0, "120000"),))
    likeliest = discretise_choices(space, budget, mixed, "none", (1, 49, 10))
    fitting = discretise_choices(space, budget, mixed, "repair", (1, 49, 10))
    assert likeliest.choices == space.named((1, 1, 1, 1))
    assert not budget.fits(space.hardware.measure(likeliest.network, (1, 49, 10)))
    assert budget.fits(space.hardware.measure(fitting.network, (1, 49, 10)))
    assert fitting.choices != likeliest.choices


def test_where_masks_are_searched_too_channels_go_before_branches_are_switched() -> None:
    mixed, space = _mixed(ToyChoices(), ToyChoices.SHAPE, masked=True)
    with torch.no_grad():
        mixed.sampler.logits.copy_(torch.tensor([1.0, 2.0, 0.0] + [1.0, 2.0, 0.0, 0.0] * 2))
    cost = space.exact((1, 1, 1))["weights"]
    budget = Budget((Constraint("weights", 0.5 * cost, "50%"),))
    result = discretise_choices(space, budget, mixed, "refill", ToyChoices.SHAPE)
    assert result.choices == space.named((1, 1, 1))
    assert budget.fits(space.hardware.measure(result.network, ToyChoices.SHAPE))


def test_a_network_under_search_can_be_copied() -> None:
    mixed, _ = _mixed(ToyChoices(), ToyChoices.SHAPE)
    mixed.train()(torch.rand(4, *ToyChoices.SHAPE)).sum().backward()
    copy.deepcopy(mixed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sampling", "hard"),
        ("optimisation", "both"),
        ("temperature", 0),
        ("icv", -1),
        ("decay", -0.1),
        ("drop_below", 0.3),
    ],
)
def test_bad_rules_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"choices\.{key}={value}"):
        ChoiceRule(**{key: value})
