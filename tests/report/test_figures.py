import dataclasses
import io
import logging
import pickle
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from figure_checks import NOWHERE, check_panels, check_texts, render_figures, visible_texts
from matplotlib.figure import Figure
from PIL import Image
from synthetic import BUDGETS, METHODS, board, make_failure, make_many, make_record, make_records

import suite.report.figures.catalogue
from suite import SuiteError
from suite.records.record import METRICS
from suite.records.store import Store
from suite.report.build import build_report
from suite.report.figures.catalogue import MOST_FIGURES, plan_figures
from suite.report.figures.encoding import encode_pdf, encode_png
from suite.report.figures.format import FigureFormat
from suite.report.figures.pages import MOST_BUDGETS, MOST_LINES, RenderedFigure
from suite.report.figures.style import KNOWN_METHODS, METRIC_LINE_STYLES, drawing_style, method_styles
from suite.report.grouping import MethodVariant, report_frame
from suite.report.request import ReportRequest
from suite.report.tables.main import main_table

MANY = (
    "nsga2",
    "tpe",
    "objective",
    "someone_elses_method_with_a_name_of_more_than_fifty_letters",
)


FOUR_LIMITS = {"weights": "25%", "latency": "50%", "ram": "50%", "macs": "1.5M"}
HARD_BUDGETS: Sequence[dict[str, str]] = ({"weights": "5%"}, FOUR_LIMITS, {}, {"weights": "20kB", "latency": "5ms"})


def hard_case(budgets: Sequence[dict[str, str]] = HARD_BUDGETS) -> pd.DataFrame:
    """Many methods with long names; budgets with no, one and four constraints, and far misses."""
    return report_frame(
        [make_record(method=m, budget=b, seed=s) for m in (*METHODS, *MANY) for b in budgets for s in (0, 1)]
    )


@pytest.fixture(scope="module")
def usual() -> list[RenderedFigure]:
    return render_figures(report_frame(make_records()))


@pytest.fixture(scope="module")
def hard() -> list[RenderedFigure]:
    return render_figures(hard_case())


def test_there_are_two_figures_for_each_benchmark_preset_and_device(usual: list[RenderedFigure]) -> None:
    assert [p.name.split("_")[0] for p in usual] == ["forest", "score"]
    assert all(p.caption and "digits" in p.title for p in usual)
    both = render_figures(report_frame([make_record(preset="paper"), make_record(preset="smoke")]))
    assert len({p.name for p in both}) == 4


def test_settings_that_are_alike_as_file_names_have_figures_of_their_own(tmp_path: Path) -> None:
    store = Store(tmp_path, "example")
    for name in ("my-board", "my_board"):
        store.write(make_record(device=name, budget={}))
    build_report(store, ReportRequest.from_options(only=["figures"], formats=["png"]))
    names = [plot.name for plot in plan_figures(report_frame(store.records()), store)]
    assert len(set(names)) == 4
    assert {path.stem for path in (store.folder / "report" / "figures").iterdir()} == set(names)


@pytest.mark.parametrize("case", ["usual", "hard"])
def test_no_text_overlaps_another_or_is_cut(case: str, request: pytest.FixtureRequest) -> None:
    for picture in request.getfixturevalue(case):
        check_texts(picture)


@pytest.mark.parametrize("case", ["usual", "hard"])
def test_no_panel_is_empty(case: str, request: pytest.FixtureRequest) -> None:
    for picture in request.getfixturevalue(case):
        check_panels(picture)


def test_long_experiments_are_split_over_figures(hard: list[RenderedFigure]) -> None:
    scores = [p for p in hard if p.name.startswith("score")]
    assert len(scores) > 1
    assert all(len(p.figure.axes) <= 2 * MOST_LINES for p in scores)


def test_budget_side_and_infeasible_points_can_be_told() -> None:
    record = make_record(method="hand_tuned")
    assert not record.feasible
    score = render_figures(report_frame([record]), kind="score")[0].figure.axes[0]
    assert score.get_xlim()[0] < 25 < score.get_xlim()[1]
    assert {str(line.get_markerfacecolor()) for line in score.lines if line.get_marker() == "s"} >= {"white"}
    region = score.patches[0].get_extents().transformed(score.transData.inverted())
    assert region.x0 == pytest.approx(25)


def test_means_are_drawn_above_the_budget_and_without_intervals() -> None:
    (picture,) = render_figures(report_frame([make_record(seed=s) for s in range(3)]), kind="score")
    ax = picture.figure.axes[0]
    (budget,) = (line for line in ax.lines if list(line.get_xdata()) == pytest.approx([25, 25]))
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert all(line.get_zorder() > budget.get_zorder() for line in marks)
    assert not ax.containers
    assert not [line for line in ax.lines if line.get_marker() in ("_", "|")]


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


def test_without_a_quality_target_there_is_no_line(usual: list[RenderedFigure]) -> None:
    assert not any(line for picture in usual for panel in target_lines(picture.figure) for line in panel)
    assert not any("MLPerf" in text for text, _ in visible_texts(usual[0].figure))


def test_presets_never_share_a_panel() -> None:
    paper, smoke = (make_record(preset=p, scores={"test": v}) for p, v in (("paper", 0.9), ("smoke", 0.3)))
    together, alone = (render_figures(report_frame(records)) for records in ([paper, smoke], [smoke]))
    of_smoke = [p for p in together if "smoke" in p.name]
    assert [p.name for p in of_smoke] == [p.name for p in alone]
    for one, other in zip(of_smoke, alone, strict=True):
        assert encode_png(one.figure) == encode_png(other.figure)


def test_known_methods_differ_in_colour_and_in_marker() -> None:
    found = method_styles(map(MethodVariant, KNOWN_METHODS)).values()
    assert len({look.marker for look in found}) == len({look.colour for look in found}) == len(KNOWN_METHODS)


def test_no_two_of_forty_methods_look_the_same() -> None:
    assert len(set(method_styles(MethodVariant(f"method {i}") for i in range(40)).values())) == 40


def test_styles_differ_by_marker_and_known_methods_keep_theirs() -> None:
    methods = [MethodVariant(name) for name in (*METHODS, *MANY)]
    styles = method_styles(methods)
    assert len({style.marker for style in styles.values()}) == len(methods)
    duccio = MethodVariant("duccio")
    assert method_styles([duccio, MethodVariant("zzz")])[duccio] == styles[duccio]
    assert method_styles(methods) == method_styles(reversed(methods))


def test_a_variant_has_its_methods_style_only_where_the_default_did_not_run() -> None:
    off, default = MethodVariant("duccio", (("projection", "refill"),)), MethodVariant("duccio")
    usual = method_styles([default])[default]
    assert method_styles([off])[off] == usual
    both = method_styles([off, default])
    assert both[default] == usual
    assert both[off].marker != usual.marker
    assert both[off].colour != usual.colour


def test_same_records_give_the_same_bytes_in_whatever_order() -> None:
    records = make_records(seeds=2, budgets=BUDGETS[:1])
    first, second = (render_figures(report_frame(part)) for part in (records, records[::-1]))
    for one, other in zip(first, second, strict=True):
        assert encode_png(one.figure) == encode_png(other.figure)
        assert encode_pdf(one.figure) == encode_pdf(other.figure)


def test_files_hold_no_date_and_no_program(usual: list[RenderedFigure]) -> None:
    assert set(Image.open(io.BytesIO(encode_png(usual[0].figure))).info) <= {"dpi", "transparency"}
    content = encode_pdf(usual[0].figure)
    assert not any(word in content for word in (b"CreationDate", b"ModDate", b"Producer", b"Creator"))


def test_pictures_are_small(usual: list[RenderedFigure], hard: list[RenderedFigure]) -> None:
    largest = max(hard, key=lambda picture: picture.figure.get_figheight())
    assert max(len(encode_png(p.figure)) for p in (*usual, largest)) < 300_000


def test_no_finished_run_gives_no_figure() -> None:
    assert render_figures(report_frame([make_failure()])) == []


def test_listing_the_figures_draws_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("drawn")

    monkeypatch.setattr(mpl.figure.Figure, "__init__", refuse)
    assert len(plan_figures(report_frame(make_records()), NOWHERE)) == 2


def test_one_figure_alone_is_the_same_as_among_all_and_in_another_process(usual: list[RenderedFigure]) -> None:
    plot = plan_figures(report_frame(make_records()), NOWHERE)[1]
    assert plot.name == usual[1].name
    alone = pickle.loads(pickle.dumps(plot)).draw()
    assert encode_pdf(alone.figure) == encode_pdf(usual[1].figure)  # whether or not the PNG was made before
    assert encode_png(alone.figure) == encode_png(usual[1].figure)
    assert encode_pdf(alone.figure) == encode_pdf(usual[1].figure)


def test_of_very_many_budgets_few_are_drawn_and_the_caption_says_so() -> None:
    found = plan_figures(report_frame(make_many(24 * (MOST_BUDGETS + 2))), NOWHERE)
    assert len(found) <= MOST_FIGURES
    picture = found[0].draw()
    assert f"{MOST_BUDGETS} evenly spread" in picture.caption
    drawn_budgets = {text.splitlines()[0] for text, _ in visible_texts(picture.figure) if text.startswith("budget: ")}
    assert "budget: weights 20% + latency 50%" in drawn_budgets  # the first


def test_a_figure_left_out_is_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = [plot.name for plot in plan_figures(hard_case(), NOWHERE)]
    first = [name for name in names if not name[-1].isdigit() or name.endswith("4r5zi")]
    monkeypatch.setattr(suite.report.figures.catalogue, "MOST_FIGURES", len(first))
    with caplog.at_level(logging.WARNING):
        assert [plot.name for plot in plan_figures(hard_case(), NOWHERE)] == first
    assert set(names) - set(first) <= set(caplog.text.replace("\n", " ").replace(",", " ").split())


@pytest.mark.parametrize("options", [("single", ""), ("120mm", "STIXGeneral 9"), ("9in", "12")])
def test_in_other_widths_and_types_nothing_overlaps(options: tuple[str, str]) -> None:
    form = FigureFormat.from_options(*options)
    for picture in render_figures(hard_case([{"weights": "5%"}, FOUR_LIMITS]), form=form):
        assert picture.figure.get_figwidth() == form.width
        check_texts(picture)
        check_panels(picture)
    with drawing_style(form):
        assert (mpl.rcParams["font.size"], mpl.rcParams["font.family"]) == (form.font_size, [form.family])


@pytest.mark.parametrize(
    ("width", "font", "expected"),
    [
        ("", "", (7.16, 8.5, "DejaVu Sans")),
        ("single", "", (3.5, 7.0, "DejaVu Sans")),
        ("double", "10", (7.16, 10.0, "DejaVu Sans")),
        ("127mm", "STIXGeneral", (5.0, 8.5, "STIXGeneral")),
        ("4.7 in", "DejaVu Serif 9.5pt", (4.7, 9.5, "DejaVu Serif")),
    ],
)
def test_widths_are_columns_inches_or_millimetres_and_a_font_is_family_and_size(
    width: str, font: str, expected: tuple[float, float, str]
) -> None:
    form = FigureFormat.from_options(width, font)
    assert (form.width, form.font_size, form.family) == (pytest.approx(expected[0]), *expected[1:])


@pytest.mark.parametrize(
    ("width", "font", "told"),
    [
        ("triple", "", r"--width triple: choices are single \(3.5in\), double \(7.16in\)"),
        ("12cm", "", "3in to 14in as 4.7in or 120mm"),
        ("1in", "", "3in to 14in"),
        ("", "4", "5 to 24 points"),
        ("", "DejaVu Sanz 8", "DejaVu Sanz is not installed .* Did you mean DejaVu Sans"),
    ],
)
def test_a_wrong_width_or_font_is_an_error_that_names_the_choices(width: str, font: str, told: str) -> None:
    with pytest.raises(SuiteError, match=told):
        FigureFormat.from_options(width, font)


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


def test_the_caption_says_where_the_board_is_unknown() -> None:
    def caption(*nodes: dict) -> str:
        records = [make_record(seed=s, board=node) for s, node in enumerate(nodes)]
        return render_figures(report_frame(records), kind="score")[0].caption

    assert "unknown" not in caption(board())
    assert "memory of the board is unknown for some runs" in caption(board(), {})
    assert "memory of the board is unknown:" in caption({})


def test_extrapolated_costs_are_said_on_the_axis_and_in_the_caption() -> None:
    records = [make_record(extrapolated=("too few MACs",)), make_record(method="hand_tuned")]
    (score,) = render_figures(report_frame(records), kind="score")
    assert any("latency (extrapolated)" in text for text in labels(score))
    assert not any("weights (extrapolated)" in text for text in labels(score))
    assert "in 1 of 2 runs" in score.caption


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
