import math
import warnings

import pytest

from suite.report.statistics import feasible_share, mean_interval


def test_interval_holds_the_mean_and_lies_within_the_values() -> None:
    found = mean_interval([0.80, 0.84, 0.85, 0.87, 0.90])
    assert found.mean == pytest.approx(0.852)
    assert 0.80 <= found.low < found.mean < found.high <= 0.90


def test_interval_of_three_values_is_their_range() -> None:
    found = mean_interval([0.80, 0.85, 0.81])
    assert [found.low, found.high] == pytest.approx([0.80, 0.85])


def test_interval_depends_neither_on_order_nor_on_the_call() -> None:
    values = [0.1, 0.5, 0.4, 0.2, 0.9]
    assert mean_interval(values) == mean_interval(values[::-1])
    assert mean_interval([*values, math.nan]) == mean_interval(values)


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


def test_feasible_share() -> None:
    assert feasible_share([True, False, True, True]) == 0.75
    assert math.isnan(feasible_share([]))
