"""The lead figure: methods and budgets with scores, fits, use of limits and cost."""

import numpy as np
import pandas as pd
import pytest
from figure_checks import check_panels, check_texts, render_figures, visible_texts
from matplotlib.axes import Axes
from synthetic import BUDGETS, METHODS, make_record, make_records, with_recipe

from suite.report.figures.forest import KIND
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import report_frame
from suite.report.statistics.intervals import mean_interval


def forest(df: pd.DataFrame, style: str = "paper") -> list[RenderedFigure]:
    return render_figures(df, style=style, kind=KIND)


def only_line(**changes: object) -> tuple[RenderedFigure, list[Axes]]:
    """The figure of five seeds of one method, and its three panels."""
    records = [with_recipe(make_record(seed=seed, **changes)) for seed in range(5)]  # type: ignore[arg-type]
    (picture,) = forest(report_frame(records))
    return picture, picture.figure.axes


@pytest.mark.parametrize("style", ["paper", "slides"])
def test_no_text_overlaps_and_no_panel_is_empty(style: str) -> None:
    for picture in forest(report_frame([with_recipe(r) for r in make_records(seeds=5)]), style):
        check_texts(picture)
        check_panels(picture)


def test_scores_are_means_with_students_interval_and_single_seeds() -> None:
    _, (score, _, _) = only_line()
    df = report_frame([make_record(seed=seed) for seed in range(5)])
    expected = mean_interval(df["score"])
    means = [line.get_xdata()[0] for line in score.lines if line.get_marker() == "o"]  # type: ignore[index]
    (seeds,) = (line for line in score.lines if line.get_marker() == ".")
    ends = np.concatenate([segment[:, 0] for segments in score.collections for segment in segments.get_segments()])  # type: ignore[attr-defined]
    assert means == [pytest.approx(expected.mean)]
    assert sorted(seeds.get_xdata()) == pytest.approx(sorted(df["score"]))
    assert sorted(ends) == pytest.approx([expected.low, expected.high])


def test_limits_show_their_mean_use_and_the_runs_that_fit() -> None:
    picture, (_, limits, _) = only_line()
    df = report_frame([make_record(seed=seed) for seed in range(5)])
    drawn = [line.get_xdata()[0] for line in limits.lines if line.get_marker() in ("s", "v")]  # type: ignore[index]
    assert drawn == pytest.approx([100 * (df[f"cost/{m}"] / df[f"target/{m}"]).mean() for m in ("weights", "latency")])
    assert [tick.get_text() for tick in limits.get_yticklabels()] == ["5/5"]
    assert {"limit used: weights", "limit used: latency"} <= {text for text, _ in visible_texts(picture.figure)}


def test_a_limit_that_is_missed_by_far_has_a_logarithmic_axis() -> None:
    record = make_record(budget={"weights": "5%"})
    _, limits, _ = only_line(budget={"weights": "5%"}, costs=record.reference_costs)[1]
    assert limits.get_xscale() == "log"
    assert limits.get_xlim()[1] > 2000


def test_a_run_that_misses_its_budget_makes_the_mean_hollow() -> None:
    _, (score, _, _) = only_line(feasible=False)
    assert [line.get_markerfacecolor() for line in score.lines if line.get_marker() == "o"] == ["white"]


def test_costs_are_in_trainings_and_epochs() -> None:
    _, (_, _, cost) = only_line()
    assert [text.get_text() for text in cost.texts] == ["2.65 (12)"]
    without = forest(report_frame([make_record()]))[0].figure.axes[2]
    assert "(" not in without.texts[0].get_text()


def test_runs_without_a_budget_have_no_limit() -> None:
    (picture,) = forest(report_frame([make_record(budget={}), make_record(method="tpe", budget={})]))
    limits = picture.figure.axes[1]
    assert [tick.get_text() for tick in limits.get_yticklabels()] == ["no limit"] * 2
    check_panels(picture)


def test_panels_of_all_budgets_have_the_same_axes() -> None:
    (picture,) = forest(report_frame([make_record(method=m, budget=b) for m in METHODS for b in BUDGETS]))
    first, second = picture.figure.axes[:3], picture.figure.axes[3:]
    assert [ax.get_xlim() for ax in first] == [ax.get_xlim() for ax in second]
