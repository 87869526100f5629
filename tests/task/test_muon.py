"""Muon for weight matrices with AdamW for the rest: steps, state and refusals."""

import copy

import pytest
import torch
from tasks import plan
from torch import Tensor, nn

from suite import SuiteError
from suite.task.muon import MuonWithAdamW, untrainable
from suite.task.optimisation import Optimisation

SETTINGS = Optimisation(optimiser="muon", lr=0.02, weight_decay=0.1, decay_norms=False)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 20))


@pytest.fixture
def x() -> Tensor:
    return torch.randn(64, 20, generator=torch.Generator().manual_seed(1))


def step(network: nn.Module, optimiser: torch.optim.Optimizer, x: Tensor) -> float:
    loss = (network(x) - x).square().mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def test_each_part_steps_as_torchs_own_optimiser_does(network: nn.Module, x: Tensor) -> None:
    twin = copy.deepcopy(network)
    both = SETTINGS.build(network)
    matrices = [p for p in twin.parameters() if p.ndim == 2]
    muon = torch.optim.Muon(matrices, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW([p for p in twin.parameters() if p.ndim < 2], lr=0.02, weight_decay=0.0)
    for _ in range(3):
        step(network, both, x)
        loss = (twin(x) - x).square().mean()
        twin.zero_grad()
        loss.backward()
        muon.step()
        adamw.step()
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_every_parameter_is_trained_once(network: nn.Module) -> None:
    both = SETTINGS.build(network)
    grouped = [id(p) for group in both.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())


def test_the_rate_set_in_a_group_is_the_parts(network: nn.Module, x: Tensor) -> None:
    both = SETTINGS.build(network)
    before = [p.clone() for p in network.parameters()]
    for group in both.param_groups:
        group["lr"] = 0.0
    step(network, both, x)
    assert all(torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))


def test_a_resumed_optimiser_goes_on_as_if_it_had_not_stopped(network: nn.Module, x: Tensor) -> None:
    both = SETTINGS.build(network)
    for _ in range(3):
        step(network, both, x)
    twin = copy.deepcopy(network)
    resumed = SETTINGS.build(twin)
    resumed.load_state_dict(copy.deepcopy(both.state_dict()))
    for group, other in zip(both.param_groups, resumed.param_groups, strict=True):
        group["lr"] = other["lr"] = 0.01
    assert [step(network, both, x) for _ in range(3)] == [step(twin, resumed, x) for _ in range(3)]


def test_convolutions_and_searches_are_refused() -> None:
    assert untrainable(nn.Sequential(nn.Linear(2, 2), nn.Conv1d(1, 1, 3))) == ["1.weight"]
    with pytest.raises(SuiteError, match=r"recipe\.warmup\.optimiser=muon: only for networks without convolutions"):
        plan("recipe.warmup.optimiser=muon")
    with pytest.raises(SuiteError, match=r"search\.optimiser=muon: only for warmup and finetune"):
        plan("recipe.search.optimiser=muon")


def test_a_search_with_its_settings_has_adamw() -> None:
    assert isinstance(SETTINGS.build(nn.Linear(2, 2)), MuonWithAdamW)
    assert SETTINGS.at_constant_rate().optimiser == "adamw"
