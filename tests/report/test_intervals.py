import math
import warnings
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu, norm, trim_mean

from suite.report.statistics.intervals import (
    interquartile_mean,
    mean_interval,
    mean_intervals,
    performance_profile,
    probability_of_improvement,
    wilson_interval,
)


def test_interval_holds_the_mean_and_lies_within_the_values() -> None:
    found = mean_interval([0.80, 0.84, 0.85, 0.87, 0.90])
    assert found.mean == pytest.approx(0.852)
    assert 0.80 <= found.low < found.mean < found.high <= 0.90


def test_interval_of_three_values_is_their_range() -> None:
    found = mean_interval([0.80, 0.85, 0.81])
    assert [found.low, found.high] == pytest.approx([0.80, 0.85])


def test_interval_of_four_values_is_that_of_all_256_resampled_means() -> None:
    values = [0.1, 0.2, 0.4, 0.9]
    means = [np.mean(drawn) for drawn in product(values, repeat=4)]
    found = mean_interval(values)
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.026)  # one step of means


def test_interval_depends_neither_on_order_nor_on_the_call() -> None:
    values = [0.1, 0.5, 0.4, 0.2, 0.9]
    assert mean_interval(values) == mean_interval(values[::-1])
    assert mean_interval([*values, math.nan]) == mean_interval(values)


def test_interval_does_not_depend_on_what_else_is_computed_with_it() -> None:
    groups = [[0.1, 0.5, 0.4], [0.3], [], [0.2, 0.2], [0.9, 0.1, 0.8], [0.1, 0.4, 0.5], [0.7, 0.2, 0.3, 0.5]]
    for together, values in zip(mean_intervals(groups), groups, strict=True):
        np.testing.assert_equal(together, mean_interval(values))


def test_lower_level_gives_a_narrower_interval() -> None:
    values = [0.1, 0.5, 0.4, 0.2, 0.9, 0.3]
    wide, narrow = mean_interval(values), mean_interval(values, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_single_value_has_no_bounds() -> None:
    found = mean_interval([0.7])
    assert (found.mean, found.n) == (0.7, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_equal_values_give_a_degenerate_interval_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mean_interval([0.7, 0.7, 0.7])
    assert (found.low, found.mean, found.high) == (0.7, 0.7, 0.7)


def test_no_values_give_no_mean() -> None:
    assert math.isnan(mean_interval([]).mean)


@pytest.mark.parametrize(("n", "coverage"), [(3, 0.75), (5, 0.84), (6, 0.86), (10, 0.92), (30, 0.93)])
def test_interval_covers_the_mean_as_often_as_its_docstring_says(n: int, coverage: float) -> None:
    # The standard error of the share is at most 0.014.
    values = np.random.default_rng(n).normal(size=(1000, n))
    covered = [found.low <= 0 <= found.high for found in mean_intervals(values.tolist())]
    assert np.mean(covered) == pytest.approx(coverage, abs=0.03)


@pytest.mark.parametrize(("k", "n"), [(0, 3), (3, 3), (7, 9), (50, 100)])
def test_wilson_is_the_formula(k: int, n: int) -> None:
    z, p = norm.ppf(0.975), k / n
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    found = wilson_interval(k, n)
    assert [found.low, found.high] == pytest.approx([(middle + s * half) / (1 + z**2 / n) for s in (-1, 1)])
    assert (found.mean, found.n) == (p, n)


def test_wilson_covers_the_share_in_95_percent_of_all_cases_on_average() -> None:
    shares, n = np.linspace(0.05, 0.95, 91), 10
    inside = [[wilson_interval(k, n).low <= p <= wilson_interval(k, n).high for k in range(n + 1)] for p in shares]
    coverage = (binom.pmf(range(n + 1), n, shares[:, None]) * inside).sum(axis=1)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)


def test_share_of_no_runs_has_no_bounds_and_impossible_counts_are_refused() -> None:
    assert math.isnan(wilson_interval(0, 0).low)
    with pytest.raises(ValueError, match="k"):
        wilson_interval(4, 3)


def test_probability_of_improvement_is_the_mann_whitney_statistic() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 7) / 9, rng.integers(0, 9, 5) / 9
    assert probability_of_improvement(a, b).mean == pytest.approx(mannwhitneyu(a, b).statistic / 35)


def test_probability_of_improvement_without_a_single_loss_has_no_bounds() -> None:
    found = probability_of_improvement([0.8, 0.9, 0.7], [0.5, 0.6, 0.4])
    assert (found.mean, found.n) == (1.0, 3)
    assert math.isnan(found.low)
    assert math.isnan(probability_of_improvement([], [0.4]).mean)


def test_probability_of_improvement_covers_its_true_value() -> None:
    rng, truth = np.random.default_rng(0), norm.cdf(0.5 / math.sqrt(2))
    found = [probability_of_improvement(rng.normal(0.5, size=15), rng.normal(size=15)) for _ in range(400)]
    assert np.mean([i.low <= truth <= i.high for i in found]) == pytest.approx(0.94, abs=0.03)


def test_interquartile_mean_drops_a_quarter_at_either_end() -> None:
    found = interquartile_mean([[0.0, 0.4, 0.5], [0.6, 0.7, 0.3, 0.2, 9.0]])
    assert found.mean == pytest.approx((0.3 + 0.4 + 0.5 + 0.6) / 4)
    assert found.n == 8


def test_interquartile_mean_resamples_within_benchmarks_only() -> None:
    # Each benchmark's seeds agree, so there is nothing to resample, though the benchmarks are far apart.
    found = interquartile_mean([[0.1, 0.1, 0.1], [0.9, 0.9, 0.9]])
    assert (found.low, found.mean, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_interquartile_mean_of_single_runs_has_no_bounds() -> None:
    found = interquartile_mean([[0.1], [0.5], [0.4], [0.6], [math.nan], []])
    assert found.mean == pytest.approx(trim_mean([0.1, 0.5, 0.4, 0.6], 0.25))
    assert math.isnan(found.low)
    assert math.isnan(interquartile_mean([[]]).mean)


def test_interquartile_mean_covers_its_true_value() -> None:
    rng = np.random.default_rng(0)
    found = [interquartile_mean([rng.normal(size=10), rng.normal(size=10)]) for _ in range(400)]
    assert np.mean([i.low <= 0 <= i.high for i in found]) == pytest.approx(0.93, abs=0.03)


def test_performance_profile_is_the_share_of_runs_above_each_threshold() -> None:
    found = performance_profile([0.1, 0.5, 0.5, math.nan], [0.0, 0.1, 0.4, 0.5])
    assert found.share.tolist() == [0.75, 0.5, 0.5, 0.0]
    assert [found.low[0], found.high[0]] == pytest.approx([wilson_interval(3, 4).low, wilson_interval(3, 4).high])
    assert (found.low <= found.share).all()
    assert (found.share <= found.high).all()
