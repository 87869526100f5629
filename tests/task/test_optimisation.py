"""How a phase's weights are trained: the rate, which parameters decay, the size of inputs."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from suite.task.optimisation import FINAL_ONLY, SCHEDULES, Optimisation
from suite.task.recipe import Recipe

EPOCHS = st.integers(1, 200)


@given(EPOCHS, st.floats(0.01, 0.5), st.sampled_from(SCHEDULES))
def test_the_rate_rises_linearly_to_the_schedule_s(epochs: int, share: float, schedule: str) -> None:
    settings = Optimisation(schedule=schedule, lr_warmup=share, gamma=0.9, milestones=(epochs,))
    rise = share * epochs
    assert settings.lr_factor(0, epochs) == 0
    assert settings.lr_factor(rise / 2, epochs) == pytest.approx(0.5)
    assert settings.lr_factor(rise, epochs) == pytest.approx(0.9 ** int(rise) if schedule == "exponential" else 1)


@given(EPOCHS, st.floats(0.01, 0.5))
def test_cosine_has_the_rest_of_the_phase(epochs: int, share: float) -> None:
    settings = Optimisation(lr_warmup=share)
    assert settings.lr_factor(epochs, epochs) == pytest.approx(0, abs=1e-12)
    assert settings.lr_factor(epochs * (1 + share) / 2, epochs) == pytest.approx(0.5)
    assert Optimisation().lr_factor(epochs / 4, epochs) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))


@given(EPOCHS, st.lists(st.integers(1, 300), min_size=1, max_size=6).map(sorted))
def test_sizes_rise_in_equal_parts_and_the_last_epoch_has_the_last(epochs: int, sizes: list[int]) -> None:
    seen = [Optimisation(sizes=sizes).size(epoch, epochs) for epoch in range(epochs)]
    assert seen[-1] == sizes[-1]
    assert seen == sorted(seen)  # type: ignore[type-var]
    if epochs % len(sizes) == 0:
        part = epochs // len(sizes)
        assert seen == [size for size in sizes for _ in range(part)]


def test_three_sizes_over_seven_epochs() -> None:
    settings = Optimisation(sizes=[64, 80, 96])
    assert [settings.size(epoch, 7) for epoch in range(7)] == [64, 64, 80, 80, 96, 96, 96]
    assert Optimisation().size(3, 7) is None


@pytest.mark.parametrize(("decay_norms", "decaying"), [(None, {1, 2, 4}), (True, {1, 2, 4}), (False, {2, 4})])
def test_norms_and_biases_decay_unless_told_otherwise(decay_norms: bool | None, decaying: set[int]) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    groups = Optimisation(weight_decay=0.1, decay_norms=decay_norms).build(network).param_groups
    assert {p.ndim for group in groups if group["weight_decay"] for p in group["params"]} == decaying
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


def test_groups_of_others_keep_their_settings() -> None:
    network = nn.Linear(2, 2)
    alpha = nn.Parameter(network.bias.detach())
    extra = [{"params": [alpha], "lr": 7.0, "weight_decay": 0.0}]
    groups = Optimisation(weight_decay=0.1, decay_norms=False).build(network, extra).param_groups
    assert [(g["lr"], g["weight_decay"]) for g in groups] == [(1e-3, 0.1), (1e-3, 0.0), (7.0, 0.0)]


def test_nesterov_reaches_the_optimiser() -> None:
    settings = Optimisation(optimiser="sgd", momentum=0.9, nesterov=True)
    assert settings.build(nn.Linear(2, 2)).param_groups[0]["nesterov"]


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"lr_warmup": 1.0}, "lr_warmup=1.0: must be at least 0 and less than 1"),
        ({"averaging": -0.1}, "averaging=-0.1"),
        ({"label_smoothing": float("nan")}, "label_smoothing=nan"),
        ({"sizes": [96, 64]}, r"sizes=\[96, 64\]: rising"),
        ({"sizes": []}, "sizes="),
        ({"sizes": [64.5]}, "sizes="),
        ({"sizes": "large"}, "sizes=large"),
        ({"nesterov": True}, "nesterov=true: only with optimiser=sgd"),
        ({"schedule": "linear"}, "schedule=linear: choices are constant"),
    ],
)
def test_what_means_nothing_is_refused(setting: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Optimisation(**setting)


FINAL: dict[str, Any] = {"lr_warmup": 0.1, "label_smoothing": 0.1, "averaging": 0.1, "sizes": [4, 8]}


@pytest.mark.parametrize("name", FINAL_ONLY)
def test_a_search_has_nothing_of_a_final_training(name: str) -> None:
    with pytest.raises(ValueError, match=rf"search\.{name}=.*only for warmup and finetune"):
        Recipe(epochs=1, batch=2, search=Optimisation(**{name: FINAL[name]}))
    Recipe(epochs=1, batch=2, warmup=Optimisation(**{name: FINAL[name]}))


def test_a_search_at_a_constant_rate_drops_it() -> None:
    settings = Optimisation(lr=0.3, decay_norms=False, **FINAL).at_constant_rate()
    assert settings == Optimisation(lr=0.3, decay_norms=False, schedule="constant")
    assert settings.final_only == []
