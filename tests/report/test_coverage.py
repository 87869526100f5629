"""By simulation: what is called 95 % covers 95 %, tests are wrong in 5 % of all cases, power is what is printed."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import nct, norm, t

from suite.report.grouping import MethodVariant
from suite.report.statistics.comparison import paired_difference
from suite.report.statistics.intervals import Interval, holm, mean_interval, paired_p
from suite.report.statistics.noninferiority import MARGIN, PairedDifference
from suite.report.tables.differences import add_tests
from suite.report.tables.pooled import pooled_table

CASES = 4000
"""Simulated cases: the standard error of a share of 95 % is 0.35 %."""

Array = NDArray[np.float64]


def coverage(intervals: list[Interval], truth: float = 0.0) -> float:
    """Share of the intervals that hold the true value."""
    return float(np.mean([i.low <= truth <= i.high for i in intervals]))


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_over_seeds_cover_the_mean(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(CASES, n))
    assert coverage([mean_interval(row) for row in values]) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_pooled_differences_cover_the_mean_where_runs_of_a_seed_share_an_effect(n: int) -> None:
    rng, cases, budgets = np.random.default_rng(n), 300, 4
    differences = rng.normal(size=(cases, 1, n)) + 0.5 * rng.normal(size=(cases, budgets, n))
    index = pd.MultiIndex.from_product([range(cases), range(budgets), range(n)], names=["benchmark", "budget", "seed"])
    runs = pd.DataFrame({"score": differences.ravel()}, index=index).reset_index()
    sides = [runs.assign(method=MethodVariant("a")), runs.assign(method=MethodVariant("b"), score=0.0)]
    table = pooled_table(pd.concat(sides).assign(status="done", preset="", device="", feasible=True))
    a_minus_b = np.where(table["method"] == MethodVariant("a"), 1, -1)
    bounds = table[["difference_low", "difference_high"]].mul(a_minus_b, axis=0).to_numpy(dtype=float)
    assert len(table) == cases
    assert np.mean((bounds.min(axis=1) <= 0) & (bounds.max(axis=1) >= 0)) == pytest.approx(0.95, abs=0.03)
    assert (table["clusters"] == n).all()


def right(rng: np.random.Generator, hardness: Array, accuracy: Array) -> Array:
    """Whether networks of those expected accuracies (n,) are right (n, N), more often on examples that are easy."""
    noise = rng.normal(size=(len(accuracy), len(hardness)))
    spread = math.sqrt(1 + float(hardness.var()))
    return ((hardness + noise) / spread < norm.ppf(accuracy)[:, None]).astype(float)


def at_the_margin(rng: np.random.Generator, n: int, seed_spread: float, own_hardness: float) -> PairedDifference:
    """A comparison of n pairs of networks on 500 examples, the method's one margin worse than the reference's.

    With `own_hardness`, what is hard for the method is not what is hard for the reference.
    """
    hardness, own = rng.normal(size=(2, 500))
    accuracies = 0.9 + np.array([[-MARGIN], [0]]) + seed_spread / math.sqrt(2) * rng.normal(size=(2, n))
    method = right(rng, hardness + own_hardness * own, accuracies[0])
    reference = right(rng, hardness, accuracies[1])
    return paired_difference("accuracy", np.zeros(500), list(method), list(reference))


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize(("seed_spread", "own_hardness"), [(0, 0), (0.01, 0), (0, 1), (0.01, 1), (0.02, 1)])
def test_a_method_at_the_margin_is_shown_in_about_5_percent_of_all_cases(
    n: int, seed_spread: float, own_hardness: float
) -> None:
    rng = np.random.default_rng(0)
    tests = [at_the_margin(rng, n, seed_spread, own_hardness) for _ in range(2000)]
    p = np.array([test.p_above() for test in tests])
    assert 0.02 <= np.mean(p < 0.05) <= 0.06
    assert 0.02 <= np.mean(1 - p < 0.05) <= 0.06
    assert all((test.difference - test.half_width() > -MARGIN) == (q < 0.05) for test, q in zip(tests, p, strict=True))


@pytest.mark.parametrize("n", [3, 5, 10])
def test_holm_finds_a_difference_among_equal_methods_in_at_most_5_percent_of_all_tables(n: int) -> None:
    rng, methods = np.random.default_rng(n), 6
    scores = rng.normal(size=(1500, methods + 1, n))
    differences = scores[:, 1:] - scores[:, :1]  # all against the same method, so that the tests depend on each other
    found = [np.nanmin(holm([paired_p(row) for row in case])) < 0.05 for case in differences]
    assert np.mean(found) <= 0.05 + 0.012


def test_a_table_corrects_its_blocks_apart() -> None:
    by_seed = np.array([0.01, 0.02, 0.018, -0.002, 0.01])
    rows = [{"budget": budget, "_by_seed": by_seed} for budget in ("a", "a", "b")]
    table = add_tests(rows, ["budget", "difference", "p", "p_holm", "different"], ["budget"])
    assert (table["p_holm"] / table["p"]).tolist() == pytest.approx([2, 2, 1])
    assert table["different"].tolist() == [False, False, True]


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(("seed_error", "example_error"), [(0.002, 0), (0.004, 0.002), (0.002, 0.004), (0.0005, 0.004)])
def test_power_is_the_share_of_simulated_cases_that_are_shown(n: int, seed_error: float, example_error: float) -> None:
    rng, cases = np.random.default_rng(n), 20_000
    by_pair = seed_error * math.sqrt(n) * rng.normal(size=(cases, n))
    difference = by_pair.mean(axis=1) + example_error * rng.normal(size=cases)
    spread = by_pair.std(axis=1, ddof=1) / math.sqrt(n)
    half = np.hypot(t.ppf(0.95, n - 1) * spread, norm.ppf(0.95) * example_error)
    power = PairedDifference(0.0, seed_error, example_error, n, 1000).power()
    assert power == pytest.approx(np.mean(difference - half > -MARGIN), abs=0.01)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_power_without_an_error_of_examples_is_that_of_the_noncentral_t(n: int) -> None:
    power = PairedDifference(0.0, 0.004, 0.0, n, 1000).power()
    assert power == pytest.approx(nct.sf(t.ppf(0.95, n - 1), n - 1, MARGIN / 0.004), abs=0.001)
