"""The lead figure: methods and budgets with scores, fits, use of limits and cost."""

import numpy as np
import pandas as pd
import pytest
from figure_checks import check_panels, check_texts, render_figures, visible_texts
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from synthetic import BUDGETS, METHODS, board, make_record, make_records, with_recipe

from suite.records.record import METRICS, RunRecord
from suite.report.figures.forest import KIND
from suite.report.figures.format import COLUMNS, FigureFormat
from suite.report.figures.pages import RenderedFigure
from suite.report.figures.style import method_styles
from suite.report.grouping import MethodVariant, report_frame
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.main import main_table


def forest(df: pd.DataFrame, width: str = "double") -> list[RenderedFigure]:
    return render_figures(df, form=FigureFormat.from_options(width), kind=KIND)


def only_line(**changes: object) -> tuple[RenderedFigure, list[Axes]]:
    """The figure of five seeds of one method, and its three panels."""
    records = [with_recipe(make_record(seed=seed, **changes)) for seed in range(5)]  # type: ignore[arg-type]
    (picture,) = forest(report_frame(records))
    return picture, picture.figure.axes


@pytest.mark.parametrize("width", COLUMNS)
def test_no_text_overlaps_and_no_panel_is_empty(width: str) -> None:
    records = [with_recipe(r) for r in make_records(seeds=5)]
    records += [make_record(method="unconstrained_dnas", variant={"importance": "gradient", "projection": "none"})]
    for picture in forest(report_frame(records), width):
        assert picture.figure.get_figwidth() == COLUMNS[width]
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
    drawn = [line.get_xdata()[0] for line in limits.lines if len(line.get_xdata()) == 1]  # type: ignore[index,arg-type]
    assert drawn == pytest.approx([100 * (df[f"cost/{m}"] / df[f"target/{m}"]).mean() for m in ("weights", "latency")])
    assert [tick.get_text() for tick in limits.get_yticklabels()] == ["5/5"]
    assert {"limit used: weights", "limit used: latency"} <= {text for text, _ in visible_texts(picture.figure)}


def test_a_limit_that_is_missed_by_far_has_a_logarithmic_axis() -> None:
    record = make_record(budget={"weights": "5%"})
    _, limits, _ = only_line(budget={"weights": "5%"}, costs=record.reference_costs)[1]
    assert limits.get_xscale() == "log"
    assert limits.get_xlim()[1] > 2000


def test_networks_that_are_not_projected_have_hollow_marks_whether_or_not_they_fit() -> None:
    def face(**fields: object) -> set[object]:
        _, (score, _, _) = only_line(**fields)
        return {line.get_markerfacecolor() for line in score.lines if line.get_markersize() == 7}

    assert face(feasible=False) == face(feasible=True) == {"white"}
    assert "white" not in face(variant={"projection": "refill"})
    assert "white" not in face(method="hand_tuned")  # it has no such option


def test_a_board_that_is_exceeded_stands_below_the_runs_that_fit_the_budget() -> None:
    _, (_, limits, _) = only_line(board=board(arena=70_000))
    assert [tick.get_text() for tick in limits.get_yticklabels()] == ["5/5\nboard 0/5"]


def names(picture: RenderedFigure) -> list[str]:
    """The methods of a figure of one budget, from top to bottom."""
    return [tick.get_text().replace("\n", " ") for tick in picture.figure.axes[0].get_yticklabels()]


def scored(method: str, score: float, **fields: object) -> RunRecord:
    return make_record(method=method, scores={"test": score}, **{"feasible": True} | fields)  # type: ignore[arg-type]


def test_methods_are_in_the_order_of_the_main_table_and_projections_share_a_marker() -> None:
    none, refill = {"projection": "none"}, {"projection": "refill"}
    records = [scored("duccio_projected", 0.80), scored("hand_tuned", 0.99, feasible=False), scored("tpe", 0.85)]
    records += [scored("duccio", 0.70, feasible=False), scored("nsga2", 0.75, variant=refill)]
    records += [scored("nsga2", 0.90, variant=none)]
    df = report_frame(records)
    (picture,) = forest(df)
    assert names(picture) == [str(method) for method in main_table(df)["method"]]
    assert names(picture)[:2] == ["nsga2 (projection=none)", "tpe"]
    marks = [line for line in picture.figure.axes[0].lines if line.get_markersize() == 7]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [True, False, False, False, False, True]
    assert marks[0].get_marker() == marks[3].get_marker()


def test_no_page_is_higher_than_a4() -> None:
    projections = [{"projection": value} for value in ("none", "refill")]
    methods = [f"method_{i}" for i in range(23)]
    records = [scored(m, 0.9 - i / 100, variant=v) for i, m in enumerate(methods) for v in projections]
    pictures = forest(report_frame(records))
    assert [len(names(picture)) for picture in pictures] == [23, 23]
    for picture in pictures:
        assert picture.figure.get_figheight() <= 297 / 25.4
        check_texts(picture)


def test_shares_of_limits_have_marks_that_no_method_has() -> None:
    _, (_, limits, _) = only_line(budget=dict.fromkeys(METRICS, "50%"))
    marks = [line.get_marker() for line in limits.lines if len(line.get_xdata()) == 1]  # type: ignore[arg-type]
    assert len(set(marks)) == len(METRICS)
    styles = method_styles([MethodVariant(f"method {i}") for i in range(40)]).values()
    assert not set(map(str, marks)) & {style.marker for style in styles}
    for line in limits.lines:
        red, green, blue = to_rgb(line.get_color())
        assert red == green == blue


def test_headings_stand_above_the_first_budget_alone() -> None:
    (picture,) = forest(report_frame([make_record(budget=b) for b in BUDGETS]))
    titles = [ax.get_title(loc="left") for ax in picture.figure.axes]
    assert titles[1:3] == ["fits | share\nof each limit, %", "standard trainings\n(epochs)"]
    assert titles[4:] == ["", ""]


def test_costs_are_in_trainings_by_phase_and_epochs() -> None:
    _, (_, _, cost) = only_line()
    phases = report_frame([make_record(seed=seed) for seed in range(5)]).filter(regex="^trainings/").mean()
    assert [bar.get_width() for bar in cost.patches] == pytest.approx([share for share in phases if share > 0])
    assert [text.get_text() for text in cost.texts] == ["2.65 (12)"]
    without = forest(report_frame([make_record()]))[0].figure.axes[2]
    narrow = forest(report_frame([with_recipe(make_record())]), "single")[0].figure.axes[2]
    assert not any("(" in ax.texts[0].get_text() for ax in (without, narrow))


def test_runs_without_a_budget_have_no_limit() -> None:
    (picture,) = forest(report_frame([make_record(budget={}), make_record(method="tpe", budget={})]))
    limits = picture.figure.axes[1]
    assert [tick.get_text() for tick in limits.get_yticklabels()] == ["no limit"] * 2
    check_panels(picture)


def test_panels_of_all_budgets_have_the_same_axes() -> None:
    (picture,) = forest(report_frame([make_record(method=m, budget=b) for m in METHODS for b in BUDGETS]))
    first, second = picture.figure.axes[:3], picture.figure.axes[3:]
    assert [ax.get_xlim() for ax in first] == [ax.get_xlim() for ax in second]
