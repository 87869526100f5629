"""Whether a difference is above a margin, on cases that can be worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.report.statistics.noninferiority import MARGIN, PairedDifference

ERRORS = st.floats(1e-4, 0.05)


def test_half_width_by_hand() -> None:
    # t = 2.132 for five pairs, z = 1.645: sqrt((2.132 x 0.003)^2 + (1.645 x 0.002)^2) = 0.00719.
    assert PairedDifference(0.0, 0.003, 0.002, 5, 1000).half_width() == pytest.approx(0.00719, abs=1e-5)


def test_a_smaller_error_asks_for_a_wider_bound_and_a_single_pair_has_none() -> None:
    found = PairedDifference(0.0, 0.003, 0.002, 5, 1000)
    assert found.half_width(0.01) > found.half_width(0.05)
    alone = PairedDifference(0.0, math.nan, math.nan, 1, 1000)
    assert all(math.isnan(value) for value in (alone.half_width(), alone.p_above(), alone.power()))


@given(st.floats(-0.1, 0.1), ERRORS, ERRORS, st.integers(2, 12), st.floats(0.001, 0.3))
def test_p_is_the_error_at_which_the_bound_reaches_the_margin(
    difference: float, seed_error: float, example_error: float, pairs: int, error: float
) -> None:
    found = PairedDifference(difference, seed_error, example_error, pairs, 1000)
    lead = difference + MARGIN - found.half_width(error)
    if abs(lead) > 1e-9:
        assert (found.p_above() < error) == (lead > 0)


@pytest.mark.parametrize(("difference", "p"), [(0.0, 0.0), (-0.02, 1.0)])
def test_p_with_hardly_any_error_is_certain(difference: float, p: float) -> None:
    assert PairedDifference(difference, 1e-6, 0.0, 5, 1000).p_above() == pytest.approx(p, abs=1e-9)


def test_seeds_that_all_agree_say_nothing_of_new_ones() -> None:
    found = PairedDifference(0.02, 1e-17, 0.002, 5, 1000)
    assert all(math.isnan(value) for value in (found.half_width(), found.p_above(), found.power()))
    assert "all seeds agree" in found.why_not
    assert PairedDifference(0.02, 0.001, 0.0, 5, 1000).why_not == ""


@given(ERRORS, ERRORS, st.integers(2, 20))
def test_more_seeds_never_lower_the_power(seed_error: float, example_error: float, pairs: int) -> None:
    few, more = (PairedDifference(0.0, seed_error, example_error, n, 1000).power() for n in (pairs, pairs + 1))
    assert 0 <= few <= more + 1e-3 <= 1 + 1e-3
