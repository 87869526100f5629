"""Momentum cannot open a channel that has closed, at the learning rates at which the network is compacted."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.config.catalogue import catalogue
from suite.config.presets import apply_preset
from suite.config.sweep import compose_job
from suite.dnas.closing import stays_closed
from suite.dnas.masks import THRESHOLD


@settings(max_examples=60, deadline=None)
@given(
    lr=st.floats(1e-4, 6.8e-3),
    pull=st.lists(st.floats(0, 1e3), min_size=1, max_size=40),
    task=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40),
)
def test_a_closed_channel_stays_closed_whatever_pulls_at_it(lr: float, pull: list[float], task: list[float]) -> None:
    """Open, it gets any gradient of the task; closed, only that of the costs, which draws |alpha| to 0, or none."""
    assert stays_closed("adam", lr)
    alpha = torch.nn.Parameter(torch.tensor([0.5 + 3 * lr], dtype=torch.float64))
    optimiser = torch.optim.Adam([alpha], lr=lr)
    closed_at = None
    for step in range(1500):
        is_open = bool(alpha.abs() > THRESHOLD)
        if closed_at is not None:
            assert not is_open, f"opened again {step - closed_at} steps after it had closed"
        elif not is_open:
            closed_at = step
        drawn = pull[step % len(pull)] * alpha.detach().sign()
        alpha.grad = drawn + (task[step % len(task)] if is_open else 0.0)
        optimiser.step()


def test_a_large_rate_can_carry_a_channel_to_the_other_side() -> None:
    """The bound is not idle: one large gradient after many tiny ones, then none."""
    assert not stays_closed("adam", 0.1)
    alpha = torch.nn.Parameter(torch.tensor([0.52]))
    optimiser = torch.optim.Adam([alpha], lr=0.1)
    values = []
    for gradient in [1e-6] * 2 + [1.0] * 3 + [0.0] * 40:
        alpha.grad = torch.full_like(alpha, gradient)
        optimiser.step()
        values.append(alpha.item())
    assert min(values) < -THRESHOLD


def test_no_rate_is_safe_with_the_momentum_of_sgd() -> None:
    assert not stays_closed("sgd", 1e-6)


@pytest.mark.parametrize("name", [entry.name for entry in catalogue() if entry.group == "benchmark"])
def test_the_recipes_that_the_paper_is_compared_by_are_compacted(name: str) -> None:
    for preset in ("short", "paper"):
        _, recipe, _ = apply_preset(compose_job([f"benchmark={name}", f"preset={preset}"]))
        assert stays_closed(recipe.search.optimiser, recipe.mask_lr)
