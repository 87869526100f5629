"""The penalty's closed-form gradient is that of the relaxed costs, whatever changed since the last step."""

import pytest
import torch
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import shaped_networks
from torch import Tensor, nn

from suite.dnas.cost_gradients import CostGradients
from suite.dnas.masks import MaskedNetwork
from suite.dnas.penalty import SHAPES, Penalty, PenaltyRule
from suite.hardware.trace import trace
from suite.space.groups import channel_groups
from suite.space.width_space import WidthSpace

DEVICES = {name: device(name) for name in ("gap8", "nucleo_l4r5zi")}


def _close(masked: MaskedNetwork, generator: torch.Generator) -> None:
    alpha = masked.masks.alpha
    with torch.no_grad():
        alpha.fill_(1.0)
        alpha[torch.rand(len(alpha), generator=generator) < 0.4] = 0.2
        alpha[torch.rand(len(alpha), generator=generator) < 0.2] *= -1


def _gradient(masked: MaskedNetwork, term: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(3 * term, masked.masks.alpha)
    return gradient


@settings(max_examples=40, deadline=None)
@given(
    example=shaped_networks(),
    seed=st.integers(0, 999),
    name=st.sampled_from(sorted(DEVICES)),
    shape=st.sampled_from(SHAPES),
)
def test_the_closed_form_is_the_gradient_of_the_relaxed_costs(
    example: tuple[nn.Module, tuple[int, ...]], seed: int, name: str, shape: str
) -> None:
    network, size = example
    layers = trace(network, size)
    space = WidthSpace(layers, DEVICES[name])
    masked = MaskedNetwork(network, layers, channel_groups(layers))
    targets = {metric: 0.7 * space.reference_costs[metric] for metric in ("weights", "macs", "latency", "ram")}
    rule = Penalty(PenaltyRule(shape), targets, 10)
    rule.start(1.0, space.reference_costs)
    cost_gradients = CostGradients(space, list(targets))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, *size)
    for epoch in (0.0, 2.5, 2.5):
        _close(masked, generator)
        masked(x)
        expected = rule(space.relaxed(masked.counts, targets), epoch)
        costs, slopes = cost_gradients.evaluate(masked.masks, masked.last_open)
        value, weights = rule.evaluate(costs, epoch)
        term = masked.masks.make_loss_term(value, torch.tensor(list(weights.values()), dtype=torch.float64) @ slopes)
        assert term.item() == pytest.approx(expected.item(), rel=1e-6)
        assert torch.allclose(_gradient(masked, term), _gradient(masked, expected), rtol=1e-5, atol=1e-12)


def test_costs_are_worked_out_only_when_a_mask_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 2))
    layers = trace(network, (1, 8, 8))
    space = WidthSpace(layers, DEVICES["gap8"])
    masked = MaskedNetwork(network, layers, channel_groups(layers))
    calls: list[int] = []
    original = WidthSpace.relaxed
    monkeypatch.setattr(WidthSpace, "relaxed", lambda *a: calls.append(1) or original(*a))
    cost_gradients = CostGradients(space, ["weights"])
    for alpha, expected in ((1.0, 1), (0.9, 1), (0.4, 2), (0.3, 2), (1.0, 3)):
        with torch.no_grad():
            masked.masks.alpha[1] = alpha
        masked(torch.zeros(2, 1, 8, 8))
        cost_gradients.evaluate(masked.masks, masked.last_open)
        assert len(calls) == expected


def test_without_a_limit_there_are_no_slopes() -> None:
    network = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 2))
    layers = trace(network, (1, 8, 8))
    masks = MaskedNetwork(network, layers, channel_groups(layers)).masks
    costs, slopes = CostGradients(WidthSpace(layers, DEVICES["gap8"]), []).evaluate(masks, masks.is_open())
    assert (costs, slopes.shape) == ({}, (0, len(masks.alpha)))
