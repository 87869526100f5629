import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, t, ttest_1samp

from suite.report.statistics.intervals import (
    ERROR,
    holm,
    holm_errors,
    mean_interval,
    paired_p,
    probability_of_improvement,
    standard_error,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_interval_is_students() -> None:
    values = [0.80, 0.84, 0.85, 0.87, 0.90]
    found = mean_interval(values)
    expected = t.interval(0.95, 4, np.mean(values), np.std(values, ddof=1) / math.sqrt(5))
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(values), *expected))


def test_interval_of_three_values_by_hand() -> None:
    # Standard deviation 0.01, t = 4.303, half-width 4.303 * 0.01 / sqrt(3) = 0.02484.
    found = mean_interval([0.80, 0.81, 0.82])
    assert (found.low, found.high) == pytest.approx((0.78516, 0.83484), abs=1e-5)


def test_interval_depends_neither_on_order_nor_on_missing_values() -> None:
    values = [0.1, 0.5, 0.4, 0.2, 0.9]
    assert mean_interval(values) == mean_interval(values[::-1])
    assert mean_interval([*values, math.nan]) == mean_interval(values)


def test_single_value_has_no_bounds() -> None:
    found = mean_interval([0.7])
    assert (found.mean, found.n) == (0.7, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize("values", [[0.7, 0.7, 0.7], [0.3, 0.1 + 0.2]])
def test_equal_values_have_no_interval_and_give_no_warning(values: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mean_interval(values)
    assert found.mean == pytest.approx(values[0])
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_values_give_no_mean() -> None:
    assert math.isnan(mean_interval([]).mean)


def test_paired_p_is_that_of_the_t_test() -> None:
    values = np.array([0.02, -0.01, 0.03, 0.015])
    assert paired_p(values) == pytest.approx(ttest_1samp(values, 0).pvalue)


@pytest.mark.parametrize("values", [[], [0.1], [0.01, 0.01, 0.01], [0.0, 0.0], [0.3 - 0.2, 0.1]])
def test_too_few_or_equal_differences_prove_nothing(values: list[float]) -> None:
    assert math.isnan(paired_p(values))


def test_holm_by_hand() -> None:
    # Sorted: 0.01 x 4, 0.02 x 3, 0.03 x 2 = 0.06, not below 0.06, 0.5 x 1.
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])


def test_hypotheses_without_a_test_are_not_counted() -> None:
    assert holm([0.02, math.nan, 0.03]) == pytest.approx([0.04, math.nan, 0.04], nan_ok=True)
    assert holm([]).size == 0


@given(P_VALUES)
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1])


@given(P_VALUES)
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p_values: list[float]) -> None:
    adjusted, p = holm(p_values), np.array(p_values)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * p)).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


def test_holm_errors_by_hand() -> None:
    # Sorted: 0.01 below 0.05/4, 0.015 below 0.05/3, 0.03 not below 0.05/2: that stays the error of all that are left.
    assert holm_errors([0.03, 0.01, 0.04, 0.015]) == pytest.approx([0.05 / 2, 0.05 / 4, 0.05 / 2, 0.05 / 3])
    assert holm_errors([]).size == 0


@given(P_VALUES)
def test_p_is_below_its_error_exactly_where_holm_rejects(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    clear = np.abs(adjusted - ERROR) > 1e-9
    assert ((np.array(p_values) < holm_errors(p_values)) == (adjusted < ERROR))[clear].all()


def test_probability_of_improvement_is_the_mann_whitney_statistic() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 7) / 9, rng.integers(0, 9, 5) / 9
    assert probability_of_improvement(a, b) == pytest.approx(mannwhitneyu(a, b).statistic / 35)
    assert math.isnan(probability_of_improvement([], [0.4]))


def test_few_values_at_the_limits_of_each_rule() -> None:
    assert mean_interval([math.nan]).n == 0
    assert standard_error([1.0, 3.0]) == pytest.approx(1.0)
    assert paired_p([0.0, 0.0, 1.0]) == pytest.approx(ttest_1samp([0.0, 0.0, 1.0], 0).pvalue), "two of three agree"
