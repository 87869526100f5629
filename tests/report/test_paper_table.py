"""The main table for a paper: its width, its bold numbers, and the same rows and numbers as the forest plot."""

import re
from pathlib import Path

import pandas as pd
import pytest
from figure_checks import render_figures
from latex_width import FONTS, plain_text, tabular_points, text_points
from synthetic import METHODS, board, make_record, make_records

from suite.records.store import Store
from suite.report.figures.style import KNOWN_METHODS
from suite.report.grouping import report_frame
from suite.report.tables.main import main_table
from suite.report.tables.notes import paper_notes
from suite.report.tables.paper import COLUMN_POINTS, FONT_POINTS, GAP_POINTS, to_paper_latex

RESULTS = Path(__file__).parents[2] / "results"
RECORDED = sorted(path.parent.name for path in RESULTS.glob("*/records.zip"))


def paper_table(df: pd.DataFrame) -> str:
    return to_paper_latex(main_table(df))


def cells(latex: str) -> list[list[str]]:
    """The printed cells of the rows of methods."""
    lines = [line.removesuffix(r"\\") for line in latex.splitlines() if line.endswith(r"\\")]
    rows = [[plain_text(cell) for cell in re.split(r"(?<!\\)&", line)] for line in lines if "multicolumn" not in line]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def points(latex: str, font: str) -> float:
    return tabular_points(latex, font, FONT_POINTS, GAP_POINTS)


def test_the_ruler_measures_what_tex_sets() -> None:
    # cmr10's digits are half an em wide, its "m" five sixths (the font's own table, cmr10.tfm).
    assert text_points("0" * 20, "Computer Modern", 10) == pytest.approx(100, rel=0.01)
    assert text_points("m" * 20, "Computer Modern", 10) == pytest.approx(20 * 8.333, rel=0.01)
    assert plain_text(r"\textbf{0.991} $\pm$ 0.018") == "0.991 \u00b1 0.018"
    wide = r"a & \textbf{bb} \\"
    assert points(wide, "Times") > points(r"a & b \\", "Times") > 2 * GAP_POINTS


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("experiment", RECORDED)
def test_recorded_tables_fit_a_column(experiment: str, font: str) -> None:
    assert points(paper_table(report_frame(Store(RESULTS, experiment).records())), font) <= COLUMN_POINTS


@pytest.mark.parametrize("font", FONTS)
def test_every_method_three_limits_and_many_options_fit_a_column(font: str) -> None:
    budgets = [{"weights": "5%", "latency": "50%", "ram": "50%"}, {"weights": "20kB", "latency": "5ms"}]
    options = {"importance": "gradient", "projection": "refill", "cost_limit": "3", "checkpoint": "late"}
    records = [make_record(method=m, budget=b, seed=s) for m in KNOWN_METHODS for b in budgets for s in (0, 1)]
    records += [make_record(variant=options, budget=b, seed=s) for b in budgets for s in (0, 1)]
    assert 0.6 * COLUMN_POINTS < points(paper_table(report_frame(records)), font) <= COLUMN_POINTS


def test_the_best_score_of_those_that_fit_in_every_run_is_bold() -> None:
    scores = {"a": (0.9, True), "b": (0.8, True), "c": (0.95, False), "d": (0.9, True)}
    records = [
        make_record(method=m, seed=s, scores={"test": score}, feasible=fits or s == 0)
        for m, (score, fits) in scores.items()
        for s in (0, 1)
    ]
    bold = re.findall(r"^(\w+) & \\textbf", paper_table(report_frame(records)), re.MULTILINE)
    assert bold == ["a", "d"]
    assert "textbf" not in paper_table(report_frame([make_record(method="c", feasible=False)]))


def test_rows_and_numbers_are_those_of_the_forest_plot() -> None:
    df = report_frame(make_records(seeds=3))
    rows = cells(paper_table(df))
    (picture,) = render_figures(df, kind="forest")
    panels = picture.figure.axes
    methods = [tick.get_text() for ax in panels[::3] for tick in ax.get_yticklabels()]
    fits = [tick.get_text().splitlines()[0] for ax in panels[1::3] for tick in ax.get_yticklabels()]
    costs = [text.get_text().split()[0] for ax in panels[2::3] for text in ax.texts]
    means = [f"{line.get_xdata()[0]:.3f}" for ax in panels[::3] for line in ax.lines if line.get_markersize() == 7]  # type: ignore[index]
    rows = [row for row in rows if row[2] != "-"]  # a method whose runs all failed has no line in the figure
    assert len(rows) == 2 * len(METHODS)
    assert [[row[0], row[1].split()[0], row[2], row[4]] for row in rows] == [
        list(values) for values in zip(methods, means, fits, costs, strict=True)
    ]


def test_limits_are_in_the_order_of_the_budget_and_a_board_that_is_exceeded_is_named() -> None:
    records = [make_record(seed=s, board=board(arena=70_000 if s else 1_000)) for s in (0, 1)]
    df = report_frame(records)
    ((_, score, fits, limits, _),) = cells(paper_table(df))
    use = [100 * (df[f"cost/{m}"] / df[f"target/{m}"]).mean() for m in ("weights", "latency")]
    assert limits == " / ".join(f"{share:.1f}" for share in use)
    assert (fits, "\u00b1" in score) == ("2/2 (1/2)", True)


def test_its_notes_say_how_numbers_were_made_and_name_nothing_that_it_does_not_show() -> None:
    main = main_table(report_frame([make_record(preset="short", quality_target=0.9, seed=s) for s in (0, 1)]))
    notes = " ".join(paper_notes(main))
    assert all(words in notes for words in ("bold: the best mean", "Development", "Student's t"))
    assert not any(words in notes for words in ("MLPerf", "Energy", "int8 scores"))
