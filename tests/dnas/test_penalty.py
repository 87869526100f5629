"""The penalty: Eq. 13 and 14 of arXiv 2310.07217, and every bug in the history of their public code.

That is plinio/regularizers/duccio.py in eml-eda/plinio, commits 10fbdfb to 99d5092.
"""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from suite.dnas.penalty import Penalty, PenaltyRule

positive = st.floats(1e-3, 1e9)


def _cost(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def _started(cost: float = 100.0, target: float = 40.0, loss: float = 0.6, epochs: int = 10, **rule: object) -> Penalty:
    penalty = Penalty(PenaltyRule(**rule), {"weights": target}, epochs)
    penalty.start(loss, {"weights": cost})
    return penalty


def test_golden_run_of_the_public_code() -> None:
    penalty = _started()
    assert penalty.strengths == {"weights": pytest.approx(0.01)}
    values = [penalty({"weights": _cost(100.0)}, epoch).item() for epoch in range(11)]
    assert values == pytest.approx([0.006, 0.1248, 0.2436, 0.3624, 0.4812] + [0.6] * 6)
    cost = _cost(100.0)
    penalty({"weights": cost}, 5).backward()
    assert cost.grad is not None
    assert cost.grad.item() == pytest.approx(0.01)


def test_a_violated_constraint_is_penalised_on_every_call() -> None:
    """A generator of strengths was empty from the second call on; min(0, .) made the strength 0."""
    penalty = _started()
    values = [penalty({"weights": _cost(100.0)}, 5).item() for _ in range(100)]
    assert values[0] > 0
    assert values == [values[0]] * 100


def test_strengths_are_plain_numbers_outside_autograd() -> None:
    """Inside autograd lambda (C - T) is constant: no gradient, and a stale graph on the next backward."""
    penalty = _started()
    for _ in range(2):
        cost = _cost(80.0)
        penalty({"weights": cost}, 9).backward()
        assert cost.grad is not None
        assert cost.grad.item() > 0
    assert all(isinstance(value, float) for value in penalty.strengths.values())


@given(cost=positive, target=positive, loss=positive, now=positive, epoch=st.integers(0, 20))
def test_never_negative_and_never_nan(cost: float, target: float, loss: float, now: float, epoch: int) -> None:
    penalty = _started(cost, target, loss)
    value = penalty({"weights": _cost(now)}, epoch).item()
    assert value >= 0
    assert not math.isnan(value)
    assert (value > 0) == (now > target)


def test_equality_at_the_start_gives_no_nan() -> None:
    penalty = _started(cost=40.0)
    assert penalty({"weights": _cost(40.0)}, 3).item() == 0


def test_a_constraint_that_holds_at_the_start_is_armed_when_first_violated() -> None:
    """In the public code it could be violated freely for ever."""
    penalty = _started(cost=30.0)
    assert penalty({"weights": _cost(35.0)}, 3).item() == 0
    assert penalty.strengths == {}
    assert penalty({"weights": _cost(90.0)}, 5).item() == pytest.approx(0.6)
    assert penalty.strengths["weights"] == pytest.approx(0.6 / 50)
    assert penalty({"weights": _cost(41.0)}, 5).item() == pytest.approx(0.6 / 50)


def test_late_arming_close_to_the_target_is_bounded() -> None:
    penalty = _started(cost=30.0)
    penalty({"weights": _cost(40.0001)}, 5)
    assert penalty.strengths["weights"] == pytest.approx(0.6 / 4.0)


def test_strengths_belong_to_metrics_not_to_positions() -> None:
    penalty = Penalty(PenaltyRule(), {"weights": 40.0, "macs": 10.0}, 10)
    penalty.start(0.6, {"macs": 70.0, "weights": 100.0})
    assert penalty.strengths == {"weights": pytest.approx(0.01), "macs": pytest.approx(0.01)}
    costs = {"macs": _cost(10.0), "weights": _cost(100.0)}
    penalty(costs, 9).backward()
    assert costs["macs"].grad is None or costs["macs"].grad.item() == 0
    assert costs["weights"].grad is not None


def test_result_is_a_new_tensor_and_costs_are_not_changed() -> None:
    """In-place addition failed on graphs and on costs of another device."""
    cost = torch.tensor(100.0, requires_grad=True) * 1.0
    _started()({"weights": cost}, 5).backward()
    assert cost.item() == 100.0


@given(epochs=st.integers(1, 500))
def test_ramp_starts_at_one_percent_and_is_full_from_half_time(epochs: int) -> None:
    penalty = _started(epochs=epochs)
    strengths = [penalty.strength("weights", e) / 0.01 for e in range(epochs)]
    assert strengths[0] == pytest.approx(0.01)
    assert strengths == sorted(strengths)
    assert all(s == pytest.approx(1.0) for e, s in enumerate(strengths) if e >= epochs / 2)


def test_the_ramp_rises_from_epoch_to_epoch_and_not_within_one() -> None:
    penalty = _started()
    assert [penalty.strength("weights", e) / 0.01 for e in (0, 0.99, 1, 1.5, 2)] == pytest.approx(
        [0.01, 0.01, 0.208, 0.208, 0.406]
    )


def test_the_strengths_of_the_scripts_depend_on_no_loss() -> None:
    """lambda (C - T) is what the recipe says: of ResNet8 13.9, which gives the scripts' 2.4e-4 at 19,300 B."""
    for loss in (0.6, 6.0):
        penalty = Penalty(PenaltyRule(strength="scripts"), {"weights": 19_300.0}, 10, {"weights": 13.9})
        penalty.start(loss, {"weights": 77_360.0})
        assert penalty.strengths["weights"] == pytest.approx(2.4e-4, rel=0.005)


def test_a_metric_that_the_scripts_do_not_limit_is_named() -> None:
    rule = PenaltyRule(strength="scripts")
    rule.check_metrics(["weights"], {"weights": 13.9, "macs": 140.0})
    with pytest.raises(ValueError, match=r"no strength for ram\. Known: weights"):
        rule.check_metrics(["weights", "ram"], {"weights": 13.9})
    with pytest.raises(ValueError, match="preset=full and preset=paper have them"):
        rule.check_metrics(["weights"], {})
    PenaltyRule().check_metrics(["ram"], {})


def test_shapes_and_schedules() -> None:
    assert _started(schedule="constant")({"weights": _cost(100.0)}, 0).item() == pytest.approx(0.6)
    assert _started(shape="abs", schedule="constant")({"weights": _cost(20.0)}, 0).item() == pytest.approx(0.2)
    assert _started(shape="objective", schedule="constant")({"weights": _cost(50.0)}, 0).item() == pytest.approx(0.3)


def test_multiples_of_eq_13_per_metric() -> None:
    assert _started(strength=10).strengths["weights"] == pytest.approx(0.1)
    assert _started(strength={"weights": 100}).strengths["weights"] == pytest.approx(1.0)
    assert _started(strength={"macs": 100}).strengths["weights"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [("shape", "square", "hinge"), ("schedule", "cosine", "ramp"), ("strength", 0, "positive"),
     ("strength", {"weights": -1}, "positive")],
)  # fmt: skip
def test_bad_rules_are_refused(key: str, value: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        PenaltyRule(**{key: value})


@pytest.mark.parametrize("loss", [0.0, -1.0, math.nan])
def test_a_useless_warmup_loss_is_refused(loss: float) -> None:
    with pytest.raises(ValueError, match="loss"):
        _started(loss=loss)


def test_state_survives_a_checkpoint() -> None:
    first = _started(cost=30.0)
    first({"weights": _cost(90.0)}, 5)
    second = Penalty(PenaltyRule(), {"weights": 40.0}, 10)
    second.restore(first.state())
    assert second({"weights": _cost(50.0)}, 7).item() == first({"weights": _cost(50.0)}, 7).item()


@pytest.mark.parametrize("strength", [{}, {"wieghts": 10}, {"weights": float("nan")}, float("inf"), 0, "10", True])
def test_strengths_that_mean_nothing_are_refused(strength: Any) -> None:
    with pytest.raises(ValueError, match=r"penalty\.strength"):
        PenaltyRule(strength=strength)


def test_strengths_of_what_is_not_limited_are_refused() -> None:
    with pytest.raises(ValueError, match=r"macs is not limited here\. Limited: weights"):
        PenaltyRule(strength={"macs": 10}).check_metrics(["weights"], {})


def test_eq_13_has_one_name_and_the_scripts_no_strength_for_an_objective() -> None:
    assert PenaltyRule(strength=1) == PenaltyRule(strength=1.0) == PenaltyRule()
    with pytest.raises(ValueError, match="shape=objective"):
        PenaltyRule(shape="objective", strength="scripts")


def test_of_several_unknown_limits_the_first_is_named() -> None:
    with pytest.raises(ValueError, match=r"no limit is called wieghts, choices are weights"):
        PenaltyRule(strength={"wieghts": 10, "macs": 2, "lateny": 3})


def test_the_slopes_of_an_absolute_value_are_its_strength_and_the_sign_of_the_excess() -> None:
    penalty = _started(cost=100.0, target=40.0, loss=0.6, shape="abs", schedule="constant")
    for cost, sign in ((40.5, 1), (39.5, -1), (40.0, 0)):
        value, slopes = penalty.evaluate({"weights": cost}, 1.0)
        assert (value, slopes) == (pytest.approx(0.01 * abs(cost - 40)), {"weights": pytest.approx(0.01 * sign)})
