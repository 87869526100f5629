"""Figures of score against cost: which methods, marks, lines and words they have."""

import dataclasses
from pathlib import Path

import pytest
from figure_checks import check_texts, hard_case, render_figures, visible_texts
from matplotlib.figure import Figure
from synthetic import METHODS, board, make_record, make_records

from suite.records.record import METRICS
from suite.records.store import Store
from suite.report.figures.pages import RenderedFigure
from suite.report.figures.style import METRIC_LINE_STYLES
from suite.report.grouping import report_frame
from suite.report.tables.main import main_table


def target_lines(figure: Figure) -> list[list[float]]:
    """For each panel the heights of its lines of a quality target, which have a colour of their own."""
    colour = "#882255"
    return [[line.get_ydata()[0] for line in ax.lines if line.get_color() == colour] for ax in figure.axes]  # type: ignore[index]


def test_quality_target_is_a_labelled_dashed_line_within_every_score_panel() -> None:
    records = [make_record(method=m, seed=s, quality_target=0.95) for m in METHODS for s in (0, 1)]
    others = {p.name.split("_")[0]: p for p in render_figures(report_frame(records))}
    score = others.pop("score")
    assert target_lines(score.figure) == [[0.95], [0.95]]
    assert all(low < 0.95 < high for low, high in (ax.get_ylim() for ax in score.figure.axes))
    assert "MLPerf Tiny's target, 0.95" in [text for text, _ in visible_texts(score.figure)]
    assert "quality target" in score.caption
    assert not any(line for other in others.values() for line in target_lines(other.figure))


def test_without_a_quality_target_there_is_no_line() -> None:
    usual = render_figures(report_frame(make_records()))
    assert not any(line for picture in usual for panel in target_lines(picture.figure) for line in panel)
    assert not any("MLPerf" in text for text, _ in visible_texts(usual[0].figure))


def test_of_many_methods_the_six_best_of_a_budget_are_in_its_panels() -> None:
    df = hard_case([{"weights": "5%"}])
    main = main_table(df)
    (score,) = render_figures(df, kind="score")
    shown = [str(method) for method in main["method"]][:6]
    assert len(main) > len(shown)
    said = {"".join(text.split()) for text in labels(score)}
    assert said & set(map(str, main["method"])) == set(shown)
    assert "first six methods of the main table" in score.caption


def test_the_reference_network_is_a_dotted_line_where_hand_tuned_trained_it() -> None:
    reference = make_record(method="hand_tuned", variant={"length": "equal"}, scores={"test": 0.91})
    whole = make_record()
    whole = dataclasses.replace(whole, costs=whole.reference_costs)  # costs as much, but is another method's
    (picture,) = render_figures(report_frame([reference, whole]), kind="score")
    dotted = [line for line in picture.figure.axes[0].lines if line.get_linestyle() == "--" and line.is_dashed()]
    assert [line.get_ydata()[0] for line in dotted] == [pytest.approx(0.91)]  # type: ignore[index]
    assert "reference network" in [text for text, _ in visible_texts(picture.figure)]
    (other,) = render_figures(report_frame([make_record()]), kind="score")
    assert "reference network" not in [text for text, _ in visible_texts(other.figure)]


def test_published_networks_within_the_reference_networks_cost_are_crosses(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    columns = "benchmark,item,metric,value,low,high,unit,data,source,reliability,note"
    rows = [
        f"digits,{item},{metric},{value},,,{unit},all,paper A,primary,"
        for item, weights in (("small", 40_000), ("too large", 400_000))
        for metric, value, unit in (("accuracy", 0.88, "fraction"), ("weights", weights, "parameters"))
    ]
    (tmp_path / "published" / "a.csv").write_text("\n".join([columns, *rows]) + "\n")
    (picture,) = render_figures(report_frame(make_records()), Store(tmp_path, "example"), kind="score")
    marks = [line for line in picture.figure.axes[0].lines if line.get_marker() == "+"]
    points = [list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in marks]  # type: ignore[arg-type]
    assert points == [[(pytest.approx(40_000 / 77_360 * 100), pytest.approx(0.88))]]
    assert "published networks" in [text for text, _ in visible_texts(picture.figure)]
    assert "published" in picture.caption


def labels(picture: RenderedFigure) -> list[str]:
    return [text for text, _ in visible_texts(picture.figure)]


def test_axes_say_that_scores_are_of_float_networks() -> None:
    records = [make_record(method=m, seed=s) for m in METHODS for s in (0, 1)]
    (score,) = render_figures(report_frame(records), kind="score")
    assert labels(score).count("float test accuracy") == 1
    assert "float networks" in score.caption


def test_a_network_that_exceeds_the_board_is_hollow_though_it_fits_its_budget() -> None:
    def marks(**fields: object) -> set[str]:
        record = make_record(**fields)  # type: ignore[arg-type]
        assert record.feasible
        (score,) = render_figures(report_frame([record]), kind="score")
        return {
            str(x.get_markerfacecolor())
            for x in score.figure.axes[0].lines
            if x.get_markersize() == 3.5 and len(x.get_xdata())
        }

    assert "white" not in marks(board=board())
    assert "white" not in marks()
    assert "white" in marks(board=board(arena=70_000))


def test_extrapolated_costs_are_said_on_the_axis() -> None:
    records = [make_record(extrapolated=("too few MACs",)), make_record(method="hand_tuned")]
    (score,) = render_figures(report_frame(records), kind="score")
    assert any("latency (extrapolated)" in text for text in labels(score))
    assert not any("weights (extrapolated)" in text for text in labels(score))


def test_energy_is_labelled_as_power_times_latency() -> None:
    (score,) = render_figures(report_frame([make_record(budget={"energy": "50%"})]), kind="score")
    assert any(text.startswith("energy (power x latency)") for text in labels(score))
    check_texts(score)


def test_flash_is_drawn_like_any_other_metric() -> None:
    pictures = render_figures(report_frame([make_record(budget={"flash": "50%", "ram": "50%"})]))
    score = next(picture for picture in pictures if picture.name.startswith("score"))
    assert any(text.startswith("flash, % of the reference's 94.3 kB") for text in labels(score))
    for picture in pictures:
        check_texts(picture)
    assert len({str(METRIC_LINE_STYLES[metric]) for metric in METRICS}) == len(METRICS)
