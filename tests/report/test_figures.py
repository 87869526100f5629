import io
import logging
import pickle

import matplotlib as mpl
import pytest
from figure_checks import (
    FOUR_LIMITS,
    MANY,
    NOWHERE,
    check_panels,
    check_texts,
    hard_case,
    render_figures,
)
from PIL import Image
from synthetic import BUDGETS, METHODS, make_failure, make_record, make_records

import suite.report.figures.catalogue
from suite import SuiteError
from suite.report.figures.catalogue import plan_figures
from suite.report.figures.drawing import encode_pdf, encode_png
from suite.report.figures.format import FigureFormat
from suite.report.figures.pages import MOST_LINES, RenderedFigure
from suite.report.figures.style import KNOWN_METHODS, drawing_style, method_styles
from suite.report.grouping import MethodVariant, report_frame


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
