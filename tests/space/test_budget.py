"""Budgets: units, shares of the reference network, violations, and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite import SuiteError
from suite.space.budget import Budget, Constraint, feasible_first_key, parse_budget

REFERENCE_COSTS = {"weights": 77_360.0, "macs": 12_501_632.0, "latency": 0.232, "energy": 0.01}
BOARD = {"weights": "B", "macs": "MAC", "latency": "s", "energy": "J"}
CYCLES = BOARD | {"latency": "cycles"}


@pytest.mark.parametrize(
    ("metric", "text", "target"),
    [
        ("weights", "20kB", 20 * 1024),
        ("weights", "0.5 MB", 512 * 1024),
        ("weights", "1000B", 1000),
        ("weights", 19340, 19340),
        ("weights", "1e4", 10000),
        ("macs", "500", 500),
        ("macs", "2G", 2e9),
        ("latency", "2s", 2),
        ("energy", "3J", 3),
        ("energy", "7uJ", 7e-6),
        ("weights", "25%", 19340),
        ("macs", "1.5M", 1.5e6),
        ("macs", "300k", 3e5),
        ("latency", "5ms", 0.005),
        ("latency", "200us", 0.0002),
        ("latency", 0.1, 0.1),
        ("energy", "2.5mJ", 0.0025),
    ],
)
def test_quantities(metric: str, text: object, target: float) -> None:
    budget = parse_budget({metric: text}, REFERENCE_COSTS, BOARD)
    assert budget.targets == {metric: pytest.approx(target, rel=1e-9)}
    assert budget.label == f"{metric} {text}"


def test_null_is_no_limit_and_an_empty_budget_always_fits() -> None:
    budget = parse_budget(dict.fromkeys(REFERENCE_COSTS), REFERENCE_COSTS, BOARD)
    assert budget == Budget()
    assert budget.fits(REFERENCE_COSTS)
    assert budget.label == "none"


@pytest.mark.parametrize(
    ("metric", "text", "units", "named"),
    [
        ("weights", "25 apples", BOARD, "apples"),
        ("weights", "many", BOARD, "not a quantity"),
        ("weights", "-5kB", BOARD, "positive"),
        ("weights", "0", BOARD, "positive"),
        ("weights", "1e999", BOARD, "positive"),
        ("weights", True, BOARD, "not a quantity"),
        ("latency", "5ms", CYCLES, "no clock"),
        ("weights", "5ms", BOARD, "kB"),
        ("macs", "5kB", BOARD, "M"),
        ("flops", "5", BOARD, "weights, macs, latency, energy"),
    ],
)
def test_what_is_no_budget_is_refused_by_name(metric: str, text: object, units: dict[str, str], named: str) -> None:
    with pytest.raises(SuiteError, match=named) as refused:
        parse_budget({metric: text}, REFERENCE_COSTS, units)
    assert f"budget.{metric}={text}" in str(refused.value)


@given(cost=st.floats(0, 1e12), target=st.floats(1e-6, 1e12))
def test_a_violation_is_zero_exactly_where_the_constraint_holds(cost: float, target: float) -> None:
    constraint = Constraint("weights", target, "x")
    fits = Budget((constraint,)).fits({"weights": cost})
    if fits:
        assert constraint.violation(cost) == 0
    else:
        assert constraint.violation(cost) == pytest.approx(cost / target - 1)


def test_violations_are_relative_and_sum_up() -> None:
    budget = Budget((Constraint("weights", 100, "100"), Constraint("macs", 10, "10"), Constraint("ram", 5, "5")))
    costs = {"weights": 150.0, "macs": 5.0, "ram": 6.0}
    assert budget.violations(costs) == {"weights": 0.5, "macs": 0.0, "ram": pytest.approx(0.2)}
    assert budget.total_violation(costs) == pytest.approx(0.7)


class TestFeasibleFirst:
    """`feasible_first_key`: the order of networks by which checkpoints and candidates are chosen."""

    BUDGET = Budget((Constraint("weights", 100.0, "100"), Constraint("macs", 10.0, "10")))

    def _best(self, *networks: tuple[float, float, float]) -> int:
        """Index of the best of networks given as (weights, MACs, score)."""
        keys = [feasible_first_key(self.BUDGET, {"weights": w, "macs": m}, score) for w, m, score in networks]
        return max(range(len(keys)), key=keys.__getitem__)

    def test_a_network_that_fits_precedes_any_that_does_not(self) -> None:
        assert self._best((101, 1, 0.99), (100, 10, 0.1)) == 1

    def test_of_those_that_fit_the_score_decides_not_the_slack(self) -> None:
        assert self._best((10, 1, 0.5), (100, 10, 0.6), (90, 9, 0.55)) == 1

    def test_of_those_that_do_not_fit_the_total_violation_decides_then_the_score(self) -> None:
        assert self._best((150, 10, 0.9), (120, 11, 0.2), (100, 14, 0.8)) == 1
        assert self._best((150, 10, 0.7), (100, 15, 0.8)) == 1

    def test_a_score_that_is_nan_is_below_all_numbers_wherever_it_stands(self) -> None:
        for scores in ((math.nan, -math.inf, -1e30), (math.nan, -1e30), (-1e30, math.nan)):
            best = self._best(*((50, 5, score) for score in scores))
            assert scores[best] == -1e30

    def test_a_nan_score_that_fits_precedes_a_number_that_does_not(self) -> None:
        assert self._best((101, 1, 0.9), (100, 1, math.nan)) == 1
