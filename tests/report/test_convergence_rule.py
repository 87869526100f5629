"""The rule by which a training is as long as it need be."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.report.statistics.intervals import standard_error
from suite.report.statistics.training_lengths import TrainingLength, doubling_gain

SHORT = (0.80, 0.81, 0.82, 0.83, 0.84)
ERRORS = (10.0, 8.0, 9.0, 10.0, 8.0)
SCORES = st.lists(st.floats(0.1, 0.99), min_size=5, max_size=9)


def longer(gains: Sequence[float]) -> list[float]:
    """Scores of the longer training, whose seeds gain so many points."""
    return [score + gain / 100 for score, gain in zip(SHORT, gains, strict=False)]


def negative(errors: Sequence[float]) -> list[float]:
    return [-error for error in errors]


def test_gain_is_the_paired_mean_in_points_with_its_standard_error_and_interval() -> None:
    gain = doubling_gain(SHORT, longer((1, 2, 3, 4, 5)))
    assert (gain.mean.mean, gain.mean.n) == (pytest.approx(3), 5)
    assert gain.error == pytest.approx(math.sqrt(2.5 / 5))  # variance 2.5 of 1 to 5
    assert gain.mean.high - gain.mean.mean == pytest.approx(2.776445 * math.sqrt(0.5), rel=1e-6)  # t of 4 degrees


@pytest.mark.parametrize(
    ("gains", "converged"),
    [
        ((0.5,) * 5, False),
        ((0.499,) * 5, True),
        ((0.501,) * 5, False),
        ((-1,) * 5, True),
        ((0,) * 5, True),
        ((0.4, 0.5, 0.6, 0.5, 0.5), False),
    ],
)
def test_a_score_is_converged_below_half_a_point(gains: Sequence[float], converged: bool) -> None:
    assert doubling_gain(SHORT, longer(gains)).converged is converged


@pytest.mark.parametrize(("offset", "converged"), [(0.7, True), (0.72, False)])
def test_a_standard_error_above_half_a_point_is_the_threshold(offset: float, converged: bool) -> None:
    gain = doubling_gain(SHORT, longer([offset + x for x in (-2, -1, 0, 1, 2)]))
    assert gain.least == gain.error == pytest.approx(0.70711, abs=1e-5)
    assert gain.converged is converged


def test_a_smaller_standard_error_leaves_the_threshold_at_half_a_point() -> None:
    assert doubling_gain(SHORT, longer([0.1 * x for x in (-2, -1, 0, 1, 2)])).least == 0.5


@pytest.mark.parametrize(("share", "converged"), [(0.99, False), (0.9901, True), (0.98, False), (1.1, True)])
def test_an_error_is_converged_where_it_falls_by_less_than_one_percent(share: float, converged: bool) -> None:
    gain = doubling_gain(negative(ERRORS), negative([share * error for error in ERRORS]), relative=True)
    assert gain.mean.mean == pytest.approx(100 * (1 - share))
    assert gain.converged is converged


def test_the_standard_error_does_not_excuse_a_fall_of_the_error() -> None:
    falls = np.array([-2.5, -0.5, 1.5, 3.5, 5.5])  # in %: mean 1.5, standard error 1.41
    gain = doubling_gain(negative(ERRORS), negative(ERRORS * (1 - falls / 100)), relative=True)
    assert (gain.mean.mean, gain.least, gain.converged) == (pytest.approx(1.5), 1.0, False)
    scattered = doubling_gain(negative(ERRORS), negative(ERRORS * (1 - (falls + 1.5) / 100)), relative=True)
    assert scattered.converged is False
    assert doubling_gain(SHORT, longer(falls - 0.2)).converged is True, "a score's is its threshold"


@pytest.mark.parametrize(("seeds", "converged"), [(5, True), (4, None), (1, None), (0, None)])
def test_fewer_than_five_pairs_decide_nothing(seeds: int, converged: bool | None) -> None:
    assert doubling_gain(SHORT[:seeds], SHORT[:seeds]).converged is converged


def test_a_pair_without_a_score_is_no_pair() -> None:
    gain = doubling_gain(SHORT, [*SHORT[:4], math.nan])
    assert (gain.mean.n, gain.converged) == (4, None)


@given(SCORES, st.floats(-0.05, 0.05))
def test_a_constant_gain_is_found_whatever_the_scores(scores: list[float], gain: float) -> None:
    found = doubling_gain(scores, np.add(scores, gain))
    assert found.mean.mean == pytest.approx(100 * gain, abs=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)


@given(SCORES, SCORES)
def test_a_relative_gain_does_not_depend_on_the_unit_of_the_error(first: list[float], second: list[float]) -> None:
    n = min(len(first), len(second))
    shorter, longer = negative(first[:n]), negative(second[:n])
    small, large = (doubling_gain(np.multiply(k, shorter), np.multiply(k, longer), relative=True) for k in (1, 1000))
    assert small.mean.mean == pytest.approx(large.mean.mean, abs=1e-9)


@pytest.mark.parametrize(
    ("epochs", "lengths", "double"),
    [
        (12, (6, 12, 24), 24),
        (12, (12, 25), 25),
        (13, (13, 25), 25),
        (12, (23, 24, 25), 24),
        (12, (23, 25), 25),
        (12, (26, 22), math.nan),
        (4, (4, 9), math.nan),
        (5, (5, 11), 11),
        (1, (1, 2, 3), 2),
        (25, (), math.nan),
    ],
)
def test_double_is_twice_the_epochs_or_one_off_where_the_longer_length_is_odd(
    epochs: int, lengths: Sequence[int], double: float
) -> None:
    shorter, *known = (TrainingLength("", "", "", "series", n, "", "", pd.DataFrame()) for n in (epochs, *lengths))
    other = dataclasses.replace(shorter, series="other", epochs=2 * epochs)
    found = shorter.double([*known, other])
    assert (math.nan if found is None else found.epochs) == pytest.approx(double, nan_ok=True)


def test_standard_error_is_the_deviation_over_the_root_of_the_count() -> None:
    assert standard_error([1, 2, 3, 4, 5, math.nan]) == pytest.approx(math.sqrt(0.5))
    assert math.isnan(standard_error([1.0]))
    assert math.isnan(standard_error([]))


@pytest.mark.parametrize(("name", "by_error"), [("negative_error", True), ("top1", False), ("accuracy", False)])
def test_only_a_reconstruction_error_is_judged_in_percent(name: str, by_error: bool) -> None:
    runs = pd.DataFrame({"selection_name": [name]})
    assert TrainingLength("", "", "", "", 5, "", "", runs).by_error == by_error
